"""Reading a user's list of words."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from m2v_onnx.errors import ArgumentError
from m2v_onnx.fit.words import WordList, parse_word_counts
from m2v_onnx.system.text_files import read_lines

_MAX_ENTRY_CHARACTERS = 1_000


def read_words(path: Path) -> list[str]:
    """Read words from a file; see `read_counted_words`."""
    return read_counted_words(path)[0]


def read_counted_words(path: Path) -> tuple[list[str], WordList | None]:
    """Read words from a UTF-8 file, one a line, or `word<TAB>count`, which are put most frequent first.

    Also gives how frequent they are, where the file says it.

    Nothing is a comment, and nothing is stripped but the line's end.

    Raises:
        ArgumentError: when the file cannot be read, is empty or no text, or a line is no entry.
    """
    lines = [line.rstrip("\r\n") for line in read_lines(path, error=ArgumentError)]
    if not any(line.strip() for line in lines):
        raise ArgumentError(f"expected one word a line in {path}, found an empty file")
    for number, line in enumerate(lines, 1):
        if "\0" in line or len(line) > _MAX_ENTRY_CHARACTERS:
            found = "a NUL byte" if "\0" in line else f"{len(line)} characters"
            raise ArgumentError(
                f"expected one word a line in {path}, found {found} in line {number}: check the file"
            )
    if not any("\t" in line for line in lines):
        return lines, None
    counts = sorted(parse_word_counts(lines, path), key=lambda entry: -entry[1])
    words = [word for word, _ in counts]
    total = sum(count for _, count in counts)
    if total == 0:
        return words, None
    return words, WordList(tuple(words), np.array([count for _, count in counts]) / total)
