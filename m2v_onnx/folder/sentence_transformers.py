"""What a sentence-transformers folder says of itself: modules and settings, read once, in every dialect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.json_values import read_value
from m2v_onnx.folder.names import CONFIG_NAME, MODULES_NAME, SLOW_TOKENIZERS, ST_CONFIG_NAME, TOKENIZER_NAME
from m2v_onnx.folder.router import ROUTERS, Route, read_route
from m2v_onnx.folder.tokenizer_settings import TokenizerSettings, read_tokenizer_settings
from m2v_onnx.system.text_files import read_json

# In the order in which sentence-transformers joins them where several are on; and the flags of its older
# dialect that say so.
POOLING_FLAGS = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len_tokens": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
# Its settings of a transformer are named after the class that it once had for each family.
_FAMILIES = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")


@dataclass(frozen=True)
class Module:
    """A module that a text goes through.

    Attributes:
        kind: the name of its class, such as `Dense`.
        folder: where its files lie.
    """

    kind: str
    folder: Path


@dataclass(frozen=True)
class Pooling:
    """How hidden states become a sentence vector.

    Attributes:
        modes: keys of POOLING_FLAGS; the vectors of several are joined.
        include_prompt: whether a prompt's positions take part.
    """

    modes: tuple[str, ...] = ("mean",)
    include_prompt: bool = True


@dataclass(frozen=True)
class EncodeSettings:
    """How sentence-transformers encodes with a model, from `config_sentence_transformers.json`.

    Attributes:
        prompts: texts to put before a text, by their names; without the empty ones.
        default_prompt: the name of the prompt that is put before every text; None for none.
        truncate_dim: the columns of a sentence vector that are kept; None for all.
        similarity: the function that compares two vectors, such as `cosine`; None where none is named.
        normalize: whether vectors are of length 1: what model2vec reads there, and no other library.
    """

    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    truncate_dim: int | None = None
    similarity: str | None = None
    normalize: bool = False


@dataclass(frozen=True)
class TransformerSettings:
    """What happens to a text before the transformer, from `sentence_bert_config.json` and its like.

    Attributes:
        max_seq_length: tokens that count, special ones included; None where it is not said.
        do_lower_case: whether the text is lower-cased, whatever the tokenizer does.
    """

    max_seq_length: int | None = None
    do_lower_case: bool = False


@dataclass(frozen=True)
class Description:
    """Everything that a folder says; whether it can be done here is for its reader to judge.

    Attributes:
        folder: the folder.
        modules: what a text goes through, in order; none for a plain transformer.
        pooling: what the Pooling module says, wherever it lies; None where there is none.
        encode: how vectors are asked for.
        transformer: what happens to a text before the transformer.
        tokenizer: what overrides the transformer's tokenizer.json.
        route: the way through a Router that these modules are; None where there is no Router.
    """

    folder: Path
    modules: tuple[Module, ...]
    pooling: Pooling | None
    encode: EncodeSettings
    transformer: TransformerSettings
    tokenizer: TokenizerSettings
    route: Route | None = None

    @property
    def kinds(self) -> list[str]:
        """The kinds of the modules, in order."""
        return [module.kind for module in self.modules]

    @property
    def tokenizer_folder(self) -> Path:
        """The folder of the transformer's tokenizer: its own, or the root where none lies there."""
        return _tokenizer_folder(self.transformer_folder, self.folder)

    @property
    def transformer_folder(self) -> Path:
        """The folder of the Transformer module; the folder itself where no module is one."""
        return _folder_of("Transformer", self.modules) or self.folder

    @property
    def onnx_folders(self) -> tuple[Path, ...]:
        """The folders where the transformer's ONNX file may lie: at the root of a Router, any route's may."""
        folders = (self.folder, self.transformer_folder)
        return tuple(dict.fromkeys(folders if self.route is None else folders[1:]))


def read_description(folder: Path, *, router_path: str | None = None) -> Description:
    """Read what a folder says.

    Args:
        folder: the folder.
        router_path: which way to take through its Router; None for the one that the Router names.

    Raises:
        FolderError: when a file is damaged, or a value is none that it can have; and for a route that is not
            there.
    """
    modules = tuple(_read_modules(folder / MODULES_NAME))
    router = next((module for module in modules if module.kind in ROUTERS), None)
    route = None if router is None else read_route(router.folder, router_path)
    if router is not None and route is not None:
        inner = tuple(_module(*entry, router.folder, folder / MODULES_NAME) for entry in route.modules)
        before = modules.index(router)
        modules = modules[:before] + inner + modules[before + 1 :]
    elif router_path is not None:
        raise FolderError(
            f"expected a Router in {folder / MODULES_NAME} for router_path {router_path!r}, found none: "
            "leave router_path (--router-path) out"
        )
    transformer_folder = _folder_of("Transformer", modules) or folder
    pooling_folder = _folder_of("Pooling", modules)
    return Description(
        folder=folder,
        modules=modules,
        pooling=None if pooling_folder is None else _read_pooling(pooling_folder / CONFIG_NAME),
        encode=_read_encode_settings(folder / ST_CONFIG_NAME),
        transformer=_read_transformer_settings(transformer_folder),
        tokenizer=read_tokenizer_settings(_tokenizer_folder(transformer_folder, folder)),
        route=route,
    )


def _folder_of(kind: str, modules: tuple[Module, ...]) -> Path | None:
    return next((module.folder for module in modules if module.kind == kind), None)


def _tokenizer_folder(transformer_folder: Path, root: Path) -> Path:
    is_there = any((transformer_folder / name).exists() for name in (TOKENIZER_NAME, *SLOW_TOKENIZERS))
    return transformer_folder if is_there else root


def _read_modules(path: Path) -> Iterator[Module]:
    if not path.exists():
        return
    for entry in read_json(path, list):
        if not isinstance(entry, dict):
            raise FolderError(f"expected modules with a type and a path in {path}, found {entry!r:.60}")
        kind = read_value(entry, "type", str, path, default="")
        place = read_value(entry, "path", str, path, default="")
        yield _module(kind, place, path.parent, path)


def _module(kind: str, place: str, folder: Path, path: Path) -> Module:
    if PurePosixPath(place).is_absolute() or ".." in PurePosixPath(place).parts:
        raise FolderError(f"path of a module in {path} must lie in its folder, found {place!r}")
    return Module(kind.rpartition(".")[2], folder / place)


def _read_pooling(path: Path) -> Pooling:
    """Read a Pooling module: `pooling_mode` (sentence-transformers 5.4 on), or a flag for each mode."""
    if not path.exists():
        return Pooling()
    content = read_json(path, dict)
    said = content.get("pooling_mode", [mode for mode, flag in POOLING_FLAGS.items() if content.get(flag)])
    modes = [said] if isinstance(said, str) else said or ["mean"]
    if not isinstance(modes, list) or not all(mode in POOLING_FLAGS for mode in modes):
        raise FolderError(
            f"pooling_mode in {path} must be among {', '.join(POOLING_FLAGS)}, found {said!r}: name another "
            "model, or mend the file"
        )
    return Pooling(tuple(modes), read_value(content, "include_prompt", bool, path, default=True))


def _read_encode_settings(path: Path) -> EncodeSettings:
    if not path.exists():
        return EncodeSettings()
    content = read_json(path, dict)
    prompts = read_value(content, "prompts", dict, path, default={})
    default = read_value(content, "default_prompt_name", str, path, default=None)
    if default is not None and default not in prompts:
        raise FolderError(
            f"default_prompt_name in {path} must be one of its prompts ({', '.join(prompts) or 'none'}), "
            f"found {default!r}: mend the file"
        )
    texts = {str(name): str(prompt) for name, prompt in prompts.items() if prompt}
    truncate_dim = read_value(content, "truncate_dim", int, path, default=None)
    if truncate_dim is not None and truncate_dim < 1:
        raise FolderError(f"truncate_dim in {path} must be a number from 1, or null, found {truncate_dim}")
    return EncodeSettings(
        prompts=texts,
        default_prompt=default if default in texts else None,
        truncate_dim=truncate_dim,
        similarity=read_value(content, "similarity_fn_name", str, path, default=None),
        normalize=read_value(content, "normalize", bool, path, default=False),
    )


def _read_transformer_settings(folder: Path) -> TransformerSettings:
    names = (folder / f"sentence_{family}_config.json" for family in _FAMILIES)
    path = next((path for path in names if path.exists()), None)
    if path is None:
        return TransformerSettings()
    content = read_json(path, dict)
    return TransformerSettings(
        max_seq_length=read_value(content, "max_seq_length", int, path, default=None),
        do_lower_case=read_value(content, "do_lower_case", bool, path, default=False),
    )
