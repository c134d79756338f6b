"""How frequent words are: lists of 42 languages that come with the package."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import ArgumentError

# More words than were ever written: a larger count is a mistake.
_LARGEST_COUNT = 1e18
_PACKAGED = Path(__file__).parent / "word_frequencies.txt.gz"


@dataclass(frozen=True)
class WordList:
    """Words of one language.

    Attributes:
        words: n of them, the most frequent first.
        frequencies: (n,) float64, the share of each among the words of a text.
    """

    words: tuple[str, ...]
    frequencies: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.words)


def packaged_words() -> dict[str, WordList]:
    """Give the word lists of this package by their languages' codes; made by `make frequencies`."""
    with gzip.open(_PACKAGED, "rt", encoding="utf-8") as lines:
        return parse_words(lines)


def parse_words(lines: Iterable[str]) -> dict[str, WordList]:
    r"""Read blocks of a language's code and its `centibels<TAB>words`.

    >>> lists = parse_words(["en\n", "100\tof the\n", "200\tsun\n", "fr\n", "100\tle\n"])
    >>> lists["en"].words, lists["en"].frequencies.tolist(), lists["fr"].words
    (('of', 'the', 'sun'), [0.1, 0.1, 0.01], ('le',))
    """
    found: dict[str, tuple[list[str], list[int]]] = {}
    words: list[str] = []
    centibels: list[int] = []
    for line in lines:
        head, tab, rest = line.rstrip("\n").partition("\t")
        if tab:
            new = rest.split(" ")
            words += new
            centibels += [int(head)] * len(new)
        else:
            words, centibels = [], []
            found[head] = (words, centibels)
    return {
        language: WordList(tuple(words), 10.0 ** (np.array(centibels) / -100))
        for language, (words, centibels) in found.items()
    }


def read_word_counts(path: Path) -> WordList:
    """Read a user's own words from a UTF-8 file of `word<TAB>count`; a word that is there twice adds up.

    Raises:
        ArgumentError: when the file cannot be read, or a line is no word and a positive number.
    """
    counts: dict[str, float] = {}
    try:
        with path.open(encoding="utf-8-sig") as lines:
            for number, line in enumerate(lines, 1):
                word, tab, count = line.rstrip("\n").partition("\t")
                counts[word] = counts.get(word, 0) + _read_count(count if tab else "", number, path)
    except UnicodeDecodeError as error:
        raise ArgumentError(
            f"expected UTF-8 text in {path}, found other bytes ({error.reason}): save it as UTF-8"
        ) from error
    except OSError as error:
        raise ArgumentError(f"expected a file of frequencies at {path}, found {error.strerror}") from error
    if not counts:
        raise ArgumentError(f"expected word<TAB>count in each line of {path}, found an empty file")
    words = sorted(counts, key=lambda word: -counts[word])
    values = np.array([counts[word] for word in words])
    return WordList(tuple(words), values / values.sum())


def _read_count(text: str, number: int, path: Path) -> float:
    try:
        count = float(text)
    except ValueError:
        count = 0
    if not (isfinite(count) and 0 < count < _LARGEST_COUNT):
        raise ArgumentError(
            f"expected word<TAB>count with a count above 0 in line {number} of {path}, found {text[:40]!r}: "
            "mend the line, or take it out"
        )
    return count
