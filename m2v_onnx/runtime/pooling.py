"""Token ids to vectors: by a sparse product, or row by row."""

from __future__ import annotations

import importlib.util
from typing import Protocol

import numpy as np

from m2v_onnx.model import StaticModel, Vectors
from m2v_onnx.runtime.flat_ids import FlatIds


class Pooling(Protocol):
    """Token ids to vectors. Thread-safe."""

    def pool(self, found: FlatIds, out: Vectors) -> None:
        """Write the (B, D) vectors of B texts' token ids, all of which count, into `out`."""
        ...


class SparsePooling:
    """The mean as a product of a sparse matrix, a row a text, and the table, by scipy.

    Every row of the table is read where it lies and added to the sum in the order of the tokens: nothing is
    copied or padded, and a text's vector does not depend on the texts beside it.

    Args:
        model: the model.
    """

    def __init__(self, model: StaticModel) -> None:
        from scipy.sparse import csr_array

        self._csr_array = csr_array
        self._model = model
        self._table = np.asarray(model.table, np.float32)  # a copy where the table has fewer bits

    @staticmethod
    def is_available() -> bool:
        """Tell whether scipy is installed."""
        return importlib.util.find_spec("scipy") is not None

    def pool(self, found: FlatIds, out: Vectors) -> None:
        """See `Pooling`."""
        model = self._model
        values = np.ones(len(found.ids), np.float32) if model.weights is None else model.weights[found.ids]
        rows = found.ids if model.mapping is None else model.mapping[found.ids]
        shape = (len(found), len(self._table))
        sums = self._csr_array((values, rows, found.offsets.astype(np.int32)), shape=shape) @ self._table
        # A unit vector is that of the sum, too.
        lengths = row_norms(sums) if model.config.normalize else np.maximum(found.lengths, 1)
        np.divide(sums, lengths.astype(np.float32)[:, None], out=out)


class RowPooling:
    """The mean text by text, in NumPy: what needs nothing loaded, and is as fast for a few texts.

    Args:
        model: the model.
    """

    def __init__(self, model: StaticModel) -> None:
        self._model = model

    def pool(self, found: FlatIds, out: Vectors) -> None:
        """See `Pooling`."""
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
