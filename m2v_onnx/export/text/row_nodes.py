"""Groups of nodes from the tokens of a batch, in one row, to padded ids.

B is the number of rows. One more row, which has no token, keeps every size above 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.text.word_nodes import Tokens


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


def pad_rows(nodes: Nodes, tokens: RowTokens) -> tuple[str, str]:
    """Give `input_ids` and `attention_mask`, int64 (B, T): T is the number of tokens of the longest row."""
    width = nodes.add("ReduceMax", [tokens.counts], "width", keepdims=1)
    row_starts = nodes.add("Mul", [tokens.rows, width], "row_starts")
    places = nodes.add("Add", [row_starts, tokens.columns], "places")
    wide = nodes.cast(width, TensorProto.INT64, "width_int64")
    size = nodes.add("Mul", [tokens.batch, wide], "size")
    shape = nodes.add("Concat", [tokens.batch, wide], "shape", axis=0)
    filled = raise_ids(nodes, tokens.ids, places, size)
    grid = nodes.add("Reshape", [filled, shape], "grid", allowzero=1)
    return split_ids(nodes, grid, nodes.beside(""))


def raise_ids(nodes: Nodes, ids: str, places: str, size: str) -> str:
    """Give each id plus one in its place, and 0 in the others."""
    raised = nodes.add("Add", [ids, nodes.constant("one", 1)], "raised")
    return place_ids(nodes, raised, places, size)


def place_ids(nodes: Nodes, raised: str, places: str, size: str) -> str:
    """Give each number in its place, and 0 in the others."""
    return nodes.add("ScatterElements", [nodes.zeros(size, "blank"), places, raised], "filled", axis=0)


def split_ids(nodes: Nodes, grid: str, outside: Nodes) -> tuple[str, str]:
    """Give `input_ids` and `attention_mask`, int64, of a grid of ids plus one, by their names outside."""
    mask = nodes.add("Min", [grid, nodes.constant("one", 1)], "mask")
    ids = nodes.add("Sub", [grid, mask], "ids")
    ids = outside.cast(ids, TensorProto.INT64, "input_ids")
    return ids, outside.cast(mask, TensorProto.INT64, "attention_mask")
