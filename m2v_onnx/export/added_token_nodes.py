"""A group of nodes that finds added tokens, before the text is split into words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from m2v_onnx.export.match_nodes import Matcher
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.trie import Entry, build_trie


@dataclass(frozen=True)
class Pattern:
    """How an added token is found.

    Attributes:
        symbols: what it is made of, one key each.
        token_class: the class that stands for it.
        single_word: whether a word character on either side hides it.
    """

    symbols: tuple[object, ...]
    token_class: int
    single_word: bool


def find_added_tokens(
    nodes: Nodes, classes: str, patterns: list[Pattern], *, keys: list[object], words: list[bool]
) -> str:
    """Put the class of an added token in the place of its characters, and nothing in the rest of them.

    From the left, the longest that begins at a place; then those go that a word character hides.

    Args:
        nodes: where to write.
        classes: (n,) classes; the first and the last are row ends.
        patterns: the added tokens, no two of the same symbols.
        keys: what each class is in the symbols of the patterns.
        words: whether each class is a word character.
    """
    # A character with which a pattern begins has a higher number than others.
    ordered = dict.fromkeys(key for pattern in patterns for key in pattern.symbols)
    first = {pattern.symbols[0] for pattern in patterns}
    numbers = {key: n for n, key in enumerate(sorted(ordered, key=lambda key: key in first), 1)}
    entries = [
        Entry(0, "".join(chr(numbers[key]) for key in pattern.symbols), number)
        for number, pattern in enumerate(patterns, 1)
    ]
    trie = build_trie(entries, n_symbols=len(numbers) + 1, root_values=[0])
    symbols = nodes.look_up(nodes.constant("symbols", [numbers.get(key, 0) for key in keys]), classes, "symbol")
    highest = nodes.add("ReduceMax", [symbols], "highest_symbol", keepdims=0)
    limit = nodes.constant("last_inner_symbol", len(numbers) - len(first))
    may_begin = nodes.add("Greater", [highest, limit], "any_may_begin")
    inside = Nodes(f"{nodes.group}/found")
    matcher = Matcher(inside, trie)
    positions = inside.count_up(classes, "positions")
    zeros = inside.add("Sub", [positions, positions], "zeros")
    roots = inside.add("Add", [zeros, inside.constant("root", trie.first_root)], "roots")
    matches = matcher.longest(matcher.substrings(symbols), positions, roots)
    candidates = _candidates(inside, positions, matches.lengths, matches.values)
    chosen = _choose(inside, candidates)
    if any(pattern.single_word for pattern in patterns):
        chosen = _show_single_words(inside, classes, candidates, chosen, patterns, words)
    replaced = _replace(inside, classes, zeros, candidates, chosen, patterns)
    return nodes.branch(may_begin, inside, replaced, classes, "with_added_tokens")


@dataclass(frozen=True)
class _Candidates:
    """Names of what is known of the places where a pattern begins.

    Attributes:
        starts: (c,) the places.
        stops: (c,) the places behind the longest pattern there.
        numbers: (c,) its number, from 1.
        following: (c,) the number of the first candidate that begins at or behind the stop.
    """

    starts: str
    stops: str
    numbers: str
    following: str


def _candidates(nodes: Nodes, positions: str, lengths: str, values: str) -> _Candidates:
    begins = nodes.cast(lengths, TensorProto.BOOL, "begins")
    starts = nodes.add("Compress", [positions, begins], "starts")
    stops = nodes.add("Add", [starts, nodes.look_up(lengths, starts, "pattern_length")], "stops")
    axis = nodes.constant("axis", 0, np.int64)
    so_far = nodes.add("CumSum", [nodes.cast(begins, TensorProto.INT32, "begins_number"), axis], "begun_so_far")
    lasts = nodes.add("Sub", [stops, nodes.constant("one", 1)], "lasts")
    following = nodes.look_up(so_far, lasts, "following")
    return _Candidates(starts, stops, nodes.look_up(values, starts, "pattern"), following)


def _choose(nodes: Nodes, candidates: _Candidates) -> str:
    """Give 1 for the candidates that are met from the left without overlap: a chain from the first.

    Its steps are doubled in every round.
    """
    n_candidates = nodes.cast(nodes.add("Shape", [candidates.starts], "n_shape"), TensorProto.INT32, "n")
    following = nodes.add("Concat", [candidates.following, n_candidates], "following_or_end", axis=0)
    numbers = nodes.count_up(following, "numbers")
    is_first = nodes.add("Equal", [numbers, nodes.constant("zero_number", 0)], "is_first")
    met = nodes.cast(is_first, TensorProto.INT32, "first_met")
    body = Nodes(f"{nodes.group}/chain")
    step, old = f"{body.group}/step", f"{body.group}/met"
    none = body.add("Sub", [old, old], "none")
    reached = body.add("ScatterElements", [none, step, old], "reached", axis=0, reduction="add")
    reached = body.add("Min", [reached, body.constant("one", 1)], "reached_once")
    now_met = body.add("Max", [old, reached], "now_met")
    doubled = body.look_up(step, step, "doubled")
    way = body.add("ReduceMax", [body.add("Sub", [doubled, step], "way")], "longest_way", keepdims=0)
    goes_on = body.cast(way, TensorProto.BOOL, "goes_on")
    met, _ = nodes.repeat(body, state={old: met, step: following}, new_state=[now_met, doubled], goes_on=goes_on)
    return nodes.cut(met, 0, -1, "chosen")


def _show_single_words(
    nodes: Nodes,
    classes: str,
    candidates: _Candidates,
    chosen: str,
    patterns: list[Pattern],
    words: list[bool],
) -> str:
    """Leave out the single words that stand beside a word character."""
    is_word = nodes.look_up(nodes.constant("is_word", words), classes, "is_word")
    places = nodes.add("Sub", [candidates.starts, nodes.constant("one", 1)], "places_before")
    before = nodes.look_up(is_word, places, "word_before")
    behind = nodes.look_up(is_word, candidates.stops, "word_behind")
    beside = nodes.add("Max", [before, behind], "word_beside")
    single = [0, *(pattern.single_word for pattern in patterns)]
    is_single = nodes.look_up(nodes.constant("single_words", single), candidates.numbers, "is_single")
    hidden = nodes.add("Mul", [beside, is_single], "hidden")
    shown = nodes.add("Sub", [nodes.constant("one", 1), hidden], "shown")
    return nodes.add("Mul", [chosen, shown], "chosen_and_shown")


def _replace(
    nodes: Nodes, classes: str, zeros: str, candidates: _Candidates, chosen: str, patterns: list[Pattern]
) -> str:
    kept = nodes.cast(chosen, TensorProto.BOOL, "is_chosen")
    starts = nodes.add("Compress", [candidates.starts, kept], "chosen_starts")
    stops = nodes.add("Compress", [candidates.stops, kept], "chosen_stops")
    numbers = nodes.add("Compress", [candidates.numbers, kept], "chosen_patterns")
    ones = nodes.add("Compress", [chosen, kept], "ones")
    entered = nodes.add("ScatterElements", [zeros, starts, ones], "entered", axis=0, reduction="add")
    left = nodes.add("Neg", [ones], "minus_ones")
    steps = nodes.add("ScatterElements", [entered, stops, left], "steps", axis=0, reduction="add")
    covered = nodes.add("CumSum", [steps, nodes.constant("axis", 0, np.int64)], "covered")
    bare = nodes.add("Sub", [nodes.constant("one", 1), covered], "bare")
    rest = nodes.add("Mul", [classes, bare], "rest")
    table = nodes.constant("token_classes", [0, *(pattern.token_class for pattern in patterns)])
    tokens = nodes.look_up(table, numbers, "tokens")
    return nodes.add("ScatterElements", [rest, starts, tokens], "replaced", axis=0)
