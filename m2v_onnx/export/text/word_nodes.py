"""Groups of nodes from the cells of a whole batch, in one row, to padded token ids.

All numbers are int32 unless it is said otherwise. n is the number of cells of the batch, row ends included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.tables.character_map import ROW_END
from m2v_onnx.export.text.match_nodes import Matches


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


@dataclass(frozen=True)
class WordRules:
    """What a tokenizer's model does with words.

    Attributes:
        unk_id: the id of an unknown word, and the value of a word start where no entry begins.
        spaces: for each class 1 where it is no part of a word, else 0.
    """

    unk_id: int
    spaces: list[int]


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
    nodes: Nodes, words: Words, matches: Matches, rules: WordRules, *, max_characters: int
) -> Tokens:
    """Walk through each word by its longest entries; a word that cannot be walked through is unknown.

    Args:
        nodes: where to write.
        words: the words.
        matches: at every position the longest entry that begins there, word start or not.
        rules: those of WordPiece.
        max_characters: longer words are unknown.
    """
    inside = nodes.cast(words.inside, TensorProto.INT32, "inside")
    limit = nodes.constant("max_characters", max_characters)
    is_long = nodes.add("Greater", [_word_lengths(nodes, words), limit], "is_long")
    long = nodes.cast(is_long, TensorProto.INT32, "long")
    # From inside a word to the next piece; a boundary, and a place where nothing matches, leads to itself.
    step = nodes.add("Mul", [matches.lengths, inside], "step")
    following = nodes.add("Add", [words.positions, step], "following")
    first_length = nodes.look_up(matches.lengths, words.starts, "first_length")
    # Nobody walks through a word that is too long, which bounds the rounds.
    is_short = nodes.add("Sub", [nodes.constant("one", 1), long], "short")
    second = nodes.add(
        "Add", [words.starts, nodes.add("Mul", [first_length, is_short], "first_step")], "second"
    )
    marks = nodes.cast(words.boundary, TensorProto.INT32, "boundary")
    marks, ends = _walk(nodes, following, marks, second)
    is_unknown = nodes.add("Max", [nodes.look_up(inside, ends, "is_stuck"), long], "is_unknown")
    return _emit(nodes, words, matches.values, marks, is_unknown, rules)


def _walk(nodes: Nodes, following: str, marks: str, places: str) -> tuple[str, str]:
    """Follow every word's chain to its end, all words at once; mark every place, and give the last."""
    body = Nodes("walk")
    old_marks, old_places = body.name("marks"), body.name("places")
    one = body.constant("one", [1])
    shape = body.add("Shape", [old_places], "shape")
    ones = body.add("Expand", [one, shape], "ones")
    marked = body.add("ScatterElements", [old_marks, old_places, ones], "marked", axis=0)
    moved = body.look_up(following, old_places, "moved")
    way = body.add("Sub", [moved, old_places], "way")
    longest = body.add("ReduceMax", [way], "longest_way", keepdims=0)
    goes_on = body.cast(longest, TensorProto.BOOL, "goes_on")
    state = {old_marks: marks, old_places: places}
    marks, ends = nodes.repeat(body, state=state, new_state=[marked, moved], goes_on=goes_on)
    return marks, ends


def _word_lengths(nodes: Nodes, words: Words) -> str:
    shape = nodes.add("Shape", [words.positions], "n_cells_shape")
    n_cells = nodes.cast(shape, TensorProto.INT32, "n_cells")
    next_starts = nodes.cut(words.starts, 1, None, "next_starts")
    ends = nodes.add("Concat", [next_starts, n_cells], "word_ends", axis=0)
    return nodes.add("Sub", [ends, words.starts], "word_lengths")


def _emit(nodes: Nodes, words: Words, values: str, marks: str, is_unknown: str, rules: WordRules) -> Tokens:
    """Give the tokens at the marked places; of an unknown word, one unknown token."""
    marked = nodes.cast(marks, TensorProto.BOOL, "is_marked")
    places = nodes.add("Compress", [words.positions, marked], "places")
    cells = nodes.look_up(words.cells, places, "piece_cells")
    continues = nodes.cast(
        nodes.look_up(words.inside, places, "continues"), TensorProto.INT32, "continues_number"
    )
    one = nodes.constant("one", 1)
    begins = nodes.add("Sub", [one, continues], "begins")
    axis = nodes.constant("axis", 0, np.int64)
    word = nodes.add("Sub", [nodes.add("CumSum", [begins, axis], "word_count"), one], "word")
    unknown = nodes.look_up(is_unknown, word, "unknown")
    value = nodes.look_up(values, places, "piece_values")
    to_unk = nodes.add("Sub", [nodes.constant("unk_id", rules.unk_id), value], "to_unk")
    ids = nodes.add("Add", [value, nodes.add("Mul", [to_unk, unknown], "unk_change")], "piece_ids")
    dropped = nodes.add("Mul", [unknown, continues], "dropped_piece")
    space = nodes.look_up(nodes.constant("spaces", rules.spaces), cells, "space")
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


def whole_words(nodes: Nodes, words: Words, matches: Matches, rules: WordRules) -> Tokens:
    """Give the entry that is the whole word, for each word; else the unknown token.

    Args:
        nodes: where to write.
        words: the words.
        matches: at each start the longest entry that begins there.
        rules: those of WordLevel.
    """
    is_whole = nodes.add("Equal", [_word_lengths(nodes, words), matches.lengths], "is_whole")
    whole = nodes.cast(is_whole, TensorProto.INT32, "whole")
    unk = nodes.constant("unk_id", rules.unk_id)
    from_unk = nodes.add("Mul", [nodes.add("Sub", [matches.values, unk], "from_unk"), whole], "change")
    ids = nodes.add("Add", [unk, from_unk], "word_ids")
    cells = nodes.look_up(words.cells, words.starts, "start_cells")
    space = nodes.look_up(nodes.constant("spaces", rules.spaces), cells, "space")
    kept = nodes.add("Not", [nodes.cast(space, TensorProto.BOOL, "is_space")], "kept")
    return Tokens(
        nodes.add("Compress", [ids, kept], "ids"),
        nodes.add("Compress", [row_numbers(nodes, cells), kept], "rows"),
    )
