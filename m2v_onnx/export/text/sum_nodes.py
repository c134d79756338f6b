"""Groups of nodes from the tokens of a batch, in one row, to the sum of each row's vectors.

B is the number of rows. One more row, which has no token, keeps every size above 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, numpy_helper

from m2v_onnx.export.ids.row_mean import factors, weighted_sum
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.text.row_nodes import RowTokens, raise_ids, split_ids
from m2v_onnx.model.quantization import Precision, quantize_table
from m2v_onnx.model.static_embedding import StaticEmbedding

# Sums are taken of blocks of so many tokens of one row, so many blocks at a time: they stay in the cache.
_BLOCK_TOKENS = 16
_ROUND_BLOCKS = 256


@dataclass(frozen=True)
class _Blocks:
    """Names of what is known of the blocks of a batch; a row of tokens is cut into blocks, the last padded.

    Attributes:
        before: (B + 1,) int32, the number of blocks before each row's own.
        size: (1,) int32, the number of blocks that are summed at a time.
        n_rounds: (1,) int32, how many times.
        n_padded: (1,) int64, the number of all blocks, those included that fill the last round.
    """

    before: str
    size: str
    n_rounds: str
    n_padded: str


def sum_rows(
    nodes: Nodes, tokens: RowTokens, model: StaticEmbedding, precision: Precision
) -> tuple[str, str]:
    """Give float32 (B, D), the weighted sum of each row's vectors, and (B, 1), how many tokens count.

    Memory grows with the number of tokens, not with the longest row.
    """
    blocks = _count_blocks(nodes, tokens)
    before = nodes.look_up(blocks.before, tokens.rows, "own_before")
    starts = nodes.add("Mul", [before, nodes.constant("block", _BLOCK_TOKENS)], "block_starts")
    places = nodes.add("Add", [starts, tokens.columns], "places")
    width = nodes.constant("block_int64", [_BLOCK_TOKENS], np.int64)
    filled = raise_ids(nodes, tokens.ids, places, nodes.add("Mul", [blocks.n_padded, width], "size"))
    grid = nodes.add("Reshape", [filled, nodes.constant("grid_shape", [-1, _BLOCK_TOKENS], np.int64)], "grid")
    total, known = _sum_blocks(nodes, grid, blocks, model, precision)
    rows = _rows_of_blocks(nodes, blocks)
    n_rows = nodes.add("Shape", [tokens.counts], "n_rows")
    total = _add_blocks(nodes, total, rows, n_rows, output="sum", width=model.dim)
    return total, _add_blocks(nodes, known, rows, n_rows, output="known", width=1)


def _count_blocks(nodes: Nodes, tokens: RowTokens) -> _Blocks:
    block = nodes.constant("block", _BLOCK_TOKENS)
    counts = _divide_up(nodes, tokens.counts, block, "n_blocks")
    ends = nodes.add("CumSum", [counts, nodes.constant("axis", 0, np.int64)], "ends")
    before = nodes.add("Sub", [ends, counts], "before")
    total = nodes.add("ReduceMax", [ends], "last_end", keepdims=1)
    total = nodes.add("Max", [total, nodes.constant("one", 1)], "total")
    size = nodes.add("Min", [total, nodes.constant("round", _ROUND_BLOCKS)], "round_size")
    n_rounds = _divide_up(nodes, total, size, "n_rounds")
    padded = nodes.add("Mul", [n_rounds, size], "n_padded")
    return _Blocks(before, size, n_rounds, nodes.cast(padded, TensorProto.INT64, "n_padded_int64"))


def _divide_up(nodes: Nodes, value: str, divisor: str, output: str) -> str:
    """Give value / divisor, rounded up."""
    less = nodes.add("Sub", [divisor, nodes.constant("one", 1)], f"{output}_less")
    return nodes.add("Div", [nodes.add("Add", [value, less], f"{output}_raised"), divisor], output)


def _sum_blocks(
    nodes: Nodes, grid: str, blocks: _Blocks, model: StaticEmbedding, precision: Precision
) -> tuple[str, str]:
    """Give (blocks, D) and (blocks, 1), the sum of each block and how many of its tokens count."""
    quantized = quantize_table(model.table, precision)
    body = Nodes(f"{nodes.group}/round")
    number = body.name("number")
    size = body.cast(blocks.size, TensorProto.INT64, "size")
    start = body.add("Mul", [number, size], "start")
    ids, mask = split_ids(
        body, body.add("Slice", [grid, start, body.add("Add", [start, size], "stop")], "grid")
    )
    # The names of the results are taken outside the loop.
    plain = body.beside("")
    tokens = factors(plain, model, quantized, ids=ids, mask=mask, known=body.name("known"))
    total = weighted_sum(plain, model, quantized, tokens, output=body.name("sum"))
    axis = body.constant("axis", [1], np.int64)
    known = body.add("ReduceSum", [tokens.known, axis], "n_known", keepdims=1)
    n_rounds = nodes.cast(blocks.n_rounds, TensorProto.INT64, "n_rounds_int64")
    n_rounds = nodes.add("Squeeze", [n_rounds], "rounds")
    totals, counts = nodes.collect(body, number=number, n_rounds=n_rounds, values=[total, known])
    return _flatten(nodes, totals, "sum", model.dim), _flatten(nodes, counts, "known", 1)


def _flatten(nodes: Nodes, stack: str, name: str, width: int) -> str:
    """Give (blocks, width) of (rounds, blocks of a round, width)."""
    shape = nodes.constant(f"{name}_rows", [-1, width], np.int64)
    return nodes.add("Reshape", [stack, shape], f"{name}_of_blocks")


def _rows_of_blocks(nodes: Nodes, blocks: _Blocks) -> str:
    """Give (blocks, 1) int64, the row of each block; that of the blocks that fill the last round is B."""
    later = nodes.cut(blocks.before, 1, None, "later_before")
    size = nodes.add("Add", [blocks.n_padded, nodes.constant("one_int64", [1], np.int64)], "one_more")
    one, length = nodes.constant("one_row", [1]), nodes.add("Shape", [later], "n_later")
    ones = nodes.add("Expand", [one, length], "ones")
    zeros = nodes.zeros(size, "no_steps")
    steps = nodes.add("ScatterElements", [zeros, later, ones], "steps", axis=0, reduction="add")
    steps = nodes.cut(steps, 0, -1, "own_steps")
    rows = nodes.add("CumSum", [steps, nodes.constant("axis", 0, np.int64)], "block_rows")
    column = nodes.constant("column_shape", [-1, 1], np.int64)
    return nodes.add(
        "Reshape", [nodes.cast(rows, TensorProto.INT64, "block_rows_int64"), column], "block_row"
    )


def _add_blocks(nodes: Nodes, values: str, rows: str, n_rows: str, *, output: str, width: int) -> str:
    """Give float32 (B, width), the sums of the blocks of each row; the name of the output stands alone."""
    columns = nodes.constant(f"{output}_columns", [width], np.int64)
    shape = nodes.add("Concat", [n_rows, columns], f"{output}_shape", axis=0)
    zero = numpy_helper.from_array(np.array([0], np.float32))
    blank = nodes.add("ConstantOfShape", [shape], f"{output}_blank", value=zero)
    summed = nodes.add("ScatterND", [blank, rows, values], f"{output}_of_rows", reduction="add")
    start, stop = nodes.constant("first", [0], np.int64), nodes.constant("last", [-1], np.int64)
    return nodes.beside("").add("Slice", [summed, start, stop], output)
