"""Writing a model's data: config, table and tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import save_file

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.config_file import write_config
from m2v_onnx.folder.names import CONFIG_NAME, TABLE_NAME, TOKENIZER_NAME
from m2v_onnx.folder.tensors import TABLE_TENSORS, check_finite, zero_rows
from m2v_onnx.model.static_embedding import StaticEmbedding


def write_embedding(model: StaticEmbedding, folder: Path) -> None:
    """Write config, table and tokenizer into an existing folder; the graphs are `export`'s.

    The bytes depend on the model alone. model2vec reads the same three files. Rows of tokens that never count
    are zeros there: engines that count them all the same then give the right unit vectors.

    Raises:
        FolderError: when the table holds NaN or infinity.
    """
    check_finite(model.table)
    tensors: dict[str, npt.NDArray[Any]] = {TABLE_TENSORS[0]: np.ascontiguousarray(model.table)}
    if model.weights is not None:
        tensors["weights"] = model.weights
    if model.mapping is not None:
        tensors["mapping"] = model.mapping
    try:
        save_file(tensors, folder / TABLE_NAME)
    except SafetensorError as error:
        raise FolderError(
            f"expected to write {TABLE_NAME} into {folder.parent}, found {error}: make room, or name "
            "another place"
        ) from error
    if model.mapping is None:
        zero_rows(folder / TABLE_NAME, sorted(model.masked_ids))
    (folder / TOKENIZER_NAME).write_text(model.tokenizer.to_str(), encoding="utf-8")
    write_config(model, folder)
    shutil.copymode(folder / CONFIG_NAME, folder / TABLE_NAME)  # safetensors writes for the owner alone
