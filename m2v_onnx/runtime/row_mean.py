"""Token ids to vectors: by C code, or in NumPy."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.quantization import QuantizedTable
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors, row_norms
from m2v_onnx.tokenizer.token_ids import TokenIds

_BLOCK_COLUMNS = 64
_LAYOUT: tuple[Literal["C"], Literal["A"]] = ("C", "A")


class RowMean(Protocol):
    """Token ids to vectors. Thread-safe."""

    def pool(self, found: TokenIds, out: Vectors) -> None:
        """Write the (B, D) vectors of B texts into `out`; unknown and special tokens do not count."""
        ...


class CompiledMean:
    """The mean by C code of our own, `row_sums.c`.

    Every row of the table is read where it lies and added to the sum in the order of the tokens: nothing is
    copied or padded, and a text's vector does not depend on the texts beside it.

    Args:
        model: the model.
        encoded: its table in int8, to be summed in the place of its own; only what `takes` takes.
    """

    def __init__(self, model: StaticEmbedding, encoded: QuantizedTable | None = None) -> None:
        from m2v_onnx.native import _row_sums

        self._pool = _row_sums.pool
        self._kernel = _kernels("float32" if encoded is None else "int8")[0]
        self._model = model
        # Copies only where they have another type or layout.
        self._rows = None if model.mapping is None else np.require(model.mapping, np.int32, _LAYOUT)
        if encoded is None:
            self._table = np.require(model.table, np.float32, _LAYOUT)
            self._factors = None if model.weights is None else np.require(model.weights, np.float32, _LAYOUT)
            self._column_scale = None
        else:
            self._table, self._factors, self._column_scale = _codes(encoded, model)

    @staticmethod
    def is_available() -> bool:
        """Tell whether the C code was compiled when this package was installed."""
        return bool(_kernels("float32"))

    @staticmethod
    def takes(encoded: QuantizedTable, model: StaticEmbedding) -> bool:
        """Tell whether the sums are whole numbers, and whether this processor has C code for them."""
        return encoded.is_whole and model.weights is None and bool(_kernels("int8"))

    def pool(self, found: TokenIds, out: Vectors) -> None:
        """See `RowMean`."""
        model = self._model
        self._pool(
            self._kernel,
            self._table,
            self._column_scale,
            model.dim,
            self._rows,
            self._factors,
            model.counting_ids,
            found.ids,
            found.offsets,
            model.config.normalize,
            out,
        )


class NumpyMean:
    """The mean text by text, in NumPy: what needs nothing loaded, and is as fast for a few texts.

    Args:
        model: the model.
    """

    def __init__(self, model: StaticEmbedding) -> None:
        self._model = model

    def pool(self, found: TokenIds, out: Vectors) -> None:
        """See `RowMean`."""
        found = found.keep(self._model.counting_ids)
        for index in range(len(found)):
            ids = found.ids[found.offsets[index] : found.offsets[index + 1]]
            if len(ids):
                self._model.token_vectors(ids).mean(axis=0, out=out[index])
            else:
                out[index] = 0
        if self._model.config.normalize:
            out /= row_norms(out)[:, None]


def _kernels(table: Literal["float32", "int8"]) -> list[str]:
    """Give the loops of the C code that sum such a table on this processor, the fastest first."""
    try:
        from m2v_onnx.native import _row_sums
    except ImportError:
        return []
    return [name for name in _row_sums.kernels() if name.startswith(table)]


def _codes(
    encoded: QuantizedTable, model: StaticEmbedding
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.uint8], Vectors]:
    """Give codes, and a scale for each token and each column; columns of zeros fill up the last block."""
    n_rows, dim = encoded.rows.shape
    padding = (0, -dim % _BLOCK_COLUMNS)
    scale = np.ones(n_rows) if encoded.row_scale is None else encoded.row_scale
    column_scale = np.ones(dim) if encoded.column_scale is None else encoded.column_scale
    return (
        np.pad(encoded.rows, ((0, 0), padding)),
        np.ascontiguousarray(scale if model.mapping is None else scale[model.mapping], np.uint8),
        np.pad(column_scale, padding).astype(np.float32),
    )
