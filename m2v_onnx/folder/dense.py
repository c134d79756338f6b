"""The Dense module of sentence-transformers: a linear map, and what comes behind it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.json_values import read_value
from m2v_onnx.folder.names import CONFIG_NAME
from m2v_onnx.folder.weights import read_weights
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.system.text_files import read_json

_VECTOR = "sentence_embedding"


@dataclass(frozen=True)
class Dense:
    """x -> activation(W x + b) + R x.

    Attributes:
        weight: (E, D) float32, W.
        bias: (E,) float32, b.
        activation: the name of torch's class, such as `Tanh`; `Identity` for none.
        residual: (E, D) float32, R; None for zeros.
    """

    weight: Vectors
    bias: Vectors
    activation: str
    residual: Vectors | None = None


def read_dense(folder: Path) -> Dense:
    """Read a Dense module.

    Raises:
        FolderError: when a file is missing or damaged, or the module works on anything but sentence vectors.
    """
    path = folder / CONFIG_NAME
    content = read_json(path, dict)
    for key in ("module_input_name", "module_output_name"):
        found = read_value(content, key, str, path, default=_VECTOR)
        if found != _VECTOR:
            raise FolderError(
                f"{key} in {path} must be {_VECTOR!r}, found {found!r}: a Dense module of other features "
                "cannot be applied here; use the model through sentence-transformers"
            )
    tensors = read_weights(folder)
    if "linear.weight" not in tensors or tensors["linear.weight"].ndim != 2:
        raise FolderError(
            f"expected a matrix linear.weight in {folder}, found {', '.join(tensors) or 'none'}"
        )
    weight = tensors["linear.weight"].astype(np.float32)
    bias = tensors.get("linear.bias", np.zeros(len(weight))).astype(np.float32)
    if bias.shape != (len(weight),):
        raise FolderError(f"linear.bias in {folder} must have shape ({len(weight)},), found {bias.shape}")
    residual = None
    if read_value(content, "use_residual", bool, path, default=False):
        found_residual = tensors.get("residual.weight", np.eye(*weight.shape))
        residual = found_residual.astype(np.float32)
    # Its own default, where nothing is said, is Tanh; a null is no activation.
    activation = content.get("activation_function", "Tanh") or "Identity"
    return Dense(weight, bias, str(activation).rpartition(".")[2], residual)
