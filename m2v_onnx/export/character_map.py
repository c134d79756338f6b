"""Characters to classes: all that a tokenizer does to single characters, as numbers.

Code points that a tokenizer treats alike have one class. A class says what its characters become in the
normalised text: nothing, one cell, or several cells, which are classes of one cell each. The classes of one
cell say what the cell does to words, and which symbol of the vocabulary's alphabet it is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tokenizers import pre_tokenizers

from m2v_onnx.errors import ArgumentError
from m2v_onnx.export.character_probe import REPLACEMENT, SURROGATES, Kind, normalize_all, probe_kinds, scalars
from m2v_onnx.export.composition import Composition
from m2v_onnx.export.pair_table import Ints
from m2v_onnx.export.tokenizer_components import AddedToken, TokenizerComponents

NOTHING, ROW_END = 0, 1


class Cell(NamedTuple):
    """A character of the normalised text.

    Attributes:
        character: the character; empty where no token holds it; an added token's mark where it stands for one.
        kind: what it does to words.
        is_word: whether it hides an added token beside it that is found as a single word only.
    """

    character: str
    kind: Kind
    is_word: bool


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


class CellReader:
    """Reads text as cells, character by character.

    Args:
        components: the tokenizer.
    """

    def __init__(self, components: TokenizerComponents) -> None:
        tokenizer = components.tokenizer
        scalar_forms = normalize_all(tokenizer.normalizer, scalars())
        # In order of code points; a surrogate, which no text can hold, counts as U+FFFD.
        self.normalized = [
            *scalar_forms[: SURROGATES.start],
            *([scalar_forms[REPLACEMENT - len(SURROGATES)]] * len(SURROGATES)),
            *scalar_forms[SURROGATES.start :],
        ]
        characters = set().union(*set(self.normalized))
        self._kinds = probe_kinds(tokenizer.pre_tokenizer, characters)
        self._words: dict[str, Kind] = {}
        if any(token.single_word for token in components.normalized_tokens):
            self._words = probe_kinds(pre_tokenizers.Whitespace(), characters)
        self._is_composed = components.form is not None
        self._normalizer = tokenizer.normalizer
        self._alphabet = set("".join(components.vocab))
        for token in components.normalized_tokens:
            self._alphabet.update(*self._normalize(token.content))
        self._known: dict[str, tuple[Cell, ...]] = {}
        self._strangers = {
            (kind, is_word): (Cell("", kind, is_word),) for kind in Kind for is_word in (False, True)
        }

    def read(self, normalized: str) -> tuple[Cell, ...]:
        """Give the cells of one character, or of text that composes, in its normalised form."""
        if len(normalized) == 1 and normalized not in self._alphabet:
            return self._strangers[self._kinds[normalized], self._words.get(normalized) == Kind.WORD]
        cells = self._known.get(normalized)
        if cells is None:
            cells = self._known[normalized] = tuple(self._cells(normalized))
        return cells

    def pattern(self, token: AddedToken) -> tuple[Cell, ...]:
        """Give the cells by which an added token is found in the normalised text.

        Raises:
            ArgumentError: when the token cannot be found cell by cell.
        """
        parts = self._normalize(token.content)
        cells = tuple(cell for part in parts for cell in self.read(part))
        whole = token.content if self._normalizer is None else self._normalizer.normalize_str(token.content)
        if "".join(parts) != whole or not cells or Kind.SPACE in (cells[0].kind, cells[-1].kind):
            raise ArgumentError(
                f"a graph that takes text cannot carry the added token {token.content!r}, which is searched as "
                f"{whole!r}: use the ids graph, and the tokenizers library in front of it"
            )
        return cells

    def _normalize(self, content: str) -> list[str]:
        if self._normalizer is not None and self._is_composed:
            return [self._normalizer.normalize_str(content)]
        return [self.normalized[ord(character)] for character in content]

    def _cells(self, normalized: str) -> Iterator[Cell]:
        # BertNormalizer puts spaces around Chinese characters, which makes each a word by itself.
        if len(normalized) == 3 and normalized[0] == normalized[2] == " " and normalized[1] != " ":
            yield Cell(normalized[1] if normalized[1] in self._alphabet else "", Kind.ALONE, is_word=False)
            return
        for character in normalized:
            name = character if character in self._alphabet else ""
            yield Cell(name, self._kinds[character], self._words.get(character) == Kind.WORD)


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
        classes=np.array([numbers[key] for key in keys], np.int32)[[*key_numbers, key_numbers[REPLACEMENT]]],
        cells=[key.cells for key in ordered],
        identities=[key.identity for key in ordered],
        is_word=[key.is_word for key in ordered],
        first_several=bisect_left(ranks, _SEVERAL),
        first_composing=bisect_left(ranks, _COMPOSING),
        cell_classes={key.cells[0]: number for key, number in numbers.items() if key.cells and key == _plain_key(key.cells[0])},
        token_classes={token_id: numbers[_plain_key(cell)] for token_id, cell in added.items()},
    )


def _plain_key(cell: Cell) -> _Key:
    return _Key(_PLAIN, (cell,))


def _added_cell(token: AddedToken) -> Cell:
    return Cell(f"added token {token.token_id}", Kind.ALONE, is_word=False)


def _keys(
    components: TokenizerComponents, reader: CellReader, composition: Composition | None
) -> tuple[list[_Key], list[int]]:
    """Give keys, and which of them each code point has."""
    identities = set().union(*(token.content for token in components.raw_tokens))
    composing: Collection[str] = ()
    if composition is not None:
        identities |= composition.characters
        composing = composition.composing
    words: dict[str, Kind] = {}
    if any(token.single_word for token in components.raw_tokens):
        words = probe_kinds(pre_tokenizers.Whitespace(), scalars())
    plain: dict[tuple[int, bool], int] = {}  # by the identity of the cells: hashing them takes long
    keys: list[_Key] = []
    numbers: list[int] = []
    for point, normalized in enumerate(reader.normalized):
        character, cells = chr(point), reader.read(normalized)
        is_word = words.get(character) == Kind.WORD
        if character in identities:
            rank = _COMPOSING if character in composing else _SEVERAL if len(cells) != 1 else _PLAIN
            numbers.append(len(keys))
            keys.append(_Key(rank, cells, point, is_word))
            continue
        if (number := plain.get((id(cells), is_word))) is None:
            number = plain[id(cells), is_word] = len(keys)
            key = _Key(_PLAIN if len(cells) == 1 else _SEVERAL, cells, is_word=is_word)
            keys.append(key if cells or is_word else _NOTHING_KEY)
        numbers.append(number)
    return keys, numbers
