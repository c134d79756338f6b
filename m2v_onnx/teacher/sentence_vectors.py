"""A teacher's hidden states to its own sentence vectors: pooling, and the modules behind it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from m2v_onnx.errors import FolderError, TeacherError
from m2v_onnx.folder.dense import Dense, read_dense
from m2v_onnx.folder.names import MODULES_NAME
from m2v_onnx.folder.sentence_transformers import Description, Module, Pooling
from m2v_onnx.folder.weights import read_weights
from m2v_onnx.model.vectors import Vectors, to_unit

Step = Callable[[Vectors], Vectors]


def _sigmoid(x: Vectors) -> Vectors:
    result: Vectors = (1 / (1 + np.exp(-x))).astype(np.float32)
    return result


def _gelu(x: Vectors) -> Vectors:
    """X (1 + erf(x / sqrt 2)) / 2, torch's form without approximation."""
    error_function = np.vectorize(math.erf, otypes=[np.float32])
    result: Vectors = x * (1 + error_function(x / np.sqrt(np.float32(2)))) / 2
    return result


# Those of torch.nn that Dense modules have.
_ACTIVATIONS: dict[str, Step] = {
    "Identity": lambda x: x,
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, 0),
    "Sigmoid": _sigmoid,
    "SiLU": lambda x: x * _sigmoid(x),
    "GELU": _gelu,
}
_NO_STEPS = ("Transformer", "Pooling", "Dropout")  # dropout does nothing to a trained model
_LAYER_NORM_EPSILON = 1e-5
_REMEDY = "distil it by tokens alone (--sequences none), or use its own library"


@dataclass(frozen=True)
class SentenceHead:
    """What stands behind a transformer: `head(hidden)` gives what sentence-transformers gives.

    Attributes:
        pooling: how hidden states become one vector.
        steps: what that vector goes through, in order.
        truncate_dim: the columns that are kept in the end; None for all.
        n_prompt: the first positions of every text, which are a prompt's and do not take part.
    """

    pooling: Pooling
    steps: tuple[Step, ...] = ()
    truncate_dim: int | None = None
    n_prompt: int = 0

    def __call__(self, hidden: Vectors) -> Vectors:
        """Reduce (B, T, d) float32 hidden states without padding to (B, E) float32."""
        vectors = np.concatenate([_pool(hidden, mode, self.n_prompt) for mode in self.pooling.modes], axis=1)
        for step in self.steps:
            vectors = step(vectors).astype(np.float32, copy=False)
        return vectors[:, : self.truncate_dim]

    def width(self, hidden_width: int) -> int:
        """Give E for hidden states of d numbers."""
        return int(self(np.ones((1, self.n_prompt + 1, hidden_width), np.float32)).shape[1])


def read_head(description: Description, *, n_prompt: int = 0) -> SentenceHead:
    """Read what stands behind a transformer; the mean where a folder says nothing.

    Args:
        description: of the teacher's folder.
        n_prompt: the first positions that do not take part, see `count_prompt`.

    Raises:
        TeacherError: for a module that is not applied here.
        FolderError: for a damaged one.
    """
    return SentenceHead(
        pooling=description.pooling or Pooling(),
        steps=tuple(_read_step(m, description) for m in description.modules if m.kind not in _NO_STEPS),
        truncate_dim=description.encode.truncate_dim,
        n_prompt=n_prompt,
    )


def count_prompt(description: Description, tokenizer: Tokenizer, prompt: str | None) -> int:
    """Give how many positions at the start of a text a prompt keeps from taking part.

    0 where it takes part, as in most models; else those of the prompt and of special tokens before it.
    """
    if not prompt or description.pooling is None or description.pooling.include_prompt:
        return 0
    encoding = tokenizer.encode(prompt)
    return len(encoding.ids) - (encoding.special_tokens_mask[-1] if encoding.ids else 0)


def _pool(hidden: Vectors, mode: str, n_prompt: int) -> Vectors:
    """Source: `Pooling.forward` of sentence-transformers 6.2; zeros for a text without positions."""
    counting = hidden[:, n_prompt:]
    n_positions = counting.shape[1]
    if n_positions == 0:
        return np.zeros((len(hidden), hidden.shape[2]), np.float32)
    if mode == "cls":
        return counting[:, 0]
    if mode == "lasttoken":
        return counting[:, -1]
    if mode == "max":
        highest: Vectors = counting.max(axis=1)
        return highest
    if mode == "weightedmean":
        weights = np.arange(n_prompt + 1, hidden.shape[1] + 1, dtype=np.float32)
        weighted: Vectors = np.einsum("btd,t->bd", counting, weights) / weights.sum()
        return weighted
    mean: Vectors = counting.sum(axis=1) / (n_positions if mode == "mean" else math.sqrt(n_positions))
    return mean


def _read_step(module: Module, description: Description) -> Step:
    if module.kind == "Normalize":
        return to_unit
    if module.kind == "LayerNorm":
        return _read_layer_norm(module.folder)
    if module.kind == "Dense":
        dense = read_dense(module.folder)
        if dense.activation not in _ACTIVATIONS:
            raise TeacherError(
                f"expected an activation among {', '.join(_ACTIVATIONS)} in {module.folder}, found "
                f"{dense.activation}: {_REMEDY}"
            )
        return lambda vectors: _apply_dense(vectors, dense)
    raise TeacherError(
        f"expected modules among Transformer, Pooling, Dense, LayerNorm, Normalize and Dropout in "
        f"{description.folder / MODULES_NAME}, found {module.kind}: {_REMEDY}"
    )


def _apply_dense(vectors: Vectors, dense: Dense) -> Vectors:
    projected = _ACTIVATIONS[dense.activation](vectors @ dense.weight.T + dense.bias)
    return projected if dense.residual is None else projected + vectors @ dense.residual.T


def _read_layer_norm(folder: Path) -> Step:
    tensors = read_weights(folder)
    missing = {"norm.weight", "norm.bias"} - tensors.keys()
    if missing:
        raise FolderError(f"expected {', '.join(sorted(missing))} in {folder}, found {', '.join(tensors)}")
    weight, bias = (tensors[name].astype(np.float32) for name in ("norm.weight", "norm.bias"))

    def layer_norm(vectors: Vectors) -> Vectors:
        centred = vectors - vectors.mean(axis=1, keepdims=True)
        variance = (centred**2).mean(axis=1, keepdims=True)
        normed: Vectors = centred / np.sqrt(variance + _LAYER_NORM_EPSILON) * weight + bias
        return normed

    return layer_norm
