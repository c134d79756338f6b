"""The characters of normalised text as cells: what each does to words, and whether a token holds it."""

from __future__ import annotations

from functools import cached_property
from itertools import permutations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import ArgumentError
from m2v_onnx.export.tables.character_probe import probe_behaviour, probe_word_characters
from m2v_onnx.export.tables.tokenizer_components import AddedToken, TokenizerComponents
from m2v_onnx.tokenizer.characters import HIGHEST_MARK, LOWEST_MARK, N_CODE_POINTS, Kind, find_marks


class Cell(NamedTuple):
    """A character of the normalised text.

    Attributes:
        character: the character; empty where no token holds it; a name of more than one character where it
            stands for an added token.
        kind: what it does to words.
        is_word: whether it hides an added token beside it that is found as a single word only.
    """

    character: str
    kind: Kind
    is_word: bool


class CellReader:
    """Reads text as cells, character by character.

    Args:
        components: the tokenizer.

    Attributes:
        normalized: the normalised form of every code point.
    """

    def __init__(self, components: TokenizerComponents) -> None:
        behaviour = probe_behaviour(components.rules)
        self.normalized = behaviour.forms
        self._kinds = behaviour.kinds
        self._is_word = np.zeros(N_CODE_POINTS, bool)
        if components.between_words or any(token.single_word for token in components.normalized_tokens):
            self._is_word = self.word_characters
        self._is_composed = components.form is not None
        self._normalizer = components.normalizer
        self._has_phrases = components.between_words
        # Without composition there are no nodes that order marks.
        marked = "a" + HIGHEST_MARK + LOWEST_MARK
        is_kept = self._normalizer is None or self._normalizer.normalize_str(marked) == marked
        self._moves_marks = not (self._is_composed or is_kept)
        self._alphabet = set("".join(components.vocab))
        for token in components.normalized_tokens:
            self._alphabet.update(*self._normalize(token.content))
        self._known: dict[str, tuple[Cell, ...]] = {}

    @cached_property
    def word_characters(self) -> npt.NDArray[np.bool_]:
        """(1114112,) whether each character hides a single word beside it."""
        return probe_word_characters()

    def check_order(self) -> None:
        """Make sure that a normalizer which orders combining marks, and does not compose, changes no token.

        Raises:
            ArgumentError: when the order of two marks that tokens hold depends on the text.
        """
        if self._normalizer is None or not self._moves_marks:
            return
        normalize = self._normalizer.normalize_str
        marks = [mark for mark in find_marks(sorted(self._alphabet)) if normalize(mark) == mark]
        for first, second in permutations(marks, 2):
            if normalize(f"a{first}{second}") != normalize("a") + first + second:
                raise ArgumentError(
                    f"a graph that takes text cannot carry the normalizer, which changes the order of two "
                    f"marks that tokens hold, U+{ord(first):04X} and U+{ord(second):04X}: use the ids graph"
                )

    def strangers(self) -> npt.NDArray[np.int64]:
        """Give (1114112,) a number for each code point that becomes one cell without a known character.

        The number is that of `stranger_cell`; -1 for other code points.
        """
        points = np.array([ord(form) if len(form) == 1 else -1 for form in self.normalized])
        is_known = np.zeros(N_CODE_POINTS, bool)
        is_known[list(map(ord, self._alphabet))] = True
        numbers = 2 * self._kinds[points].astype(np.int64) + self._is_word[points]
        return np.where((points < 0) | is_known[points], -1, numbers)

    @staticmethod
    def stranger_cell(number: int) -> Cell:
        """Give a cell of no character by its number."""
        return Cell("", Kind(number // 2), is_word=bool(number % 2))

    def read(self, normalized: str) -> tuple[Cell, ...]:
        """Give the cells of one character, or of text that composes, in its normalised form."""
        if normalized not in self._known:
            self._known[normalized] = self._cells(normalized)
        return self._known[normalized]

    def pattern(self, token: AddedToken) -> tuple[Cell, ...]:
        """Give the cells by which an added token is found in the normalised text.

        Raises:
            ArgumentError: when the token cannot be found cell by cell.
        """
        parts = self._normalize(token.content)
        cells = tuple(cell for part in parts for cell in self.read(part))
        whole = token.content
        if self._normalizer is not None and not self._has_phrases:
            whole = self._normalizer.normalize_str(whole)
        is_whole = "".join(parts) == whole and not (self._moves_marks and find_marks(sorted(set(whole))))
        if not is_whole or not cells or Kind.SPACE in (cells[0].kind, cells[-1].kind):
            raise ArgumentError(
                f"a graph that takes text cannot carry the added token {token.content!r}, which is searched "
                f"as {whole!r}: use the ids graph, and the tokenizers library in front of it"
            )
        return cells

    def _normalize(self, content: str) -> list[str]:
        if self._has_phrases:  # they are in their normalised form
            return list(content)
        if self._normalizer is not None and self._is_composed:
            return [self._normalizer.normalize_str(content)]
        return [self.normalized[ord(character)] for character in content]

    def _cells(self, normalized: str) -> tuple[Cell, ...]:
        # BertNormalizer puts spaces around Chinese characters, which makes each a word by itself.
        if len(normalized) == 3 and normalized[0] == normalized[2] == " " != normalized[1]:
            return (Cell(self._name(normalized[1]), Kind.ALONE, is_word=False),)
        points = map(ord, normalized)
        return tuple(
            Cell(self._name(chr(point)), Kind(self._kinds[point]), bool(self._is_word[point]))
            for point in points
        )

    def _name(self, character: str) -> str:
        return character if character in self._alphabet else ""
