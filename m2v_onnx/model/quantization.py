"""The table in fewer bits: codes and scales, as graphs and the runtime work with them.

Every quantized value is `code x row scale x column scale`. The row scale is folded into the weight of the
token, the column scale is applied once to the finished sum, so that neither costs a look at every value.
In eight bits the row scale is a whole number, too: the sum is one of whole numbers, exact in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.vectors import Table, Vectors
from m2v_onnx.system.row_blocks import row_blocks

Precision = Literal["fp32", "fp16", "int8", "int4"]
# transformers.js takes the second one by default.
DEFAULT_PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
# Tokens of a text in an int8 graph: its sums are whole numbers of 32 bits, of products of 127 and 127.
MOST_INT8_TOKENS = 133_000

_INT8_LEVELS, _INT4_LEVELS = 127, 7
# Processors without VNNI add two products of a byte and a signed byte in 16 bits: 2 x 127 x 127 fits.
_MOST_ROW_SCALE = 127
PACKED_ZERO = 128
# Shares of a row's largest value that four bits may span: clipping a few values can make all others finer.
_INT4_SPANS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4)


@dataclass(frozen=True)
class QuantizedTable:
    """A table as a graph holds it.

    Attributes:
        rows: (R, D) float32, float16 or int8; or (R, ceil(D / 2)) uint8, two codes from -7 to 7 a byte:
            128 + 16 x first half of the columns + second half.
        dim: D.
        row_scale: (R,) float32, a factor for each row, a whole number where it can be; None for ones.
        column_scale: (D,) float32, a factor for each column; None for ones.
    """

    rows: npt.NDArray[Any]
    dim: int
    row_scale: Vectors | None = None
    column_scale: Vectors | None = None

    @property
    def is_whole(self) -> bool:
        """Whether rows and row scale are bytes, so that sums of them are whole numbers."""
        is_small = self.row_scale is None or bool(
            (self.row_scale == np.rint(self.row_scale)).all() and self.row_scale.max() <= _MOST_ROW_SCALE
        )
        return self.rows.dtype == np.int8 and is_small

    @property
    def is_packed(self) -> bool:
        """Whether a byte holds two codes."""
        return bool(self.rows.dtype == np.uint8)


def quantize_table(table: Table, precision: Precision) -> QuantizedTable:
    """Write a table in the number type of a precision. Deterministic.

    Args:
        table: (R, D) float or int8; not changed. int8 stays as it is under precision `int8`.
        precision: the number type.

    Raises:
        ArgumentError: when a value is too large for float16.
    """
    return PRECISIONS[precision].quantize(table)


def dequantize_table(quantized: QuantizedTable) -> Vectors:
    """Give (R, D) float32, the values that a graph with this table works with."""
    table = quantized.rows.astype(np.float32)
    if quantized.is_packed:
        table -= PACKED_ZERO
        high = np.rint(table / 16)
        table = np.concatenate([high, table - 16 * high], axis=1)[:, : quantized.dim]
    if quantized.row_scale is not None:
        table *= quantized.row_scale[:, None]
    if quantized.column_scale is not None:
        table *= quantized.column_scale
    return table


def _to_float32(table: Table) -> QuantizedTable:
    return QuantizedTable(np.ascontiguousarray(table, "<f4"), table.shape[1])


def _to_int8(table: Table) -> QuantizedTable:
    if table.dtype == np.int8:
        return QuantizedTable(np.ascontiguousarray(table), table.shape[1])
    column_scale = _column_scale(table)
    largest = [np.abs(table[rows] / column_scale).max(axis=1) for rows in row_blocks(table)]
    row_scale, unit = _whole_scale((np.concatenate(largest) / _INT8_LEVELS).astype(np.float32))
    column_scale *= unit
    codes = np.empty(table.shape, np.int8)
    for rows in row_blocks(table):
        codes[rows] = np.rint(table[rows] / column_scale / row_scale[rows, None])
    return QuantizedTable(codes, table.shape[1], row_scale, column_scale)


def _whole_scale(scale: Vectors) -> tuple[Vectors, np.float32]:
    """Round row scales up to whole numbers of a unit, and give the unit.

    Rows far smaller than the largest then have fewer levels. A few may, such as those of the most frequent
    tokens, whose weight is tiny, and 30 levels are left; else the scales stay as they are.
    """
    unit = scale.max(initial=0) / _MOST_ROW_SCALE
    share = scale[scale > 0] / unit if unit > 0 else np.zeros(1, np.float32)
    if np.mean(share < 1) > 0.01 or share.min() < 30 / _INT8_LEVELS:
        return _without_zeros(scale), np.float32(1)
    return _without_zeros(np.minimum(np.ceil(scale / unit), np.float32(_MOST_ROW_SCALE))), unit


def _to_int4(table: Table) -> QuantizedTable:
    column_scale = _column_scale(table)
    codes = np.empty(table.shape, np.int8)
    row_scale = np.empty(len(table), np.float32)
    share = column_scale / column_scale.max()  # squares of very small or large numbers are no float32
    for rows in row_blocks(table):
        scaled = table[rows] / column_scale
        least_error = np.full(len(scaled), np.inf, np.float32)
        largest = _without_zeros(np.abs(scaled).max(axis=1) / _INT4_LEVELS)
        for span in _INT4_SPANS:
            scale = largest * np.float32(span)
            tried = np.clip(np.rint(scaled / scale[:, None]), -_INT4_LEVELS, _INT4_LEVELS)
            error = np.square((tried * scale[:, None] - scaled) * share).sum(axis=1)
            better = error < least_error
            least_error[better] = error[better]
            codes[rows][better], row_scale[rows][better] = tried[better], scale[better]
    return QuantizedTable(_pack(codes), table.shape[1], row_scale, column_scale)


def _column_scale(table: Table) -> Vectors:
    """Give (D,) float32, the root mean square of each column: the first of a PCA are far larger."""
    squares = np.zeros(table.shape[1], np.float64)
    for rows in row_blocks(table):
        squares += np.square(table[rows].astype(np.float64)).sum(axis=0)
    return _without_zeros(np.sqrt(squares / len(table)).astype(np.float32))


def _without_zeros(scale: Vectors) -> Vectors:
    """Replace the scale of rows or columns of zeros, which any scale fits."""
    return np.where(scale > 0, scale, np.float32(1))


def _to_float16(table: Table) -> QuantizedTable:
    largest = np.abs(table).max()
    if largest > np.finfo(np.float16).max:
        raise ArgumentError(
            f"precision fp16 holds values up to 65504, the table has {largest:g}: choose fp32 or int8"
        )
    if 0 < largest < np.finfo(np.float16).smallest_normal:
        raise ArgumentError(
            f"precision fp16 holds values from 6e-5, the table's largest is {largest:g}: choose fp32 or int8"
        )
    return QuantizedTable(np.ascontiguousarray(table, "<f2"), table.shape[1])


def _pack(codes: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """Put two codes from -7 to 7 into a byte: 128 + 16 first half of the columns + second half.

    >>> import numpy as np
    >>> _pack(np.array([[-7, 0, 7]], np.int8)).tolist()  # 128 - 7 * 16 + 7, 128
    [[23, 128]]
    """
    n_high = (codes.shape[1] + 1) // 2
    packed = np.full((len(codes), n_high), PACKED_ZERO, np.uint8)
    packed += (codes[:, :n_high] * 16).astype(np.uint8)
    packed[:, : codes.shape[1] - n_high] += codes[:, n_high:].astype(np.uint8)
    return packed


@dataclass(frozen=True)
class PrecisionKind:
    """A number type that tables are written in.

    Attributes:
        suffix: of the names of its graphs; transformers.js picks a graph by it.
        js_name: what transformers.js calls it.
        quantize: writes a table in it.
        tolerance: how far vectors may be from the table's, as a share of the largest number.
        least_cosine: what it may cost a text of one token, the worst case.
    """

    suffix: str
    js_name: str
    quantize: Callable[[Table], QuantizedTable]
    tolerance: float
    least_cosine: float


PRECISIONS: dict[Precision, PrecisionKind] = {
    "fp32": PrecisionKind("", "fp32", _to_float32, tolerance=1e-3, least_cosine=0.999999),
    "fp16": PrecisionKind("_fp16", "fp16", _to_float16, tolerance=1e-2, least_cosine=0.9999),
    "int8": PrecisionKind("_quantized", "q8", _to_int8, tolerance=0.1, least_cosine=0.999),
    "int4": PrecisionKind("_q4", "q4", _to_int4, tolerance=1.0, least_cosine=0.93),
}
