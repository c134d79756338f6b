"""Groups of nodes from the tokens of a batch, in one row, to the sums of each row's vectors and terms.

B is the number of rows. One more row, which has no token, keeps every size above 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, numpy_helper

from m2v_onnx.export.head_nodes import add_pairs, add_terms, pair_places
from m2v_onnx.export.ids.row_mean import factors, weighted_sum
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.text.row_nodes import RowTokens, place_ids, raise_ids, split_ids
from m2v_onnx.model.quantization import Precision, quantize_table
from m2v_onnx.model.quantized_head import QuantizedHead
from m2v_onnx.model.static_embedding import StaticEmbedding

# Sums are taken of blocks of so many tokens of one row, so many blocks at a time: they stay in the cache.
_BLOCK_TOKENS = 16
_ROUND_BLOCKS = 256


@dataclass(frozen=True)
class RowSums:
    """Names of the sums of a batch.

    Attributes:
        total: (B, D) float32, the weighted sum of each row's vectors.
        known: (B, 1) float32, how many tokens count.
        added: (B, C) float32 each, what a head's terms and pairs add.
    """

    total: str
    known: str
    added: list[str]


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
    nodes: Nodes,
    tokens: RowTokens,
    model: StaticEmbedding,
    precision: Precision,
    head: QuantizedHead | None = None,
) -> RowSums:
    """Give what each row adds up to. Memory grows with the number of tokens, not with the longest row."""
    blocks = _count_blocks(nodes, tokens)
    before = nodes.look_up(blocks.before, tokens.rows, "own_before")
    starts = nodes.add("Mul", [before, nodes.constant("block", _BLOCK_TOKENS)], "block_starts")
    places = nodes.add("Add", [starts, tokens.columns], "places")
    width = nodes.constant("block_int64", [_BLOCK_TOKENS], np.int64)
    size = nodes.add("Mul", [blocks.n_padded, width], "size")
    grids = [raise_ids(nodes, tokens.ids, places, size)]
    if head is not None and head.pairs is not None:
        raised = _raised_pairs(nodes.beside("pairs"), tokens, model, len(head.pairs.rows))
        grids.append(place_ids(nodes.beside("pairs"), raised, places, size))
    shape = nodes.constant("grid_shape", [-1, _BLOCK_TOKENS], np.int64)
    grids = [nodes.add("Reshape", [grid, shape], f"grid_{i}") for i, grid in enumerate(grids)]
    sums = _sum_blocks(nodes, grids, blocks, model, precision, head)
    rows, values = _add_blocks(
        nodes, _rows_of_blocks(nodes, blocks), [value for value, _ in sums.values()], blocks
    )
    n_rows = nodes.add("Shape", [tokens.counts], "n_rows")
    total, known, *added = (
        _place_rows(nodes, value, rows, n_rows, output=name, width=width)
        for value, (name, (_, width)) in zip(values, sums.items(), strict=True)
    )
    return RowSums(total, known, added)


def _raised_pairs(nodes: Nodes, tokens: RowTokens, model: StaticEmbedding, n_rows: int) -> str:
    """Give (p,) int32, one more than the row of the pair that a token makes with the next; 0 for none."""
    counting = nodes.constant("counting", model.counting_ids, np.int32)
    known = nodes.look_up(counting, tokens.ids, "known")
    ids = nodes.cast(tokens.ids, TensorProto.INT64, "ids")
    rows = pair_places(nodes, ids, _following(nodes, ids, "following"), n_rows)
    one = nodes.constant("one", 1)
    raised = nodes.add("Add", [nodes.cast(rows, TensorProto.INT32, "rows_int32"), one], "raised")
    # The next token is the first of another row, or of the same where the last meets the first, in column 0.
    is_next = nodes.add("Min", [_following(nodes, tokens.columns, "following_columns"), one], "is_next")
    both = nodes.add("Mul", [known, _following(nodes, known, "following_known")], "both_known")
    return nodes.add("Mul", [raised, nodes.add("Mul", [both, is_next], "is_pair")], "raised_pairs")


def _following(nodes: Nodes, value: str, output: str) -> str:
    """Give what stands one place later; behind the last the first."""
    first, later = nodes.cut(value, 0, 1, f"{output}_first"), nodes.cut(value, 1, None, f"{output}_later")
    return nodes.add("Concat", [later, first], output, axis=0)


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
    nodes: Nodes,
    grids: list[str],
    blocks: _Blocks,
    model: StaticEmbedding,
    precision: Precision,
    head: QuantizedHead | None,
) -> dict[str, tuple[str, int]]:
    """Give (blocks, W) of each sum by its name, and W: `sum`, `known`, and what terms and pairs add."""
    quantized = quantize_table(model.table, precision)
    body = Nodes(f"{nodes.group}/round")
    number = body.name("number")
    size = body.cast(blocks.size, TensorProto.INT64, "size")
    start = body.add("Mul", [number, size], "start")
    stop = body.add("Add", [start, size], "stop")
    # The names of the results are taken outside the loop.
    plain = body.beside("")
    ids, mask = split_ids(body, body.add("Slice", [grids[0], start, stop], "grid"), plain)
    tokens = factors(plain, model, quantized, ids=ids, mask=mask, known=body.name("known"))
    axis = body.constant("axis", [1], np.int64)
    sums = {
        "sum": (weighted_sum(plain, model, quantized, tokens, output=body.name("sum")), model.dim),
        "known": (body.add("ReduceSum", [tokens.known, axis], "n_known", keepdims=1), 1),
    }
    if head is not None:
        terms = add_terms(body.beside("terms"), head, tokens)
        pairs = None
        if head.pairs is not None:
            inner = body.beside("pairs/round")
            rows, counts = split_ids(inner, inner.add("Slice", [grids[1], start, stop], "grid"), inner)
            counts = inner.cast(counts, TensorProto.FLOAT, "counts")
            pairs = add_pairs(inner, head, rows=rows, counts=counts)
        added = {"terms": terms, "pairs": pairs}
        sums |= {name: (value, head.head.n_outputs) for name, value in added.items() if value is not None}
    n_rounds = nodes.cast(blocks.n_rounds, TensorProto.INT64, "n_rounds_int64")
    n_rounds = nodes.add("Squeeze", [n_rounds], "rounds")
    values = [value for value, _ in sums.values()]
    stacks = nodes.collect(body, number=number, n_rounds=n_rounds, values=values)
    return {
        name: (_flatten(nodes, stack, name, width), width)
        for stack, (name, (_, width)) in zip(stacks, sums.items(), strict=True)
    }


def _flatten(nodes: Nodes, stack: str, name: str, width: int) -> str:
    """Give (blocks, width) of (rounds, blocks of a round, width)."""
    shape = nodes.constant(f"{name}_rows", [-1, width], np.int64)
    return nodes.add("Reshape", [stack, shape], f"{name}_of_blocks")


def _rows_of_blocks(nodes: Nodes, blocks: _Blocks) -> str:
    """Give (blocks,) int32, the row of each block; that of the blocks that fill the last round is B."""
    later = nodes.cut(blocks.before, 1, None, "later_before")
    size = nodes.add("Add", [blocks.n_padded, nodes.constant("one_int64", [1], np.int64)], "one_more")
    one, length = nodes.constant("one_row", [1]), nodes.add("Shape", [later], "n_later")
    ones = nodes.add("Expand", [one, length], "ones")
    zeros = nodes.zeros(size, "no_steps")
    steps = nodes.add("ScatterElements", [zeros, later, ones], "steps", axis=0, reduction="add")
    steps = nodes.cut(steps, 0, -1, "own_steps")
    return nodes.add("CumSum", [steps, nodes.constant("axis", 0, np.int64)], "block_rows")


def _add_blocks(nodes: Nodes, rows: str, values: list[str], blocks: _Blocks) -> tuple[str, list[str]]:
    """Add the blocks of each row, two by two until one is left; give the rows that have one, and the sums.

    A row never stands twice among the places of a ScatterND: onnxruntime adds on many threads at once, and
    would lose some of what meets at one place.

    Args:
        nodes: where to write.
        rows: (blocks,) int32, the row of each block, ascending.
        values: float32 (blocks, W) each.
        blocks: what is known of the blocks.
    """
    before = nodes.look_up(blocks.before, rows, "before_of_blocks")
    numbers = nodes.add("Sub", [nodes.count_up(rows, "block_places"), before], "numbers")
    body = Nodes(f"{nodes.group}/pairs_of_blocks")
    one, two = body.constant("one", 1), body.constant("two", 2)
    own = [body.name(f"values_{index}") for index in range(len(values))]
    is_odd = body.add("Mod", [body.name("numbers"), two], "is_odd")
    is_even = body.add("Sub", [one, is_odd], "is_even")
    odd, even = body.cast(is_odd, TensorProto.BOOL, "odd"), body.cast(is_even, TensorProto.BOOL, "even")
    ranks = body.add("CumSum", [is_even, body.constant("axis", 0, np.int64)], "ranks")
    ranks = body.add("Compress", [body.add("Sub", [ranks, one], "places"), odd], "places_of_odd", axis=0)
    targets = _column(body, ranks, "targets")
    sums = [
        body.add(
            "ScatterND",
            [
                body.add("Compress", [value, even], f"even_{index}", axis=0),
                targets,
                body.add("Compress", [value, odd], f"odd_{index}", axis=0),
            ],
            f"sums_{index}",
            reduction="add",
        )
        for index, value in enumerate(own)
    ]
    halves = body.add(
        "Div", [body.add("Compress", [body.name("numbers"), even], "even_numbers", axis=0), two], "halves"
    )
    kept = body.add("Compress", [body.name("rows"), even], "kept_rows", axis=0)
    state = {body.name("rows"): rows, body.name("numbers"): numbers, **dict(zip(own, values, strict=True))}
    last_rows, _, *totals = nodes.repeat(
        body,
        state=state,
        new_state=[kept, halves, *sums],
        goes_on=_is_any(body, halves, "goes_on"),
        begins=_is_any(nodes, numbers, "begins"),
        n_floats=len(values),
    )
    return _column(nodes, last_rows, "summed_rows"), totals


def _is_any(nodes: Nodes, numbers: str, output: str) -> str:
    """Give whether any number is above 0."""
    largest = nodes.add("ReduceMax", [numbers], f"{output}_largest", keepdims=0)
    return nodes.add("Greater", [largest, nodes.constant("zero", 0)], output)


def _column(nodes: Nodes, value: str, output: str) -> str:
    """Give (n, 1) int64 of (n,) int32."""
    wide = nodes.cast(value, TensorProto.INT64, f"{output}_int64")
    return nodes.add("Reshape", [wide, nodes.constant("column_shape", [-1, 1], np.int64)], output)


def _place_rows(nodes: Nodes, values: str, rows: str, n_rows: str, *, output: str, width: int) -> str:
    """Give float32 (B, width), the sum of each row, 0 without blocks; the name of the output stands alone."""
    columns = nodes.constant(f"{output}_columns", [width], np.int64)
    shape = nodes.add("Concat", [n_rows, columns], f"{output}_shape", axis=0)
    zero = numpy_helper.from_array(np.array([0], np.float32))
    blank = nodes.add("ConstantOfShape", [shape], f"{output}_blank", value=zero)
    placed = nodes.add("ScatterND", [blank, rows, values], f"{output}_of_rows")
    start, stop = nodes.constant("first", [0], np.int64), nodes.constant("last", [-1], np.int64)
    return nodes.beside("").add("Slice", [placed, start, stop], output)
