"""The rows of the table inside a graph, back in float32: see `m2v_onnx.model.quantization`."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from m2v_onnx.export.nodes import Nodes
from m2v_onnx.model.quantization import PACKED_ZERO, QuantizedTable


def gather_rows(nodes: Nodes, quantized: QuantizedTable, row_ids: str) -> str:
    """Give float32 (batch, sequence, D), the rows of tokens before any scale.

    Args:
        nodes: where to write.
        quantized: the table.
        row_ids: (batch, sequence), the rows wanted.
    """
    if quantized.is_packed:
        high, low = _unpack(nodes, quantized, row_ids)
        return _join(nodes, high, low, "rows", quantized.dim)
    rows = [_table(nodes, quantized), row_ids]
    if quantized.rows.dtype == np.float32:
        return nodes.add("Gather", rows, "rows")
    return nodes.cast(nodes.add("Gather", rows, "encoded_rows"), TensorProto.FLOAT, "rows")


def gather_sum(
    nodes: Nodes, quantized: QuantizedTable, row_ids: str, factor: str, output: str, *, is_whole: bool
) -> str:
    """Give float32 (batch, D), the weighted sum of each text's rows.

    A MatMul is twice as fast as Mul and ReduceSum, and five times as fast in whole numbers. The halves of
    packed rows are joined when they are sums.

    Args:
        nodes: where to write.
        quantized: the table.
        row_ids: (batch, sequence), the row of each token.
        factor: (batch, sequence) float32, what it is multiplied by.
        output: the name of the sum.
        is_whole: whether `factor` holds whole numbers up to 127, beside a `quantized.is_whole`, and the sum
            may be one of 32 bits.
    """
    axis = nodes.constant("axis_1", [1], np.int64)
    factor_row = nodes.add("Unsqueeze", [factor, axis], "factor_row")
    if quantized.is_packed:
        high, low = _unpack(nodes, quantized, row_ids)
        high_sum = nodes.add("MatMul", [factor_row, high], "high_sum")
        low_sum = nodes.add("MatMul", [factor_row, low], "low_sum")
        sum_row = _join(nodes, high_sum, low_sum, "sum_row", quantized.dim)
    elif is_whole:
        sum_row = _sum_whole(nodes, quantized, row_ids, factor_row)
    else:
        rows = gather_rows(nodes, quantized, row_ids)
        sum_row = nodes.add("MatMul", [factor_row, rows], "sum_row")
    unscaled = nodes.add("Squeeze", [sum_row, axis], "unscaled_sum")
    return scale_columns(nodes, quantized, unscaled, output)


def scale_columns(nodes: Nodes, quantized: QuantizedTable, value: str, output: str) -> str:
    """Multiply the last axis by the column scale."""
    if quantized.column_scale is None:
        return nodes.add("Identity", [value], output)
    scale = quantized.column_scale.copy()
    if quantized.is_packed:
        scale[quantized.rows.shape[1] :] *= 16  # those that `low` holds 1/16 of
    return nodes.add("Mul", [value, nodes.constant("column_scale", scale, scale.dtype)], output)


def _table(nodes: Nodes, quantized: QuantizedTable) -> str:
    return nodes.large_constant("table", quantized.rows)


def _sum_whole(nodes: Nodes, quantized: QuantizedTable, row_ids: str, factor_row: str) -> str:
    """Give float32 (batch, 1, D), a sum of whole numbers: exact, in any order."""
    codes = nodes.add("Gather", [_table(nodes, quantized), row_ids], "codes")
    factor_bytes = nodes.cast(factor_row, TensorProto.UINT8, "factor_bytes")
    whole_sum = nodes.add("MatMulInteger", [factor_bytes, codes], "whole_sum")
    whole_sum_row = nodes.cast(whole_sum, TensorProto.FLOAT, "whole_sum_row")
    # Of no tokens at all, onnxruntime's MatMulInteger gives what lay in the memory.
    axis = nodes.constant("axis_2", [2], np.int64)
    factor_sum = nodes.add("ReduceSum", [factor_row, axis], "factor_sum", keepdims=1)
    has_tokens = nodes.add("Sign", [factor_sum], "has_tokens")
    return nodes.add("Mul", [whole_sum_row, has_tokens], "sum_row")


def _unpack(nodes: Nodes, quantized: QuantizedTable, row_ids: str) -> tuple[str, str]:
    """Give the codes of the first half of the columns, and 1/16 of the second's.

    Both are (batch, sequence, D / 2). In floats, because BitShift of bytes took more than twice as long.
    """
    packed = nodes.add("Gather", [_table(nodes, quantized), row_ids], "packed")
    sixteenth = nodes.constant("sixteenth", 1 / 16, np.float32)
    zero = nodes.constant("packed_zero", PACKED_ZERO, np.uint8)
    both = nodes.add("DequantizeLinear", [packed, sixteenth, zero], "both")
    high = nodes.add("Round", [both], "high")
    return high, nodes.add("Sub", [both, high], "low")


def _join(nodes: Nodes, high: str, low: str, output: str, dim: int) -> str:
    """Give all D columns of the codes of both halves, or of sums of them.

    An odd number of columns leaves one too many, which is cut off.
    """
    halves = nodes.add("Concat", [high, low], "halves", axis=-1)
    bounds = {"start": [0], "dim": [dim], "last_axis": [-1]}
    names = [nodes.constant(name, value, np.int64) for name, value in bounds.items()]
    return nodes.add("Slice", [halves, *names], output)
