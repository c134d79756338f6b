"""Groups of nodes from the tokens of a batch, in one row, to rows of their own: padded ids, or vectors.

B is the number of rows. One more row, which has no token, keeps every size above 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from m2v_onnx.export.ids.pooling_part import factor_part, weighted_sum_part
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.text.word_nodes import Tokens
from m2v_onnx.model.quantization import Precision, quantize_table
from m2v_onnx.model.static_embedding import StaticEmbedding

# Sums are taken of blocks of so many tokens of one row, so many blocks at a time: they stay in the cache.
_BLOCK_TOKENS = 16
_ROUND_BLOCKS = 256


@dataclass(frozen=True)
class RowTokens:
    """Names of the tokens that count, numbered within their rows.

    Attributes:
        ids: (p,) int32.
        rows: (p,) int32, ascending.
        columns: (p,) int32, 0 for the first token of a row.
        counts: (B + 1,) int32, the number of tokens of each row.
        batch: (1,) int64, B.
    """

    ids: str
    rows: str
    columns: str
    counts: str
    batch: str


def number_columns(nodes: Nodes, tokens: Tokens, source: str, *, max_length: int | None) -> RowTokens:
    """Number the tokens of each row, and keep the first `max_length` of each; None keeps all.

    Args:
        nodes: where to write.
        tokens: the tokens.
        source: the graph's input, (B, …).
        max_length: the number of tokens of a row that count.
    """
    batch = nodes.cut(nodes.add("Shape", [source], "source_shape"), 0, 1, "batch")
    n_rows = nodes.add("Add", [batch, nodes.constant("one_row", [1], np.int64)], "n_rows")
    n_tokens = nodes.add("Shape", [tokens.ids], "n_tokens")
    ones = nodes.add("Expand", [nodes.constant("one", [1]), n_tokens], "ones")
    zeros = nodes.zeros(n_rows, "no_counts")
    counts = nodes.add("ScatterElements", [zeros, tokens.rows, ones], "counts", axis=0, reduction="add")
    before = nodes.add("CumSum", [counts, nodes.constant("axis", 0, np.int64)], "before", exclusive=1)
    own_before = nodes.look_up(before, tokens.rows, "own_before")
    columns = nodes.add("Sub", [nodes.count_up(tokens.ids, "places"), own_before], "columns")
    if max_length is None:
        return RowTokens(tokens.ids, tokens.rows, columns, counts, batch)
    limit = nodes.constant("max_length", max_length)
    kept = nodes.add("Less", [columns, limit], "is_kept")
    ids, rows, columns = (
        nodes.add("Compress", [value, kept], f"kept_{name}")
        for name, value in (("ids", tokens.ids), ("rows", tokens.rows), ("columns", columns))
    )
    return RowTokens(ids, rows, columns, nodes.add("Min", [counts, limit], "kept_counts"), batch)


def pad_rows(nodes: Nodes, tokens: RowTokens) -> None:
    """Write `input_ids` and `attention_mask`, int64 (B, T): T is the number of tokens of the longest row."""
    width = nodes.add("ReduceMax", [tokens.counts], "width", keepdims=1)
    row_starts = nodes.add("Mul", [tokens.rows, width], "row_starts")
    places = nodes.add("Add", [row_starts, tokens.columns], "places")
    wide = nodes.cast(width, TensorProto.INT64, "width_int64")
    size = nodes.add("Mul", [tokens.batch, wide], "size")
    shape = nodes.add("Concat", [tokens.batch, wide], "shape", axis=0)
    filled = _raised_ids(nodes, tokens.ids, places, size)
    _split_ids(nodes, nodes.add("Reshape", [filled, shape], "grid", allowzero=1))


def _raised_ids(nodes: Nodes, ids: str, places: str, size: str) -> str:
    """Give each id plus one in its place, and 0 in the others."""
    raised = nodes.add("Add", [ids, nodes.constant("one", 1)], "raised")
    return nodes.add("ScatterElements", [nodes.zeros(size, "blank"), places, raised], "filled", axis=0)


def _split_ids(nodes: Nodes, grid: str) -> None:
    """Write `input_ids` and `attention_mask` of a grid of ids plus one."""
    mask = nodes.add("Min", [grid, nodes.constant("one", 1)], "mask")
    for value, name in ((nodes.add("Sub", [grid, mask], "ids"), "input_ids"), (mask, "attention_mask")):
        nodes.part.nodes.append(helper.make_node("Cast", [value], [name], to=TensorProto.INT64))


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


def sum_rows(nodes: Nodes, tokens: RowTokens, model: StaticEmbedding, precision: Precision) -> None:
    """Write `sum` float32 (B, D), the weighted sum of each row's vectors, and `known` (B, 1), their number.

    Memory grows with the number of tokens, not with the longest row.
    """
    blocks = _count_blocks(nodes, tokens)
    before = nodes.look_up(blocks.before, tokens.rows, "own_before")
    starts = nodes.add("Mul", [before, nodes.constant("block", _BLOCK_TOKENS)], "block_starts")
    places = nodes.add("Add", [starts, tokens.columns], "places")
    width = nodes.constant("block_int64", [_BLOCK_TOKENS], np.int64)
    filled = _raised_ids(nodes, tokens.ids, places, nodes.add("Mul", [blocks.n_padded, width], "size"))
    grid = nodes.add("Reshape", [filled, nodes.constant("grid_shape", [-1, _BLOCK_TOKENS], np.int64)], "grid")
    sums = _sum_blocks(nodes, grid, blocks, model, precision)
    rows = _rows_of_blocks(nodes, blocks)
    n_rows = nodes.add("Shape", [tokens.counts], "n_rows")
    for name, n_columns in (("sum", model.dim), ("known", 1)):
        _add_blocks(nodes, sums[name], rows, n_rows, name=name, width=n_columns)


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
) -> dict[str, str]:
    """Give `sum` (blocks, D) and `known` (blocks, 1), round by round."""
    encoded = quantize_table(model.table, precision)
    body = Nodes(f"{nodes.group}/round")
    size = body.cast(blocks.size, TensorProto.INT64, "size")
    start = body.add("Mul", [f"{body.group}/number", size], "start")
    rows = body.add("Slice", [grid, start, body.add("Add", [start, size], "stop")], "grid")
    _split_ids(body, rows)
    names = {"sum": f"{body.group}/sum", "known": f"{body.group}/known"}
    pooling = factor_part(model, encoded) + weighted_sum_part(model, encoded)
    body.part = body.part + pooling.renamed(names)
    axis = body.constant("axis", [1], np.int64)
    known = body.add("ReduceSum", [names["known"], axis], "n_known", keepdims=1)
    n_rounds = nodes.add(
        "Squeeze", [nodes.cast(blocks.n_rounds, TensorProto.INT64, "n_rounds_int64")], "rounds"
    )
    stacks = nodes.collect(
        body, number=f"{body.group}/number", n_rounds=n_rounds, values=[names["sum"], known]
    )
    return {
        name: nodes.add(
            "Reshape", [stack, nodes.constant(f"{name}_rows", [-1, width], np.int64)], f"{name}_of_blocks"
        )
        for name, stack, width in zip(names, stacks, (model.dim, 1), strict=True)
    }


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


def _add_blocks(nodes: Nodes, values: str, rows: str, n_rows: str, *, name: str, width: int) -> None:
    """Write the sums of the blocks of each row (B, width)."""
    columns = nodes.constant(f"{name}_columns", [width], np.int64)
    shape = nodes.add("Concat", [n_rows, columns], f"{name}_shape", axis=0)
    zero = numpy_helper.from_array(np.array([0], np.float32))
    blank = nodes.add("ConstantOfShape", [shape], f"{name}_blank", value=zero)
    summed = nodes.add("ScatterND", [blank, rows, values], f"{name}_of_rows", reduction="add")
    start, stop = nodes.constant("first", [0], np.int64), nodes.constant("last", [-1], np.int64)
    nodes.part.nodes.append(helper.make_node("Slice", [summed, start, stop], [name]))
