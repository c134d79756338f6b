"""What composes, in the numbers of classes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from m2v_onnx.export.tables.character_map import CharacterMap
from m2v_onnx.export.tables.composition import Composition
from m2v_onnx.export.tables.pair_table import Ints, PairTable, PairTableBuilder


@dataclass(frozen=True)
class CompositionTables:
    """Composition by classes.

    Attributes:
        decomposed: the classes that each class decomposes to.
        orders: for each class the place of a mark in the canonical order, 0 for others.
        follows: for each class 1 where it can compose with, or move before, what stands before it.
        symbols: the number of each class in pairs; 0 where it is in none.
        pairs: pairs of symbols.
        composites: (S,) the class of each pair, by its place in the table.
    """

    decomposed: list[list[int]]
    orders: list[int]
    follows: list[int]
    symbols: list[int]
    pairs: PairTable
    composites: Ints


def build_composition_tables(characters: CharacterMap, composition: Composition) -> CompositionTables:
    """Write what composes in the numbers of classes."""
    n_classes = len(characters.cells)
    number = {character: int(characters.classes[ord(character)]) for character in composition.characters}
    decomposed = [[own] for own in range(n_classes)]
    orders, follows, symbols = ([0] * n_classes for _ in range(3))
    for character, parts in composition.decompositions.items():
        decomposed[number[character]] = [number[part] for part in parts]
    for mark, order in composition.orders.items():
        orders[number[mark]] = order
    for character in composition.composing:
        follows[number[character]] = 1
    named = sorted({part for pair in composition.pairs for part in pair})
    for symbol, character in enumerate(named, 1):
        symbols[number[character]] = symbol
    rows: dict[int, list[int]] = defaultdict(list)
    by_symbols = {
        (symbols[number[first]], symbols[number[second]]): number[composite]
        for (first, second), composite in composition.pairs.items()
    }
    for first, second in by_symbols:
        rows[first].append(second)
    builder = PairTableBuilder(len(named) + 1)
    places = builder.add(rows)
    pairs = builder.finish()
    composites = np.zeros(len(pairs.base), np.int32)
    for pair, place in places.items():
        composites[place] = by_symbols[pair]
    return CompositionTables(decomposed, orders, follows, symbols, pairs, composites)
