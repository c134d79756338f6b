"""A trie that is descended in strides of eight, four, two and one symbol.

A substring of two symbols has a number of its own, given by the pair of its symbols; one of four by the
pair of its halves, one of eight again. An edge leads from a node by the number of a substring to a node that
is as much deeper, largest stride first. So the deepest node below a root is found in `depth // 8 + 3` steps,
each of them for all positions of a text at once, and every step is a lookup in one table of pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from m2v_onnx.export.tables.pair_table import Ints, PairTable, PairTableBuilder

_MAX_STRIDE = 8


@dataclass(frozen=True)
class Entry:
    """A string of symbols to find.

    Attributes:
        root: the number of the root below which it is found.
        symbols: its symbols, one character each: the character of the symbol's number.
        value: what it stands for.
    """

    root: int
    symbols: str
    value: int


@dataclass(frozen=True)
class Trie:
    """A trie as tables; a node is a place of them, and may be counted from the end.

    Attributes:
        pairs: substrings and edges.
        values: (S,) int32, the value of the longest entry on the way to a node, its root's own where none is.
        lengths: (S,) int32, the number of symbols of that entry; 0 where none is.
        first_root: the number of the first root; the others follow.
        n_eights: the number of strides of eight symbols that a descent begins with.
    """

    pairs: PairTable
    values: Ints
    lengths: Ints
    first_root: int
    n_eights: int

    @property
    def strides(self) -> list[int]:
        """The strides of a descent, in order."""
        return [_MAX_STRIDE] * self.n_eights + [4, 2, 1]

    @property
    def reach(self) -> int:
        """The number of symbols behind a position that a descent may look at."""
        return sum(self.strides)


def build_trie(entries: Sequence[Entry], *, n_symbols: int, root_values: Sequence[int]) -> Trie:
    """Build the trie of some entries. Deterministic.

    Args:
        entries: what to find; no two of one root have the same symbols.
        n_symbols: symbols are numbered 1 to n_symbols - 1; 0 is in no entry.
        root_values: the values of the roots, for positions where no entry is found.
    """
    builder = PairTableBuilder(n_symbols + len(root_values))
    edges = _edges(entries, n_symbols)
    numbers = _number_substrings({label for _, label in edges}, builder)
    rows: dict[str, list[str]] = defaultdict(list)
    for parent, label in edges:
        rows[parent].append(label)
    places = _place_nodes(rows, numbers, builder)
    pairs = builder.finish()
    values, lengths = (np.zeros(len(pairs.base), np.int32) for _ in range(2))
    found = {chr(entry.root + n_symbols) + entry.symbols: entry.value for entry in entries}
    for root, value in enumerate(root_values):
        values[n_symbols + root] = value
    for node in sorted(places, key=len):
        place = places[node]
        if node in found:
            values[place], lengths[place] = found[node], len(node) - 1
        elif len(node) > 1:
            above = places.get(node[:-1], 0)
            values[place], lengths[place] = values[above], lengths[above]
    longest = max((len(entry.symbols) for entry in entries), default=0)
    return Trie(pairs, values, lengths, n_symbols, longest // _MAX_STRIDE)


def _edges(entries: Sequence[Entry], n_symbols: int) -> list[tuple[str, str]]:
    """Give parent and label of every node but the roots; a node is its root's character and its symbols."""
    nodes: dict[str, None] = {}
    for entry in entries:
        whole = chr(entry.root + n_symbols) + entry.symbols
        for end in range(len(whole), 1, -1):
            if whole[:end] in nodes:
                break
            nodes[whole[:end]] = None
    edges = []
    for node in nodes:
        depth = len(node) - 1
        stride = min(depth & -depth, _MAX_STRIDE)
        edges.append((node[:-stride], node[-stride:]))
    return edges


def _number_substrings(labels: set[str], builder: PairTableBuilder) -> dict[str, int]:
    """Number the substrings that label edges, and their halves: symbols by themselves, others by pairs."""
    wanted: dict[int, set[str]] = defaultdict(set)
    for label in labels:
        wanted[len(label)].add(label)
    for length in (8, 4, 2):
        for label in wanted[length]:
            wanted[length // 2].update((label[: length // 2], label[length // 2 :]))
    numbers = {symbol: ord(symbol) for symbol in wanted[1]}
    for length in (2, 4, 8):
        rows: dict[int, list[int]] = defaultdict(list)
        halves = {
            label: (numbers[label[: length // 2]], numbers[label[length // 2 :]]) for label in wanted[length]
        }
        for first, second in halves.values():
            rows[first].append(second)
        places = builder.add(rows)
        numbers.update({label: places[pair] for label, pair in halves.items()})
    return numbers


def _place_nodes(
    rows: dict[str, list[str]], numbers: dict[str, int], builder: PairTableBuilder
) -> dict[str, int]:
    """Place the nodes level by level, for a row is known by the place of its parent; roots are in place."""
    places = {node: ord(node) for node in rows if len(node) == 1}
    for depth in range(1, max(map(len, rows), default=0) + 1):
        level = [node for node in rows if len(node) == depth]
        added = builder.add({places[node]: [numbers[label] for label in rows[node]] for node in level})
        for node in level:
            for label in rows[node]:
                places[node + label] = added[places[node], numbers[label]]
    return places
