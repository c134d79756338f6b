"""A head's tables in fewer bits."""

from __future__ import annotations

from dataclasses import dataclass, replace

from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.quantization import Precision, QuantizedTable, dequantize_table, quantize_table
from m2v_onnx.model.vectors import Vectors


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

    `int4` gives eight bits, too: of a narrow table the scales of rows outweigh four bits.

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
    return None if table is None else quantize_table(table, "int8" if precision == "int4" else precision)
