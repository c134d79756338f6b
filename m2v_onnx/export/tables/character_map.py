"""Characters to classes: all that a tokenizer does to single characters, as numbers.

Code points that a tokenizer treats alike have one class. A class says what its characters become in the
normalised text: nothing, one cell, or several cells, which are classes of one cell each. The classes of one
cell say what the cell does to words, and which symbol of the vocabulary's alphabet it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from m2v_onnx.export.tables.cells import Cell, CellReader
from m2v_onnx.export.tables.character_probe import REPLACEMENT
from m2v_onnx.export.tables.composition import Composition
from m2v_onnx.export.tables.pair_table import Ints
from m2v_onnx.export.tables.tokenizer_components import AddedToken, TokenizerComponents
from m2v_onnx.tokenizer.characters import N_CODE_POINTS, Kind

NOTHING, ROW_END = 0, 1


@dataclass(frozen=True)
class CharacterMap:
    """Classes of characters.

    Attributes:
        classes: (0x110001,) int32, the class of each code point; the last is that of numbers outside Unicode.
        cells: the cells of each class.
        identities: the code point that a class is alone with, where its identity counts; else -1.
        is_word: whether a class hides an added token beside it before normalisation.
        first_several: this and later classes may have another number of cells than one.
        first_composing: this and later classes may compose with, or move before, what stands before them.
        cell_classes: the class of each cell by itself.
        token_classes: the class that stands for an added token, by its id.
    """

    classes: Ints
    cells: list[tuple[Cell, ...]]
    identities: list[int]
    is_word: list[bool]
    first_several: int
    first_composing: int
    cell_classes: dict[Cell, int]
    token_classes: dict[int, int]


class _Key(NamedTuple):
    """What the code points of one class have in common; classes are numbered by rank."""

    rank: int
    cells: tuple[Cell, ...]
    identity: int = -1
    is_word: bool = False


_PLAIN, _SEVERAL, _COMPOSING = range(3)
_NOTHING_KEY = _Key(-2, ())
_ROW_END_KEY = _Key(-1, (Cell("", Kind.SPACE, is_word=False),))


def build_character_map(
    components: TokenizerComponents, reader: CellReader, composition: Composition | None
) -> CharacterMap:
    """Sort the code points into classes. Deterministic.

    Args:
        components: the tokenizer.
        reader: its cells.
        composition: what composes in its normal form; None where it has none.
    """
    keys, key_numbers = _keys(components, reader, composition)
    unique = dict.fromkeys(keys)
    for key in keys:
        unique.update(dict.fromkeys(_plain_key(cell) for cell in key.cells))
    tokens = (*components.raw_tokens, *components.normalized_tokens)
    added = {token.token_id: _added_cell(token) for token in tokens}
    unique.update(dict.fromkeys(map(_plain_key, added.values())))
    unique.pop(_NOTHING_KEY, None)
    ordered = [_NOTHING_KEY, _ROW_END_KEY, *sorted(unique, key=lambda key: key.rank)]
    numbers = {key: number for number, key in enumerate(ordered)}
    ranks = [key.rank for key in ordered]
    return CharacterMap(
        classes=np.array([numbers[key] for key in keys], np.int32)[
            np.append(key_numbers, key_numbers[REPLACEMENT])
        ],
        cells=[key.cells for key in ordered],
        identities=[key.identity for key in ordered],
        is_word=[key.is_word for key in ordered],
        first_several=bisect_left(ranks, _SEVERAL),
        first_composing=bisect_left(ranks, _COMPOSING),
        cell_classes={
            key.cells[0]: number
            for key, number in numbers.items()
            if key.cells and key == _plain_key(key.cells[0])
        },
        token_classes={token_id: numbers[_plain_key(cell)] for token_id, cell in added.items()},
    )


def _plain_key(cell: Cell) -> _Key:
    return _Key(_PLAIN, (cell,))


def _added_cell(token: AddedToken) -> Cell:
    return Cell(f"added token {token.token_id}", Kind.ALONE, is_word=False)


def _keys(
    components: TokenizerComponents, reader: CellReader, composition: Composition | None
) -> tuple[list[_Key], npt.NDArray[np.int64]]:
    """Give keys, and (1114112,) which of them each code point has."""
    identities: set[str] = set().union(*(token.content for token in components.raw_tokens))
    composing: Collection[str] = ()
    if composition is not None:
        identities |= composition.characters
        composing = composition.composing
    is_word = np.zeros(N_CODE_POINTS, np.int64)
    if any(token.single_word for token in components.raw_tokens):
        is_word[:] = reader.word_characters
    strangers = reader.strangers()
    strangers[list(map(ord, identities))] = -1
    combined, numbers = np.unique(np.maximum(2 * strangers + is_word, 0), return_inverse=True)
    keys = [_Key(_PLAIN, (reader.stranger_cell(n // 2),), is_word=bool(n % 2)) for n in combined.tolist()]
    for point in np.flatnonzero(strangers < 0).tolist():
        cells = reader.read(reader.normalized[point])
        rank = _PLAIN if len(cells) == 1 else _SEVERAL
        rank = _COMPOSING if chr(point) in composing else rank
        key = _Key(rank, cells, point if chr(point) in identities else -1, bool(is_word[point]))
        numbers[point] = len(keys)
        keys.append(key if key[1:] != _NOTHING_KEY[1:] else _NOTHING_KEY)
    return keys, numbers
