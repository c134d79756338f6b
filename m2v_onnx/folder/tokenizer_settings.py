"""What lies beside a tokenizer.json and overrides it: tokenizer_config.json and special_tokens_map.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.json_values import read_value
from m2v_onnx.folder.names import CONFIG_NAME, SPECIAL_TOKENS_NAME, TOKENIZER_CONFIG_NAME
from m2v_onnx.system.text_files import read_json

_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
# Numbers beyond this mean no limit: transformers writes 1e30.
_NO_LIMIT = 1_000_000_000


@dataclass(frozen=True)
class TokenSettings:
    """A token of `added_tokens_decoder`, with the flags of the tokenizers library's AddedToken."""

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = True
    special: bool = False


@dataclass(frozen=True)
class TokenizerSettings:
    """What a tokenizer's configuration says; None where it says nothing.

    Attributes:
        family: the class without `Tokenizer` and `Fast`, in small letters: `bert`; where no class is named,
            the model's type.
        do_lower_case: whether the text is lower-cased.
        strip_accents: whether accents are removed.
        tokenize_chinese_chars: whether each CJK character is a word.
        add_prefix_space: whether a space is put before the text.
        added_tokens: tokens that the vocabulary may lack, in the order of their ids.
        special_tokens: the special tokens, by their role, such as `pad_token`.
        model_max_length: tokens of a text that count, special ones included.
    """

    family: str = ""
    do_lower_case: bool | None = None
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool | None = None
    add_prefix_space: bool | None = None
    added_tokens: tuple[TokenSettings, ...] = ()
    special_tokens: Mapping[str, str] = field(default_factory=dict)
    model_max_length: int | None = None


def read_tokenizer_settings(folder: Path) -> TokenizerSettings:
    """Read the settings that lie beside a tokenizer.json.

    Raises:
        FolderError: when a file is damaged, or a value is none that it can have.
    """
    path = folder / TOKENIZER_CONFIG_NAME
    content = read_json(path, dict) if path.exists() else {}
    switches = ("do_lower_case", "strip_accents", "tokenize_chinese_chars", "add_prefix_space")
    values = {name: read_value(content, name, bool, path, default=None) for name in switches}
    return TokenizerSettings(
        family=_read_family(content, folder),
        added_tokens=tuple(_read_added_tokens(content, path)),
        special_tokens=_read_special_tokens(folder),
        model_max_length=_read_limit(content),
        **values,
    )


def _read_family(content: Mapping[str, Any], folder: Path) -> str:
    name = read_value(content, "tokenizer_class", str, folder / TOKENIZER_CONFIG_NAME, default=None)
    path = folder / CONFIG_NAME
    if name is None and path.exists():
        name = read_value(read_json(path, dict), "model_type", str, path, default=None)
    return (
        (name or "").removesuffix("Fast").removesuffix("Tokenizer").lower().replace("-", "").replace("_", "")
    )


def _read_limit(content: Mapping[str, Any]) -> int | None:
    limit = content.get("model_max_length")
    return int(limit) if isinstance(limit, int | float) and 0 < limit < _NO_LIMIT else None


def _read_added_tokens(content: Mapping[str, Any], path: Path) -> Iterator[TokenSettings]:
    tokens = read_value(content, "added_tokens_decoder", dict, path, default={})
    try:
        for _, token in sorted(tokens.items(), key=lambda item: int(item[0])):
            yield TokenSettings(str(token["content"]), **{n: bool(token[n]) for n in _FLAGS if n in token})
    except (KeyError, TypeError, ValueError) as error:
        raise FolderError(
            f"added_tokens_decoder in {path} must map ids to tokens with a content, found {error!r}: mend it"
        ) from error


def _read_special_tokens(folder: Path) -> dict[str, str]:
    roles: dict[str, str] = {}
    for name in (SPECIAL_TOKENS_NAME, TOKENIZER_CONFIG_NAME):
        if (folder / name).exists():
            for role, token in read_json(folder / name, dict).items():
                content = token.get("content") if isinstance(token, dict) else token
                if role.endswith("_token") and isinstance(content, str):
                    roles[role] = content
    return roles
