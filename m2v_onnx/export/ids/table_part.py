"""The table inside a graph, and back to float32 there: see `m2v_onnx.model.quantization`."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from m2v_onnx.export.graph import Part
from m2v_onnx.model.quantization import PACKED_ZERO, QuantizedTable
from m2v_onnx.model.vectors import Table


def rows_part(encoded: QuantizedTable) -> Part:
    """`row_ids` (batch, sequence) -> `rows` float32 (batch, sequence, D), before the scales."""
    if not encoded.is_packed:
        return _gather_part(encoded)
    return _unpack_part(encoded) + _join_part("high", "low", "rows", encoded.dim)


def sum_part(encoded: QuantizedTable, *, is_whole: bool) -> Part:
    """`row_ids` and `factor` (batch, sequence) -> `sum` float32 (batch, D), the weighted sum of the rows.

    A MatMul is twice as fast as Mul and ReduceSum, and five times as fast in whole numbers. The halves of
    packed rows are joined when they are sums.

    Args:
        encoded: the table.
        is_whole: whether `factor` holds whole numbers up to 127, beside an `encoded.is_whole`, and the sum
            may be one of 32 bits.
    """
    row = Part(
        [helper.make_node("Unsqueeze", ["factor", "axis_1"], ["factor_row"])],
        {"axis_1": np.array([1], np.int64)},
    )
    if encoded.is_packed:
        sums = [
            helper.make_node("MatMul", ["factor_row", "high"], ["high_sum"]),
            helper.make_node("MatMul", ["factor_row", "low"], ["low_sum"]),
        ]
        part = row + _unpack_part(encoded) + Part(sums)
        part += _join_part("high_sum", "low_sum", "sum_row", encoded.dim)
    elif is_whole:
        nodes = [
            helper.make_node("Gather", ["table", "row_ids"], ["codes"]),
            helper.make_node("Cast", ["factor_row"], ["factor_bytes"], to=TensorProto.UINT8),
            helper.make_node("MatMulInteger", ["factor_bytes", "codes"], ["whole_sum"]),
            helper.make_node("Cast", ["whole_sum"], ["whole_sum_row"], to=TensorProto.FLOAT),
            # Of no tokens at all, onnxruntime's MatMulInteger gives what lay in the memory.
            helper.make_node("ReduceSum", ["factor_row", "axis_2"], ["factor_sum"], keepdims=1),
            helper.make_node("Sign", ["factor_sum"], ["has_tokens"]),
            helper.make_node("Mul", ["whole_sum_row", "has_tokens"], ["sum_row"]),
        ]
        part = row + Part(nodes, {"axis_2": np.array([2], np.int64)}, {"table": encoded.rows})
    else:
        part = row + _gather_part(encoded)
        part += Part([helper.make_node("MatMul", ["factor_row", "rows"], ["sum_row"])])
    squeeze = Part([helper.make_node("Squeeze", ["sum_row", "axis_1"], ["unscaled_sum"])])
    return part + squeeze + scale_columns_part(encoded, "unscaled_sum", "sum")


def scale_columns_part(encoded: QuantizedTable, name: str, scaled_name: str) -> Part:
    """Multiply the last axis by the column scale."""
    if encoded.column_scale is None:
        return Part([helper.make_node("Identity", [name], [scaled_name])])
    node = helper.make_node("Mul", [name, "column_scale"], [scaled_name])
    scale = encoded.column_scale.copy()
    if encoded.is_packed:
        scale[encoded.rows.shape[1] :] *= 16  # those that `low` holds 1/16 of
    return Part([node], {"column_scale": scale})


def _gather_part(encoded: QuantizedTable) -> Part:
    large = {"table": encoded.rows}
    if encoded.rows.dtype == np.float32:
        return Part([helper.make_node("Gather", ["table", "row_ids"], ["rows"])], {}, large)
    nodes = [
        helper.make_node("Gather", ["table", "row_ids"], ["encoded_rows"]),
        helper.make_node("Cast", ["encoded_rows"], ["rows"], to=TensorProto.FLOAT),
    ]
    return Part(nodes, {}, large)


def _unpack_part(encoded: QuantizedTable) -> Part:
    """`row_ids` -> `high`, the codes of the first half of the columns, and `low`, 1/16 of the second's.

    Both are (batch, sequence, D / 2). In floats, because BitShift of bytes took more than twice as long.
    """
    nodes = [
        helper.make_node("Gather", ["table", "row_ids"], ["packed"]),
        helper.make_node("DequantizeLinear", ["packed", "sixteenth", "packed_zero"], ["both"]),
        helper.make_node("Round", ["both"], ["high"]),
        helper.make_node("Sub", ["both", "high"], ["low"]),
    ]
    constants: dict[str, Table] = {
        "sixteenth": np.array(1 / 16, np.float32),
        "packed_zero": np.array(PACKED_ZERO, np.uint8),
    }
    return Part(nodes, constants, {"table": encoded.rows})


def _join_part(high: str, low: str, joined: str, dim: int) -> Part:
    """The codes of both halves of the columns, or sums of them -> all D columns.

    An odd number of columns leaves one too many, which is cut off.
    """
    nodes = [
        helper.make_node("Concat", [high, low], ["halves"], axis=-1),
        helper.make_node("Slice", ["halves", "start", "dim", "last_axis"], [joined]),
    ]
    constants: dict[str, Table] = {
        "start": np.array([0], np.int64),
        "dim": np.array([dim], np.int64),
        "last_axis": np.array([-1], np.int64),
    }
    return Part(nodes, constants)
