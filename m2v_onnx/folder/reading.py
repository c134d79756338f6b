"""Reading a static model of any known layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.folder.config_file import is_ours, read_config
from m2v_onnx.folder.names import CONFIG_NAME, IDS_STEM, TABLE_PATHS, TOKENIZER_NAME, graph_places
from m2v_onnx.folder.tensors import TABLE_TENSORS, map_tensors
from m2v_onnx.folder.word_vectors import read_word_vectors
from m2v_onnx.model.quantization import PRECISIONS, Precision
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.system.text_files import read_text


def is_model_folder(path: Path) -> bool:
    """Tell whether a folder holds a static model's table, and not, say, a transformer's weights."""
    for table_path in (path / name for name in TABLE_PATHS):
        if table_path.exists() and table_path.with_name(TOKENIZER_NAME).exists():
            try:
                return not map_tensors(table_path).keys().isdisjoint(TABLE_TENSORS)
            except FolderError:
                return False
    return False


def read_embedding(path: Path) -> StaticEmbedding:
    """Read a static model of any known layout.

    Args:
        path: a local folder, or a file of word vectors in text form.

    Returns:
        The model; a folder's table is memory-mapped read-only from its file.

    Raises:
        FolderError: when the folder is none of a static model, or a file is damaged.
    """
    if path.is_file():
        return read_word_vectors(path)
    table_path = next((path / name for name in TABLE_PATHS if (path / name).exists()), None)
    if table_path is None:
        remedy = ": a transformer wants `m2v-onnx distill` first" if (path / CONFIG_NAME).exists() else ""
        raise FolderError(
            f"expected a static model with one of {', '.join(TABLE_PATHS)}, found none in {path}{remedy}"
        )
    tensors = map_tensors(table_path)
    table = next((tensors[name] for name in TABLE_TENSORS if name in tensors), None)
    if table is None:
        raise FolderError(
            f"expected a static model's tensor {' or '.join(TABLE_TENSORS)} in {table_path}, found "
            f"{', '.join(sorted(tensors)[:3]) or 'no tensor'} …: a transformer wants `m2v-onnx distill` first"
        )
    weights, mapping = tensors.get("weights"), tensors.get("mapping")
    config = read_config(path)
    tokenizer = read_tokenizer(table_path.with_name(TOKENIZER_NAME))
    try:
        return StaticEmbedding(
            table=table,
            tokenizer=tokenizer,
            config=config,
            weights=None if weights is None else weights.astype(np.float32),
            mapping=None if mapping is None else mapping.astype(np.int32),
            owns_tokenizer=True,
        )
    except FolderError as error:
        raise FolderError(f"{path}: {error}") from error


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
    there = _ids_graphs(path) if path.is_dir() and is_ours(path) else {}
    if precision is not None and precision not in there:
        raise FolderError(
            f"expected a graph of precision {precision} in {path}, found {', '.join(there) or 'none'}: write "
            f"it with `m2v-onnx export --precision {precision}`"
        )
    return there.get(precision or "fp32")


def _ids_graphs(folder: Path) -> dict[Precision, Path]:
    places = {precision: graph_places(IDS_STEM, precision) for precision in PRECISIONS}
    found = ((precision, folder / name) for precision, names in places.items() for name in reversed(names))
    return {precision: path for precision, path in found if path.exists()}


def read_tokenizer(path: Path) -> Tokenizer:
    """Read a `tokenizer.json`.

    Raises:
        FolderError: when it is missing or damaged.
    """
    if not path.exists():
        raise FolderError(f"expected a {TOKENIZER_NAME} at {path}, found nothing: the model is incomplete")
    text = read_text(path)
    try:
        return Tokenizer.from_str(text)
    except Exception as error:  # the tokenizers library raises no narrower type
        raise FolderError(
            f"expected a tokenizer of the `tokenizers` library in {path}, found a damaged one ({error}): "
            "fetch the file again"
        ) from error
