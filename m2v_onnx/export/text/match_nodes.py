"""Groups of nodes that look pairs up, and that find the longest entry of a trie at many places at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from m2v_onnx.export.nodes import Nodes
from m2v_onnx.export.tables.pair_table import PairTable
from m2v_onnx.export.tables.trie import Trie


class PairFinder:
    """Writes lookups in a table of pairs.

    Args:
        nodes: where to write.
        pairs: the table.
    """

    def __init__(self, nodes: Nodes, pairs: PairTable) -> None:
        self._nodes = nodes
        self._base = nodes.constant("pair_base", pairs.base)
        self._check = nodes.constant("pair_check", pairs.check)

    def find(self, first: str, second: str, name: str) -> tuple[str, str]:
        """Give the places of pairs, and 1 where they are in the table, else 0; names begin with `name`."""
        nodes = self._nodes
        base = nodes.look_up(self._base, first, f"{name}_base")
        place = nodes.add("Add", [base, second], f"{name}_place")
        owner = nodes.look_up(self._check, place, f"{name}_owner")
        found = nodes.add("Equal", [owner, first], f"{name}_is_found")
        return place, nodes.cast(found, TensorProto.INT32, f"{name}_found")


@dataclass(frozen=True)
class Matches:
    """Names of the longest entries that begin at some positions.

    Attributes:
        values: what they stand for.
        lengths: how many symbols they have; 0 where none begins.
    """

    values: str
    lengths: str


class Matcher:
    """Writes the lookups of one trie.

    Args:
        nodes: where to write.
        trie: its tables.
    """

    def __init__(self, nodes: Nodes, trie: Trie) -> None:
        self._nodes = nodes
        self._trie = trie
        self._finder = PairFinder(nodes, trie.pairs)

    def substrings(self, symbols: str) -> dict[int, str]:
        """Number the substrings of one, two, four and eight symbols that begin at every position.

        Args:
            symbols: (n,) symbols; 0 for none.
        """
        nodes, reach = self._nodes, self._trie.reach
        nothing = nodes.constant("behind_the_end", np.zeros(reach))
        numbers = nodes.add("Concat", [symbols, nothing], "substring_1", axis=0)
        substrings = {1: numbers}
        for length in (2, 4, 8) if self._trie.n_eights else (2, 4):
            half = length // 2
            first = nodes.cut(numbers, 0, -half, f"substring_{length}_first")
            second = nodes.cut(numbers, half, None, f"substring_{length}_second")
            place, found = self._finder.find(first, second, f"substring_{length}")
            numbers = nodes.add("Mul", [place, found], f"substring_{length}")
            substrings[length] = numbers
        return substrings

    def longest(self, substrings: dict[int, str], positions: str, roots: str) -> Matches:
        """Find the longest entry at each of m positions, below the root of each.

        Args:
            substrings: the numbers of the substrings of the batch, by their length.
            positions: (m,) where to look.
            roots: (m,) the roots to look below.
        """
        nodes = self._nodes
        node, place = roots, positions
        for step, stride in enumerate(self._trie.strides):
            name = f"step_{step}"
            label = nodes.look_up(substrings[stride], place, f"{name}_label")
            child, found = self._finder.find(node, label, name)
            way = nodes.add("Sub", [child, node], f"{name}_way")
            way = nodes.add("Mul", [way, found], f"{name}_way_found")
            node = nodes.add("Add", [node, way], f"{name}_node")
            if stride > 1:
                advance = nodes.constant(f"stride_{stride}", stride)
                advance = nodes.add("Mul", [found, advance], f"{name}_advance")
                place = nodes.add("Add", [place, advance], f"{name}_advanced")
        values = nodes.look_up(nodes.constant("values", self._trie.values), node, "value")
        lengths = nodes.look_up(nodes.constant("lengths", self._trie.lengths), node, "length")
        return Matches(values, lengths)
