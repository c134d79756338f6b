"""How frequent words are: lists of 42 languages that come with the package."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import ArgumentError
from m2v_onnx.system.text_files import read_lines

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
    """Read a user's own words from a UTF-8 file of `word<TAB>count`, plain or gzip; repeated words add up.

    Raises:
        ArgumentError: when the file cannot be read, see `parse_word_counts`, and where all counts are 0.
    """
    counts: dict[str, float] = {}
    for word, count in parse_word_counts(read_lines(path, error=ArgumentError), path):
        counts[word] = counts.get(word, 0) + count
    words = sorted(counts, key=lambda word: -counts[word])
    values = np.array([counts[word] for word in words])
    if not values.any():
        found = "no count above 0" if words else "an empty file"
        raise ArgumentError(f"expected word<TAB>count in each line of {path}, found {found}")
    return WordList(tuple(words), values / values.sum())


def parse_word_counts(lines: Iterable[str], path: Path) -> Iterator[tuple[str, float]]:
    """Give the word and the count of each line.

    Args:
        lines: `word<TAB>count`, with or without their ends.
        path: where they are from, for messages.

    Raises:
        ArgumentError: for a line that is no word and a number of 0 or more.
    """
    for number, line in enumerate(lines, 1):
        entry = line.rstrip("\r\n")
        word, _, text = entry.partition("\t")
        try:
            count = float(text)
        except ValueError:
            count = -1
        if not 0 <= count < _LARGEST_COUNT:
            raise ArgumentError(
                f"expected word<TAB>count with a count from 0 to {_LARGEST_COUNT:g} in line {number} of "
                f"{path}, found {entry[:60]!r}: mend the line, or take it out"
            )
        yield word, count
