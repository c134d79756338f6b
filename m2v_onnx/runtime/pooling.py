"""Token ids to vectors: by C code, or in NumPy."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from m2v_onnx.model import StaticModel, Vectors
from m2v_onnx.runtime.flat_ids import FlatIds

_LAYOUT: tuple[Literal["C"], Literal["A"]] = ("C", "A")


class Pooling(Protocol):
    """Token ids to vectors. Thread-safe."""

    def pool(self, found: FlatIds, out: Vectors) -> None:
        """Write the (B, D) vectors of B texts into `out`; unknown and special tokens do not count."""
        ...


class CompiledPooling:
    """The mean by C code of our own, `row_sums.c`.

    Every row of the table is read where it lies and added to the sum in the order of the tokens: nothing is
    copied or padded, and a text's vector does not depend on the texts beside it.

    Args:
        model: the model.
    """

    def __init__(self, model: StaticModel) -> None:
        from m2v_onnx.runtime import _row_sums

        self._pool = _row_sums.pool
        self._model = model
        # Copies only where they have another type or layout.
        self._table = np.require(model.table, np.float32, _LAYOUT)
        self._mapping = None if model.mapping is None else np.require(model.mapping, np.int32, _LAYOUT)
        self._weights = None if model.weights is None else np.require(model.weights, np.float32, _LAYOUT)

    @staticmethod
    def is_available() -> bool:
        """Tell whether the C code was compiled when this package was installed."""
        try:
            from m2v_onnx.runtime import _row_sums  # noqa: F401  # only to say whether it loads
        except ImportError:
            return False
        return True

    def pool(self, found: FlatIds, out: Vectors) -> None:
        """See `Pooling`."""
        model = self._model
        self._pool(
            self._table,
            model.dim,
            self._mapping,
            self._weights,
            model.counting_ids,
            found.ids,
            found.offsets,
            model.config.normalize,
            out,
        )


class RowPooling:
    """The mean text by text, in NumPy: what needs nothing loaded, and is as fast for a few texts.

    Args:
        model: the model.
    """

    def __init__(self, model: StaticModel) -> None:
        self._model = model

    def pool(self, found: FlatIds, out: Vectors) -> None:
        """See `Pooling`."""
        found = found.keep(self._model.counting_ids)
        for index in range(len(found)):
            ids = found.ids[found.offsets[index] : found.offsets[index + 1]]
            if len(ids):
                self._model.token_vectors(ids).mean(axis=0, out=out[index])
            else:
                out[index] = 0
        if self._model.config.normalize:
            out /= row_norms(out)[:, None]


def row_norms(vectors: Vectors) -> Vectors:
    """Give (B,) float32, the length of each row, and 1e-32 for zeros: they stay zeros when divided by it."""
    norms: Vectors = np.sqrt(np.einsum("bd,bd->b", vectors, vectors)) + np.float32(1e-32)
    return norms
