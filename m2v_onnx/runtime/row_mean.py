"""Token ids to vectors: by C code, or in NumPy."""

from __future__ import annotations

from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.quantization import QuantizedTable
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors, row_norms
from m2v_onnx.tokenizer.token_ids import TokenIds

_BLOCK_COLUMNS = 64
_LAYOUT: tuple[Literal["C"], Literal["A"]] = ("C", "A")


class RowMean(Protocol):
    """The mean of token vectors. Thread-safe.

    Attributes:
        suits_few: whether a call costs little, so that it is the fastest for one text, too.
    """

    suits_few: bool

    def mean(self, found: TokenIds, out: Vectors) -> None:
        """Write the (B, D) vectors of B texts into `out`; unknown and special tokens do not count."""
        ...


class CompiledMean:
    """The mean by C code of our own, `native/row_sums.c`.

    Every row of the table is read where it lies and added to the sum in the order of the tokens: nothing is
    copied or padded, and a text's vector does not depend on the texts beside it.

    Args:
        model: the model.
        quantized: its table in int8, to be summed in the place of its own; only what `takes` takes.

    Raises:
        ImportError: when the C code was not compiled.
    """

    suits_few = True

    def __init__(self, model: StaticEmbedding, quantized: QuantizedTable | None = None) -> None:
        from m2v_onnx.native._row_sums import RowSums  # optional: there only where a C compiler was

        # Copies only where they have another type or layout.
        rows = None if model.mapping is None else np.require(model.mapping, np.int32, _LAYOUT)
        factors: npt.NDArray[Any] | None
        if quantized is None:
            table, column_scale = np.require(model.table, np.float32, _LAYOUT), None
            factors = None if model.weights is None else np.require(model.weights, np.float32, _LAYOUT)
        else:
            table, factors, column_scale = _codes(quantized, model)
        self._sums = RowSums(
            _kernels("float32" if quantized is None else "int8")[0],
            table,
            model.dim,
            model.counting_ids,
            normalize=model.config.normalize,
            column_scale=column_scale,
            rows=rows,
            factors=factors,
        )

    @staticmethod
    def is_available() -> bool:
        """Tell whether the C code was compiled when this package was installed."""
        return bool(_kernels("float32"))

    @staticmethod
    def takes(quantized: QuantizedTable, model: StaticEmbedding) -> bool:
        """Tell whether the sums are whole numbers, and whether this processor has C code for them."""
        return quantized.is_whole and model.weights is None and bool(_kernels("int8"))

    def mean(self, found: TokenIds, out: Vectors) -> None:
        """See `RowMean`."""
        self._sums.mean(found.ids, found.offsets, out)


class NumpyMean:
    """The mean text by text, in NumPy: what needs nothing loaded, and is as fast for a few texts.

    Args:
        model: the model.
    """

    suits_few = True

    def __init__(self, model: StaticEmbedding) -> None:
        self._model = model

    def mean(self, found: TokenIds, out: Vectors) -> None:
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
        from m2v_onnx.native._row_sums import kernels  # optional: there only where a C compiler was
    except ImportError:
        return []
    return [name for name in kernels() if name.startswith(table)]


def _codes(
    quantized: QuantizedTable, model: StaticEmbedding
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.uint8], Vectors]:
    """Give codes, and a scale for each token and each column; columns of zeros fill up the last block."""
    n_rows, dim = quantized.rows.shape
    padding = (0, -dim % _BLOCK_COLUMNS)
    scale = np.ones(n_rows) if quantized.row_scale is None else quantized.row_scale
    column_scale = np.ones(dim) if quantized.column_scale is None else quantized.column_scale
    return (
        np.pad(quantized.rows, ((0, 0), padding)),
        np.ascontiguousarray(scale if model.mapping is None else scale[model.mapping], np.uint8),
        np.pad(column_scale, padding).astype(np.float32),
    )
