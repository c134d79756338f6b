"""A head's tables in fewer bits: codes, and a scale for each label."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.quantization import Precision, QuantizedTable, dequantize_table, quantize_table
from m2v_onnx.model.vectors import Vectors

_INT8_LEVELS = 127


@dataclass(frozen=True)
class QuantizedHead:
    """What a graph holds of a head.

    Attributes:
        head: the head; its weight and bias are small, and stay as they are.
        terms: its terms, (V, C); None for none.
        pairs: its pairs, (H, C); None for none.
    """

    head: ClassificationHead
    terms: QuantizedTable | None
    pairs: QuantizedTable | None


def quantize_head(head: ClassificationHead, precision: Precision) -> QuantizedHead:
    """Write terms and pairs in the number type of a precision. Deterministic.

    `int4` gives eight bits, too: a head's tables are narrow, and a scale for each row would outweigh them.

    Raises:
        ArgumentError: when a value is too large for float16.
    """
    return QuantizedHead(head, _quantize(head.terms, precision), _quantize(head.pairs, precision))


def dequantize_head(quantized: QuantizedHead) -> ClassificationHead:
    """Give the head that a graph with these tables works with."""
    terms, pairs = (
        None if table is None else dequantize_table(table) for table in (quantized.terms, quantized.pairs)
    )
    return replace(quantized.head, terms=terms, pairs=pairs)


def _quantize(table: Vectors | None, precision: Precision) -> QuantizedTable | None:
    if table is None:
        return None
    if precision not in ("int8", "int4"):
        return quantize_table(table, precision)
    scale = (np.abs(table).max(axis=0) / _INT8_LEVELS).astype(np.float32)
    scale[scale == 0] = 1
    return QuantizedTable(np.rint(table / scale).astype(np.int8), table.shape[1], column_scale=scale)
