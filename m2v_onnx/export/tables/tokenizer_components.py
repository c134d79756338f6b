"""What a graph must know of a tokenizer, read from its JSON form; refused where a graph cannot carry it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tokenizers import Tokenizer
from tokenizers.normalizers import Normalizer

from m2v_onnx.errors import ArgumentError
from m2v_onnx.tokenizer.phrases import find_phrases

Json = dict[str, Any]

_REMEDY = "use the ids graph, and the tokenizers library in front of it"
_NO_MODEL = {"type": "WordLevel", "vocab": {}, "unk_token": ""}
_PRE_TOKENIZERS = ("BertPreTokenizer", "Whitespace", "WhitespaceSplit")
# The last two compose characters across their borders; what follows them must not.
_NORMALIZERS = ("BertNormalizer", "Lowercase", "NFC", "NFKC")
COMPOSING_FORMS = ("NFC", "NFKC")


@dataclass(frozen=True)
class AddedToken:
    """A token that is found in a text before the text is split into words.

    Attributes:
        content: what is found, before normalisation.
        token_id: its id.
        single_word: whether a word character on either side hides it.
    """

    content: str
    token_id: int
    single_word: bool


@dataclass(frozen=True)
class TokenizerComponents:
    """A WordPiece or WordLevel tokenizer, taken apart.

    Attributes:
        normalizer: its normalizer.
        rules: the JSON form of a tokenizer with the same normalizer and pre-tokenizer, and nothing else.
        kind: how words become ids.
        vocab: the model's tokens and their ids, without tokens that only are added ones.
        unk_id: the id of a word that cannot be made of tokens.
        prefix: what a WordPiece token starts with that continues a word.
        max_word_characters: longer words are unknown; None for no limit.
        raw_tokens: added tokens that are found in the text as it is, in order of preference.
        normalized_tokens: added tokens that are found in the normalised text, in order of preference.
        between_words: whether these are phrases: tokens that the pre-tokenizer cuts out between word
            boundaries, see `phrase_splitter`.
        form: the Unicode normal form that composes characters; None where none does.
    """

    normalizer: Normalizer | None
    rules: str
    kind: Literal["WordPiece", "WordLevel"]
    vocab: dict[str, int]
    unk_id: int
    prefix: str
    max_word_characters: int | None
    raw_tokens: list[AddedToken]
    normalized_tokens: list[AddedToken]
    between_words: bool
    form: Literal["NFC", "NFKC"] | None


def read_components(tokenizer: Tokenizer) -> TokenizerComponents:
    """Take a tokenizer apart.

    Raises:
        ArgumentError: when a component, or an option of an added token, cannot be carried by a graph.
    """
    content = json.loads(tokenizer.to_str())
    model = content["model"]
    _check("model", [model["type"]], ("WordPiece", "WordLevel"))
    phrases = _take_phrases(content)
    normalizers = _members(content["normalizer"], "normalizers")
    types = [member["type"] for member in normalizers]
    _check("normalizer", types, _NORMALIZERS)
    _check_order(types)
    _check(
        "pre-tokenizer",
        [m["type"] for m in _members(content["pre_tokenizer"], "pretokenizers")],
        _PRE_TOKENIZERS,
    )
    if content["pre_tokenizer"] is None:
        raise ArgumentError(f"a graph that takes text needs a pre-tokenizer, found none: {_REMEDY}")
    if model["unk_token"] not in model["vocab"]:
        raise ArgumentError(
            f"the tokenizer must have its unknown token in its vocabulary, found {model['unk_token']!r} "
            f"without an id: {_REMEDY}"
        )
    rules = json.dumps(content | {"model": _NO_MODEL, "added_tokens": [], "post_processor": None})
    normalizer = Tokenizer.from_str(rules).normalizer
    raw, normalized = _added_tokens(content["added_tokens"], normalizer)
    is_word_piece = model["type"] == "WordPiece"
    return TokenizerComponents(
        normalizer=normalizer,
        rules=rules,
        kind=model["type"],
        vocab=model["vocab"],
        unk_id=model["vocab"][model["unk_token"]],
        prefix=model["continuing_subword_prefix"] if is_word_piece else "",
        max_word_characters=model["max_input_chars_per_word"] if is_word_piece else None,
        raw_tokens=raw,
        normalized_tokens=phrases or normalized,
        between_words=bool(phrases),
        form=types[0] if types and types[0] in COMPOSING_FORMS else None,
    )


def _take_phrases(content: Json) -> list[AddedToken]:
    """Give the phrases of a tokenizer; what is left of it is a tokenizer without them."""
    vocab: dict[str, int] = content["model"]["vocab"]
    added = {entry["content"] for entry in content["added_tokens"]}
    phrases = find_phrases(content["pre_tokenizer"], [token for token in vocab if token not in added])
    if any(entry["normalized"] for entry in content["added_tokens"]):
        return []
    if phrases:
        content["pre_tokenizer"] = {"type": "Whitespace"}
    return [AddedToken(phrase, vocab.pop(phrase), single_word=False) for phrase in phrases]


def _members(component: Json | None, key: str) -> list[Json]:
    """Give a component as the list of what it applies in turn."""
    return list(_walk(component, key))


def _walk(component: Json | None, key: str) -> Iterator[Json]:
    if component is None:
        return
    if component["type"] != "Sequence":
        yield component
        return
    for member in component[key]:
        yield from _walk(member, key)


def _check(name: str, types: Sequence[str], known: Sequence[str]) -> None:
    for component in types:
        if component not in known:
            raise ArgumentError(
                f"a graph that takes text carries the {name}s {', '.join(known)}, "
                f"found {component}: {_REMEDY}"
            )


def _check_order(types: Sequence[str]) -> None:
    for component in types[1:]:
        if component in COMPOSING_FORMS:
            raise ArgumentError(
                f"a graph that takes text carries {component} as the first normalizer only, found it "
                f"behind {types[0]}: {_REMEDY}"
            )


def _added_tokens(
    entries: list[Json], normalizer: Normalizer | None
) -> tuple[list[AddedToken], list[AddedToken]]:
    """Give the added tokens that are found before, and after, the text is normalised.

    Where two have the same form, the first is meant: special ones come before others.
    """
    raw: dict[str, AddedToken] = {}
    normalized: dict[str, AddedToken] = {}
    for entry in sorted(entries, key=lambda entry: not entry["special"]):
        searched = entry["content"]
        if entry["normalized"] and normalizer is not None:
            searched = normalizer.normalize_str(searched)
        found = normalized if entry["normalized"] else raw
        found.setdefault(searched, AddedToken(entry["content"], entry["id"], entry["single_word"]))
    for token in (*raw.values(), *normalized.values()):
        if not token.content or token.content != token.content.strip():
            raise ArgumentError(
                "a graph that takes text carries no added token that is empty or begins or ends with white "
                f"space, found {token.content!r}: {_REMEDY}"
            )
    return list(raw.values()), list(normalized.values())
