"""The text form of word vectors: a word and its numbers a line."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.packed_file import open_packed
from m2v_onnx.model.vectors import MOST_VALUE, Vectors
from m2v_onnx.system.text_files import decode

logger = logging.getLogger(__name__)

_BOM = b"\xef\xbb\xbf"
_BLOCK_BYTES = 1 << 22
_MOST_LINE_BYTES = 1 << 20
# So many lines show how wide an entry is.
_FIRST_LINES = 100


@dataclass(frozen=True)
class Layout:
    """How a file of word vectors is laid out.

    Attributes:
        dim: the numbers of an entry.
        n_entries: the number of entries, if a header says it; None without a header.
    """

    dim: int
    n_entries: int | None


def read_text_vectors(path: Path, head: bytes, *, n_zero_rows: int) -> tuple[list[str], Vectors]:
    """Read word vectors in text form.

    Args:
        path: the file.
        head: its beginning, as long as a hundred lines or so, or the whole file.
        n_zero_rows: how many rows of zeros to put in front.

    Returns:
        n words, of which some may be empty, and a (n_zero_rows + n, D) float32 table.

    Raises:
        FolderError: when the file is no such one, or is damaged; the message names the line.
    """
    layout = _detect_layout(head, path)
    words: list[bytes] = []
    table = bytearray()  # grows in place
    n_lines = n_blank = 0
    for lines in _read_blocks(path):
        block = lines
        if n_lines == 0 and layout.n_entries is not None:
            block, n_lines = lines[1:], 1
        n_last = len(block)
        while n_last and not block[n_last - 1]:
            n_last -= 1
        if n_last:
            if n_blank:
                raise _no_entry(b"", layout.dim, path, n_lines)
            found = _parse_lines(block[:n_last], dim=layout.dim, path=path, first_line=n_lines + 1)
            table += found[1].data if words else bytes(4 * layout.dim * n_zero_rows) + found[1].tobytes()
            words += found[0]
        n_blank += len(block) - n_last
        n_lines += len(block)
    if layout.n_entries not in (None, len(words)):
        raise FolderError(
            f"expected {layout.n_entries} entries in {path}, as its first line says, found {len(words)}: "
            "fetch the file again, or mend that line"
        )
    _warn_of_numbers(words, path)
    first_line = n_lines - n_blank - len(words) + 1
    text = decode(b"\n".join(words), path, error=FolderError, first_line=first_line)
    return text.split("\n"), np.frombuffer(table, np.float32).reshape(-1, layout.dim)


def find_header(head: bytes) -> Layout | None:
    """Read a first line of two counts: of entries, and of the numbers of each; None for any other line."""
    counts = head.partition(b"\n")[0].removeprefix(_BOM).replace(b"\t", b" ").split()
    if len(counts) != 2 or not all(count.isdigit() for count in counts) or int(counts[1]) == 0:
        return None
    return Layout(dim=int(counts[1]), n_entries=int(counts[0]))


def ends_in_number(line: bytes) -> bool:
    """Tell whether a number stands behind the last space or tab of a line."""
    fields = _clean(line).rsplit(b" ", 1)
    return len(fields) == 2 and _is_number(fields[1])


def no_word_vectors(path: Path, found: str, *, remedy: str) -> FolderError:
    """Make the error for what is no file of word vectors."""
    return FolderError(
        "expected a model's folder, or word vectors (a word and its numbers a line, or the binary forms of "
        f"word2vec and fastText), found {found} in {path}: {remedy}"
    )


def _clean(line: bytes) -> bytes:
    return line.replace(b"\t", b" ").rstrip(b" \r\n")


def _read_blocks(path: Path) -> Iterator[list[bytes]]:
    """Give the lines of a file, some megabytes at a time, their ends and tabs made uniform."""
    with open_packed(path) as file:
        n_lines = 0
        while lines := file.readlines(_BLOCK_BYTES):
            longest = max(range(len(lines)), key=lambda index: len(lines[index]))
            if len(lines[longest]) > _MOST_LINE_BYTES:
                raise FolderError(
                    f"expected lines of up to {_MOST_LINE_BYTES:,} bytes in {path}, found a longer one, line "
                    f"{n_lines + longest + 1}: fetch the file again, or take the line out"
                )
            block = [_clean(line) for line in lines]
            if n_lines == 0:
                block[0] = block[0].removeprefix(_BOM)
            yield block
            n_lines += len(lines)


def _detect_layout(head: bytes, path: Path) -> Layout:
    """Tell from the first lines how wide an entry is."""
    header = find_header(head)
    if header is not None:
        return header
    if not head:
        raise no_word_vectors(path, "an empty file", remedy="fetch the file again")
    if b"\0" in head:
        remedy = "unpack an archive; of a model name the folder"
        raise no_word_vectors(path, "binary data", remedy=remedy)
    lines = [_clean(line) for line in head.removeprefix(_BOM).split(b"\n", _FIRST_LINES)[:_FIRST_LINES]]
    widths = Counter(width for width in map(_count_numbers, lines) if width > 1)
    if not _count_numbers(lines[0]) > 1:
        found = f"{_shorten(lines[0])!r} in line 1"
        raise no_word_vectors(path, found, remedy="name another file; of a model name the folder")
    # A word may end in a number, so of two that are as frequent the smaller width is meant.
    return Layout(dim=min(widths, key=lambda width: (-widths[width], width)), n_entries=None)


def _count_numbers(line: bytes) -> int:
    """Give how many numbers stand at the end of a line, behind its first field; a word may hold spaces."""
    return len(list(takewhile(_is_number, reversed(line.split(b" ")[1:]))))


def _parse_lines(
    lines: Sequence[bytes], *, dim: int, path: Path, first_line: int
) -> tuple[list[bytes], Vectors]:
    """Give n words, and their (n, D) float32 vectors."""
    words: list[bytes] = []
    numbers: list[bytes] = []
    for line_number, line in enumerate(lines, first_line):
        n_spaces = line.count(b" ")
        if n_spaces < dim:
            raise _no_entry(line, dim, path, line_number)
        *word, rest = line.split(b" ", n_spaces - dim + 1)
        words.append(b" ".join(word))
        numbers.append(rest)
    return words, _parse_numbers(numbers, path, first_line)


def _no_entry(line: bytes, dim: int, path: Path, line_number: int) -> FolderError:
    return FolderError(
        f"expected a word and {dim} numbers, separated by single spaces, in line {line_number} of "
        f"{path}, found {_shorten(line)!r}: fetch the file again, or mend the line"
    )


def _warn_of_numbers(words: Sequence[bytes], path: Path) -> None:
    odd = [word for word in words if b" " in word and _is_number(word.rpartition(b" ")[2])]
    if odd:
        logger.warning(
            "%s: %d words end in a number, the first is %r; a line with a number too many looks the same",
            *(path.name, len(odd), _shorten(odd[0])),
        )


def _parse_numbers(texts: list[bytes], path: Path, first_line: int) -> Vectors:
    try:
        numbers = _load_numbers(texts)
    except ValueError:
        for line_number, text in enumerate(texts, first_line):
            try:
                _load_numbers([text])
            except ValueError as error:
                raise _bad_number(path, line_number, str(error).partition(" at row")[0]) from error
        raise
    bad_rows = np.flatnonzero(~(np.abs(numbers) <= MOST_VALUE).all(axis=1))
    if len(bad_rows):
        raise _bad_number(
            path, first_line + int(bad_rows[0]), f"NaN or infinity, or more than {MOST_VALUE:g}"
        )
    return numbers


def _load_numbers(texts: list[bytes]) -> Vectors:
    return np.loadtxt(texts, np.float32, comments=None, delimiter=" ", ndmin=2, encoding="latin-1")


def _bad_number(path: Path, line_number: int, found: str) -> FolderError:
    return FolderError(
        f"expected finite numbers in line {line_number} of {path}, found another ({found}): fetch the file "
        "again, or mend the line"
    )


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _shorten(line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    return text if len(text) <= 60 else text[:60] + " …"
