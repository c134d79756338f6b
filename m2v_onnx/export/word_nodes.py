"""Groups of nodes from the cells of a whole batch, in one row, to padded token ids.

All numbers are int32 unless it is said otherwise. n is the number of cells of the batch, row ends included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto, helper

from m2v_onnx.export.character_map import ROW_END
from m2v_onnx.export.match_nodes import Matches
from m2v_onnx.export.nodes import Nodes


@dataclass(frozen=True)
class Words:
    """Names of what is known of the words of a batch.

    Attributes:
        cells: (n,) the classes of the cells.
        positions: (n,) 0 to n - 1.
        inside: (n,) bool, whether a cell continues the word of the cell before.
        boundary: (n,) bool, the contrary.
        starts: (w,) the positions of the boundaries: where words, and what stands between them, begin.
    """

    cells: str
    positions: str
    inside: str
    boundary: str
    starts: str


def split_words(nodes: Nodes, cells: str, joins: list[int]) -> Words:
    """Find where words begin.

    Args:
        nodes: where to write.
        cells: (n + 1,) classes; the first is a row end.
        joins: for each class the kind of neighbours that it makes one word with; 0 for none.
    """
    join = nodes.look_up(nodes.constant("joins", joins), cells, "join_all")
    before = nodes.cut(join, 0, -1, "join_before")
    join = nodes.cut(join, 1, None, "join")
    same = nodes.add("Equal", [join, before], "same")
    joins_any = nodes.cast(join, TensorProto.BOOL, "joins_any")
    inside = nodes.add("And", [same, joins_any], "inside")
    boundary = nodes.add("Not", [inside], "boundary")
    own = nodes.cut(cells, 1, None, "cells")
    positions = nodes.count_up(own, "positions")
    starts = nodes.add("Compress", [positions, boundary], "starts")
    return Words(own, positions, inside, boundary, starts)


@dataclass(frozen=True)
class Tokens:
    """Names of the tokens of a batch.

    Attributes:
        ids: (p,) their ids.
        rows: (p,) the rows of the batch that they belong to, ascending.
    """

    ids: str
    rows: str


def word_pieces(
    nodes: Nodes, words: Words, matches: Matches, *, unk_id: int, max_characters: int, spaces: list[int]
) -> Tokens:
    """Walk through each word by its longest entries; a word that cannot be walked through is unknown.

    Args:
        nodes: where to write.
        words: the words.
        matches: at every position the longest entry that begins there, word start or not.
        unk_id: the id of an unknown word, and the value of a word start where no entry begins.
        max_characters: longer words are unknown.
        spaces: for each class 1 where it is no part of a word, else 0.
    """
    inside = nodes.cast(words.inside, TensorProto.INT32, "inside")
    # From inside a word to the next piece; a boundary, and a place where nothing matches, leads to itself.
    step = nodes.add("Mul", [matches.lengths, inside], "step")
    following = nodes.add("Add", [words.positions, step], "following")
    first_length = nodes.look_up(matches.lengths, words.starts, "first_length")
    second = nodes.add("Add", [words.starts, first_length], "second_piece")
    marks = nodes.cast(words.boundary, TensorProto.INT32, "boundary")
    marks, ends = _walk(nodes, following, marks, second)
    is_stuck = nodes.look_up(inside, ends, "is_stuck")
    is_unknown = _too_long(nodes, words, is_stuck, max_characters)
    return _emit(nodes, words, matches.values, marks, is_unknown, unk_id=unk_id, spaces=spaces)


def _walk(nodes: Nodes, following: str, marks: str, places: str) -> tuple[str, str]:
    """Follow every word's chain to its end, all words at once; mark every place, and give the last."""
    body = Nodes("walk")
    one = body.constant("one", [1])
    shape = body.add("Shape", ["walk/places"], "shape")
    ones = body.add("Expand", [one, shape], "ones")
    marked = body.add("ScatterElements", ["walk/marks", "walk/places", ones], "marked", axis=0)
    moved = body.look_up(following, "walk/places", "moved")
    way = body.add("Sub", [moved, "walk/places"], "way")
    longest = body.add("ReduceMax", [way], "longest_way", keepdims=0)
    goes_on = body.cast(longest, TensorProto.BOOL, "goes_on")
    return nodes.repeat(
        body, state={"walk/marks": marks, "walk/places": places}, new_state=[marked, moved], goes_on=goes_on
    )


def _too_long(nodes: Nodes, words: Words, is_stuck: str, max_characters: int) -> str:
    """Give 1 for each start of a word that is stuck or has too many characters, else 0."""
    shape = nodes.add("Shape", [words.positions], "n_cells_shape")
    n_cells = nodes.cast(shape, TensorProto.INT32, "n_cells")
    next_starts = nodes.cut(words.starts, 1, None, "next_starts")
    ends = nodes.add("Concat", [next_starts, n_cells], "word_ends", axis=0)
    lengths = nodes.add("Sub", [ends, words.starts], "word_lengths")
    limit = nodes.constant("max_characters", max_characters)
    is_long = nodes.cast(nodes.add("Greater", [lengths, limit], "is_long"), TensorProto.INT32, "is_long_number")
    return nodes.add("Max", [is_stuck, is_long], "is_unknown")


def _emit(
    nodes: Nodes, words: Words, values: str, marks: str, is_unknown: str, *, unk_id: int, spaces: list[int]
) -> Tokens:
    """Give the tokens at the marked places; of an unknown word, one unknown token."""
    marked = nodes.cast(marks, TensorProto.BOOL, "is_marked")
    places = nodes.add("Compress", [words.positions, marked], "places")
    cells = nodes.look_up(words.cells, places, "piece_cells")
    continues = nodes.cast(nodes.look_up(words.inside, places, "continues"), TensorProto.INT32, "continues_number")
    one = nodes.constant("one", 1)
    begins = nodes.add("Sub", [one, continues], "begins")
    axis = nodes.constant("axis", 0, np.int64)
    word = nodes.add("Sub", [nodes.add("CumSum", [begins, axis], "word_count"), one], "word")
    unknown = nodes.look_up(is_unknown, word, "unknown")
    value = nodes.look_up(values, places, "piece_values")
    to_unk = nodes.add("Sub", [nodes.constant("unk_id", unk_id), value], "to_unk")
    ids = nodes.add("Add", [value, nodes.add("Mul", [to_unk, unknown], "unk_change")], "piece_ids")
    dropped = nodes.add("Mul", [unknown, continues], "dropped_piece")
    space = nodes.look_up(nodes.constant("spaces", spaces), cells, "space")
    dropped = nodes.add("Max", [dropped, space], "dropped")
    kept = nodes.add("Not", [nodes.cast(dropped, TensorProto.BOOL, "is_dropped")], "kept")
    return Tokens(
        nodes.add("Compress", [ids, kept], "ids"),
        nodes.add("Compress", [row_numbers(nodes, cells), kept], "rows"),
    )


def row_numbers(nodes: Nodes, cells: str) -> str:
    """Give the row of each of some cells: the number of row ends up to it."""
    end = nodes.constant("row_end", ROW_END)
    ends = nodes.cast(nodes.add("Equal", [cells, end], "is_row_end"), TensorProto.INT32, "is_row_end_number")
    return nodes.add("CumSum", [ends, nodes.constant("axis", 0, np.int64)], "row_numbers")


def whole_words(nodes: Nodes, words: Words, matches: Matches, *, unk_id: int, spaces: list[int]) -> Tokens:
    """Give the entry that is the whole word, for each word; else the unknown token.

    Args:
        nodes: where to write.
        words: the words.
        matches: at each start the longest entry that begins there.
        unk_id: the id of an unknown word.
        spaces: for each class 1 where it is no part of a word, else 0.
    """
    shape = nodes.add("Shape", [words.positions], "n_cells_shape")
    n_cells = nodes.cast(shape, TensorProto.INT32, "n_cells")
    next_starts = nodes.cut(words.starts, 1, None, "next_starts")
    ends = nodes.add("Concat", [next_starts, n_cells], "word_ends", axis=0)
    lengths = nodes.add("Sub", [ends, words.starts], "word_lengths")
    whole = nodes.cast(
        nodes.add("Equal", [lengths, matches.lengths], "is_whole"), TensorProto.INT32, "is_whole_number"
    )
    unk = nodes.constant("unk_id", unk_id)
    from_unk = nodes.add("Mul", [nodes.add("Sub", [matches.values, unk], "from_unk"), whole], "change")
    ids = nodes.add("Add", [unk, from_unk], "word_ids")
    cells = nodes.look_up(words.cells, words.starts, "start_cells")
    space = nodes.look_up(nodes.constant("spaces", spaces), cells, "space")
    kept = nodes.add("Not", [nodes.cast(space, TensorProto.BOOL, "is_space")], "kept")
    return Tokens(
        nodes.add("Compress", [ids, kept], "ids"),
        nodes.add("Compress", [row_numbers(nodes, cells), kept], "rows"),
    )


def pad_rows(nodes: Nodes, tokens: Tokens, batch: str, *, max_length: int | None) -> None:
    """Write `input_ids` and `attention_mask`, int64 (B, T): T is the longest row's number of tokens.

    Args:
        nodes: where to write.
        tokens: the tokens.
        batch: (1,) int64, B.
        max_length: the number of tokens of a row that count; None for all.
    """
    one = nodes.constant("one", [1])
    one_more = nodes.add("Add", [batch, nodes.constant("one_row", [1], np.int64)], "n_counts")
    zeros = nodes.zeros(one_more, "no_counts")
    ones = nodes.add("Expand", [one, nodes.add("Shape", [tokens.ids], "n_tokens")], "ones")
    counts = nodes.add("ScatterElements", [zeros, tokens.rows, ones], "counts", axis=0, reduction="add")
    offsets = nodes.add("CumSum", [counts, nodes.constant("axis", 0, np.int64)], "offsets", exclusive=1)
    places = nodes.count_up(tokens.ids, "places")
    offset = nodes.look_up(offsets, tokens.rows, "offset")
    columns = nodes.add("Sub", [places, offset], "columns")
    width = nodes.add("ReduceMax", [counts], "longest_row", keepdims=1)
    kept_ids, kept_rows = tokens.ids, tokens.rows
    if max_length is not None:
        limit = nodes.constant("max_length", [max_length])
        width = nodes.add("Min", [width, limit], "width")
        kept = nodes.add("Less", [columns, limit], "is_kept")
        columns = nodes.add("Compress", [columns, kept], "kept_columns")
        kept_ids = nodes.add("Compress", [kept_ids, kept], "kept_ids")
        kept_rows = nodes.add("Compress", [kept_rows, kept], "kept_rows")
    cells = nodes.add("Add", [nodes.add("Mul", [kept_rows, width], "row_starts"), columns], "targets")
    wide = nodes.cast(width, TensorProto.INT64, "width_int64")
    shape = nodes.add("Concat", [batch, wide], "shape", axis=0)
    size = nodes.add("Mul", [batch, wide], "size")
    blank = nodes.zeros(size, "blank")
    raised = nodes.add("Add", [kept_ids, one], "raised_ids")
    flat = nodes.add("ScatterElements", [blank, cells, raised], "flat", axis=0)
    grid = nodes.add("Reshape", [flat, shape], "grid", allowzero=1)
    mask = nodes.add("Min", [grid, one], "mask")
    ids = nodes.add("Sub", [grid, mask], "grid_ids")
    for value, name in ((ids, "input_ids"), (mask, "attention_mask")):
        nodes.part.nodes.append(helper.make_node("Cast", [value], [name], to=TensorProto.INT64))
