"""The weights of a module's folder: safetensors, or what torch writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.names import TABLE_NAME, TORCH_NAME
from m2v_onnx.folder.tensors import map_tensors


def read_weights(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """Read every tensor of a module; safetensors are memory-mapped.

    Raises:
        FolderError: when there is no file of weights, or a damaged one.
    """
    if (folder / TABLE_NAME).exists():
        return map_tensors(folder / TABLE_NAME)
    if (folder / TORCH_NAME).exists():
        from m2v_onnx.folder.torch_file import read_torch_tensors  # slow, and seldom needed

        return read_torch_tensors(folder / TORCH_NAME)
    raise FolderError(
        f"expected {TABLE_NAME} or {TORCH_NAME} in {folder}, found neither: fetch the whole model"
    )
