"""Reading a static model of any known layout."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.folder.config_file import is_ours, read_config
from m2v_onnx.folder.names import (
    CONFIG_NAME,
    IDS_STEM,
    TABLE_NAME,
    TABLE_PATHS,
    TOKENIZER_NAME,
    TORCH_NAME,
    export_command,
    graph_places,
)
from m2v_onnx.folder.readme import read_provenance
from m2v_onnx.folder.tensors import TABLE_TENSORS, check_finite, map_tensors
from m2v_onnx.folder.weights import read_weights
from m2v_onnx.model.config import DEFAULT_MAX_LENGTH, ModelConfig
from m2v_onnx.model.quantization import PRECISIONS, Precision
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Table, Vectors
from m2v_onnx.system.text_files import read_text, readable
from m2v_onnx.tokenizer.library import guarded

if TYPE_CHECKING:
    from m2v_onnx.folder.sentence_transformers import Description
    from m2v_onnx.folder.static_modules import Folded

logger = logging.getLogger(__name__)


def is_model_folder(path: Path) -> bool:
    """Tell whether a folder holds a static model's table, and not, say, a transformer's weights."""
    with readable(path):
        for table_path in (path / name for name in TABLE_PATHS):
            if table_path.exists() and table_path.with_name(TOKENIZER_NAME).exists():
                try:
                    return not map_tensors(table_path).keys().isdisjoint(TABLE_TENSORS)
                except FolderError:
                    return False
        return False


def read_embedding(path: Path, *, memory_map: bool = True) -> StaticEmbedding:
    """Read a static model of any known layout.

    Args:
        path: a local folder, or a file of word vectors.
        memory_map: leave a folder's table in its file; False reads it, and checks its numbers.

    Returns:
        The model; a folder's table is memory-mapped read-only from its file.

    Raises:
        FolderError: when the folder is none of a static model, or a file is damaged.
    """
    with readable(path):
        if not path.is_file():
            return _read_folder(path, memory_map=memory_map)
        from m2v_onnx.folder.word_vectors import read_word_vectors  # slow: seven readers, seldom needed

        return read_word_vectors(path)


def _read_folder(path: Path, *, memory_map: bool) -> StaticEmbedding:
    description = None if is_ours(path) else _describe(path)
    place = _find_table(path, description)
    tensors = read_weights(place) if place.is_dir() else map_tensors(place)
    name = next((name for name in TABLE_TENSORS if name in tensors), None)
    if name is None:
        raise FolderError(
            f"expected a static model's tensor {' or '.join(TABLE_TENSORS)} in {place}, found "
            f"{', '.join(sorted(tensors)[:3]) or 'no tensor'} …: a transformer wants `m2v-onnx distill` first"
        )
    tokenizer_folder = place if place.is_dir() else place.parent
    tokenizer = read_tokenizer(tokenizer_folder / TOKENIZER_NAME)
    table = tensors[name]
    if description is None:
        config = read_config(path, defaults=ModelConfig())
    else:
        from m2v_onnx.folder.static_modules import fold_modules  # slow, and not for folders of ours

        if "mapping" not in tensors:
            table = _cut_padding(table, tokenizer, place)
        folded = fold_modules(table, description)
        table = folded.table
        config = _read_foreign_config(path, tokenizer, folded, is_st=name == TABLE_TENSORS[1])
    if not memory_map:
        table = np.array(table)
        check_finite(table)
    weights, mapping = tensors.get("weights"), tensors.get("mapping")
    try:
        return StaticEmbedding(
            table=table,
            tokenizer=tokenizer,
            config=config,
            weights=None if weights is None else _to_float32(weights),
            mapping=None if mapping is None else _to_rows(mapping, n_rows=len(table)),
            owns_tokenizer=True,
        )
    except FolderError as error:
        raise FolderError(f"{path}: {error}") from error


def _cut_padding(table: Table, tokenizer: Tokenizer, place: Path) -> Table:
    """Leave out rows behind the last token's, which some trainers add to have a round number."""
    n_tokens = tokenizer.get_vocab_size()
    if len(table) > n_tokens:
        logger.info("%s: %d rows belong to no token, and are left out", place, len(table) - n_tokens)
    return table[:n_tokens]


def _describe(path: Path) -> Description:
    from m2v_onnx.folder.sentence_transformers import read_description  # slow, and not for folders of ours

    return read_description(path)


def _find_table(folder: Path, description: Description | None) -> Path:
    """Give the file of a static model's table, or the folder of the module that holds it.

    Args:
        folder: the model's folder.
        description: what it says of its modules; None for a folder of ours, where config.json says all.
    """
    modules = () if description is None else description.modules
    static = next((module.folder for module in modules if module.kind == "StaticEmbedding"), None)
    if static is not None and any((static / name).exists() for name in (TABLE_NAME, TORCH_NAME)):
        return static
    table_path = next((folder / name for name in TABLE_PATHS if (folder / name).exists()), None)
    if table_path is None:
        is_other = (folder / CONFIG_NAME).exists() or any(module.kind == "Transformer" for module in modules)
        remedy = ": a transformer wants `m2v-onnx distill` first" if is_other else ""
        raise FolderError(
            f"expected a static model with one of {', '.join(TABLE_PATHS)}, found none in {folder}{remedy}"
        )
    return table_path


def _read_foreign_config(folder: Path, tokenizer: Tokenizer, folded: Folded, *, is_st: bool) -> ModelConfig:
    """Read how a model of another library encodes: by the rules of the library that made it.

    sentence-transformers cuts as tokenizer.json says, and counts every token. model2vec cuts at 512 tokens
    and their characters, where config.json says nothing else, and counts known tokens.
    """
    if not is_st:
        has_config = (folder / CONFIG_NAME).exists()
        max_length = DEFAULT_MAX_LENGTH if has_config else None
        defaults = ModelConfig(
            normalize=folded.normalize, max_length=max_length, provenance=read_provenance(folder)
        )
        return read_config(folder, defaults=defaults)
    truncation = tokenizer.truncation
    if truncation is not None and truncation["direction"] != "right":
        raise FolderError(
            f"expected a tokenizer in {folder} that cuts texts at their end, found truncation direction "
            f"{truncation['direction']!r}: set it to Right, or to null, in {TOKENIZER_NAME}"
        )
    defaults = ModelConfig(
        normalize=folded.normalize,
        max_length=None if truncation is None else truncation["max_length"],
        cut_characters=False,
        unknown="count",
        provenance=read_provenance(folder),
    )
    config = read_config(folder, defaults=defaults)
    return replace(config, normalize=config.normalize or folded.normalize)


def find_graph(path: Path, precision: Precision | None = None) -> Path | None:
    """Find the ids graph of a model's folder.

    Args:
        path: what the model was read from, a folder or a file.
        precision: the number type of the graph's table; None for float32 where there is one.

    Raises:
        FolderError: when the folder holds no graph of the precision that was asked for.
    """
    if precision is not None and precision not in PRECISIONS:
        raise ArgumentError(f"precision must be one of {', '.join(PRECISIONS)}, found {precision!r}")
    with readable(path):
        there = _ids_graphs(path) if path.is_dir() and is_ours(path) else {}
    if precision is not None and precision not in there:
        raise FolderError(
            f"expected a graph of precision {precision} in {path}, found {', '.join(there) or 'none'}: write "
            f"it with `{export_command(path, precision=precision)}`"
        )
    return there.get(precision or "fp32")


def _ids_graphs(folder: Path) -> dict[Precision, Path]:
    places = {precision: graph_places(IDS_STEM, precision) for precision in PRECISIONS}
    found = ((precision, folder / name) for precision, names in places.items() for name in reversed(names))
    return {precision: path for precision, path in found if path.exists()}


def _to_float32(weights: npt.NDArray[Any]) -> Vectors:
    with np.errstate(over="ignore"):  # the model refuses what becomes infinite
        return weights.astype(np.float32)


def _to_rows(mapping: npt.NDArray[Any], *, n_rows: int) -> npt.NDArray[np.int32]:
    if mapping.dtype.kind not in "iu":
        raise FolderError(f"mapping must hold whole numbers, found {mapping.dtype}: the file is damaged")
    if mapping.size and not (mapping.min() >= 0 and mapping.max() < n_rows):
        raise FolderError(
            f"mapping must name rows of the table (0 to {n_rows - 1}), found {mapping.min()} to "
            f"{mapping.max()}: the file is damaged"
        )
    return mapping.astype(np.int32)


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a `tokenizer.json`.

    Raises:
        FolderError: when it is missing or damaged.
    """
    if not path.exists():
        raise FolderError(f"expected a {TOKENIZER_NAME} at {path}, found nothing: the model is incomplete")
    text = read_text(path)
    try:
        return guarded(Tokenizer.from_str, text)
    except FolderError as error:
        raise FolderError(f"{path}: {error}") from error
    except Exception as error:  # the tokenizers library raises no narrower type
        raise FolderError(
            f"expected a tokenizer of the `tokenizers` library in {path}, found a damaged one ({error}): "
            "fetch the file again"
        ) from error
