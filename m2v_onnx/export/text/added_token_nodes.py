"""A group of nodes that finds added tokens, before the text is split into words."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from onnx import TensorProto

from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.tables.pattern import Pattern
from m2v_onnx.export.tables.trie import Entry, build_trie
from m2v_onnx.export.text.match_nodes import Matcher, Matches


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


class AddedTokenFinder:
    """Writes the nodes that put added tokens in the place of their characters.

    From the left, the longest that begins at a place; then those go that a word character hides. Or, between
    word boundaries: the longest that begins at a place and has no word character on either side.

    Args:
        patterns: the added tokens, no two of the same symbols.
        keys: what each class is in the symbols of the patterns.
        words: whether each class is a word character.
        between_words: find all of them between word boundaries.
    """

    def __init__(
        self,
        patterns: Sequence[Pattern],
        *,
        keys: Sequence[Hashable],
        words: Sequence[bool],
        between_words: bool = False,
    ) -> None:
        self._patterns = patterns
        self._words = words
        self._between_words = between_words
        paths = [pattern.symbols for pattern in patterns]
        if between_words:  # a symbol is a key and whether word characters are before and behind it
            is_word = dict(zip(keys, words, strict=True))
            paths = [_with_neighbours(path, is_word) for path in paths]
            keys = [(key, *neighbours) for key in keys for neighbours in product((False, True), repeat=2)]
        # Symbols with which a pattern begins have higher numbers than others.
        first = dict.fromkeys(path[0] for path in paths)
        inner = dict.fromkeys(key for path in paths for key in path if key not in first)
        numbers = {key: number for number, key in enumerate((*inner, *first), 1)}
        self._last_inner = len(inner)
        self._symbols = [numbers.get(key, 0) for key in keys]
        spellings = ("".join(chr(numbers[key]) for key in path) for path in paths)
        entries = [Entry(0, spelling, number) for number, spelling in enumerate(spellings, 1)]
        self._trie = build_trie(entries, n_symbols=len(numbers) + 1, root_values=[0])

    def write(self, nodes: Nodes, classes: str) -> str:
        """Put an added token's class in the place of its first character, and nothing in that of the rest.

        Args:
            nodes: where to write.
            classes: (n,) classes; the first and the last are row ends.
        """
        places = self._mark_neighbours(nodes, classes) if self._between_words else classes
        symbols = nodes.look_up(nodes.constant("symbols", self._symbols), places, "symbol")
        highest = nodes.add("ReduceMax", [symbols], "highest_symbol", keepdims=0)
        limit = nodes.constant("last_inner_symbol", self._last_inner)
        any_may_begin = nodes.add("Greater", [highest, limit], "any_may_begin")
        inside = Nodes(f"{nodes.group}/found")
        positions = inside.count_up(classes, "positions")
        zeros = inside.add("Sub", [positions, positions], "zeros")
        roots = inside.add("Add", [zeros, inside.constant("root", self._trie.first_root)], "roots")
        matcher = Matcher(inside, self._trie)
        matches = matcher.longest(matcher.substrings(symbols), positions, roots)
        candidates = _candidates(inside, positions, matches)
        chosen = _choose(inside, candidates)
        if any(pattern.single_word for pattern in self._patterns):
            chosen = self._show(inside, classes, candidates, chosen)
        found = self._replace(inside, classes, zeros, _keep(inside, candidates, chosen))
        return nodes.branch(any_may_begin, inside, found, classes, "with_added_tokens")

    def _mark_neighbours(self, nodes: Nodes, classes: str) -> str:
        """Give 4 times each class, and 2 where a word character is before, and 1 where one is behind."""
        is_word = nodes.look_up(
            nodes.constant("is_word", np.array(self._words, np.int32)), classes, "is_word"
        )
        edge = nodes.constant("edge", [0])
        before = nodes.add("Concat", [edge, nodes.cut(is_word, 0, -1, "all_but_last")], "before", axis=0)
        behind = nodes.add("Concat", [nodes.cut(is_word, 1, None, "all_but_first"), edge], "behind", axis=0)
        marked = classes
        for name, neighbour in (("before", before), ("behind", behind)):
            doubled = nodes.add("Add", [marked, marked], f"doubled_{name}")
            marked = nodes.add("Add", [doubled, neighbour], f"marked_{name}")
        return marked

    def _show(self, nodes: Nodes, classes: str, candidates: _Candidates, chosen: str) -> str:
        """Leave out the single words that stand beside a word character."""
        is_word = nodes.look_up(nodes.constant("is_word", self._words), classes, "is_word")
        one = nodes.constant("one", 1)
        places = nodes.add("Sub", [candidates.starts, one], "places_before")
        before = nodes.look_up(is_word, places, "word_before")
        behind = nodes.look_up(is_word, candidates.stops, "word_behind")
        beside = nodes.add("Max", [before, behind], "word_beside")
        single = [False, *(pattern.single_word for pattern in self._patterns)]
        is_single = nodes.look_up(nodes.constant("single_words", single), candidates.numbers, "is_single")
        shown = nodes.add("Sub", [one, nodes.add("Mul", [beside, is_single], "hidden")], "shown")
        return nodes.add("Mul", [chosen, shown], "chosen_and_shown")

    def _replace(self, nodes: Nodes, classes: str, zeros: str, found: _Candidates) -> str:
        none = nodes.add("Sub", [found.starts, found.starts], "none")
        one = nodes.constant("one", 1)
        ones = nodes.add("Add", [none, one], "ones")
        entered = nodes.add(
            "ScatterElements", [zeros, found.starts, ones], "entered", axis=0, reduction="add"
        )
        minus = nodes.add("Neg", [ones], "minus_ones")
        steps = nodes.add("ScatterElements", [entered, found.stops, minus], "steps", axis=0, reduction="add")
        covered = nodes.add("CumSum", [steps, nodes.constant("axis", 0, np.int64)], "covered")
        rest = nodes.add("Mul", [classes, nodes.add("Sub", [one, covered], "bare")], "rest")
        table = nodes.constant("token_classes", [0, *(pattern.token_class for pattern in self._patterns)])
        tokens = nodes.look_up(table, found.numbers, "tokens")
        return nodes.add("ScatterElements", [rest, found.starts, tokens], "replaced", axis=0)


def _with_neighbours(path: Sequence[Hashable], is_word: Mapping[Hashable, bool]) -> tuple[Hashable, ...]:
    """Give each symbol of a pattern that stands between word boundaries with what is beside it."""
    words = [False, *(is_word[key] for key in path), False]
    return tuple(zip(path, words, words[2:], strict=False))


def _candidates(nodes: Nodes, positions: str, matches: Matches) -> _Candidates:
    begins = nodes.cast(matches.lengths, TensorProto.BOOL, "begins")
    starts = nodes.add("Compress", [positions, begins], "starts")
    stops = nodes.add("Add", [starts, nodes.look_up(matches.lengths, starts, "pattern_length")], "stops")
    axis = nodes.constant("axis", 0, np.int64)
    so_far = nodes.add(
        "CumSum", [nodes.cast(begins, TensorProto.INT32, "begins_number"), axis], "begun_so_far"
    )
    lasts = nodes.add("Sub", [stops, nodes.constant("one", 1)], "lasts")
    following = nodes.look_up(so_far, lasts, "following")
    return _Candidates(starts, stops, nodes.look_up(matches.values, starts, "pattern"), following)


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
    step, old = body.name("step"), body.name("met")
    none = body.add("Sub", [old, old], "none")
    reached = body.add("ScatterElements", [none, step, old], "reached", axis=0, reduction="add")
    reached = body.add("Min", [reached, body.constant("one", 1)], "reached_once")
    now_met = body.add("Max", [old, reached], "now_met")
    doubled = body.look_up(step, step, "doubled")
    way = body.add("ReduceMax", [body.add("Sub", [doubled, step], "way")], "longest_way", keepdims=0)
    goes_on = body.cast(way, TensorProto.BOOL, "goes_on")
    met, _ = nodes.repeat(
        body, state={old: met, step: following}, new_state=[now_met, doubled], goes_on=goes_on
    )
    return nodes.cut(met, 0, -1, "chosen")


def _keep(nodes: Nodes, candidates: _Candidates, chosen: str) -> _Candidates:
    kept = nodes.cast(chosen, TensorProto.BOOL, "is_chosen")
    starts, stops, numbers, following = (
        nodes.add("Compress", [value, kept], f"chosen_{name}") for name, value in vars(candidates).items()
    )
    return _Candidates(starts, stops, numbers, following)
