"""Reading a user's list of words."""

from __future__ import annotations

from pathlib import Path

from m2v_onnx.errors import ArgumentError
from m2v_onnx.system.text_files import read_lines

_MAX_ENTRY_CHARACTERS = 1_000


def read_words(path: Path) -> list[str]:
    """Read words from a UTF-8 file, one a line, or `word<TAB>count`, which are put most frequent first.

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
    if any("\t" in line for line in lines):
        return _sort_by_count(lines, path)
    return lines


def _sort_by_count(lines: list[str], path: Path) -> list[str]:
    counts: list[tuple[float, str]] = []
    for number, line in enumerate(lines, 1):
        word, _, count = line.partition("\t")
        try:
            counts.append((float(count), word))
        except ValueError:
            raise ArgumentError(
                f"expected word<TAB>count in line {number} of {path}, as in other lines, found {line[:60]!r}"
            ) from None
    counts.sort(key=lambda entry: -entry[0])
    return [word for _, word in counts]
