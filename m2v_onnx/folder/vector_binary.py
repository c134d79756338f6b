"""The binary form of word2vec: a line of two counts; then each word, a space, and float32 numbers.

Source: word2vec.c of Mikolov, Sutskever, Chen, Corrado and Dean, which puts a line feed behind each entry.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.byte_stream import ByteStream
from m2v_onnx.folder.packed_file import open_packed
from m2v_onnx.folder.vector_text import ends_in_number, find_header
from m2v_onnx.model.vectors import MOST_VALUE, Vectors

logger = logging.getLogger(__name__)


def is_word2vec(head: bytes) -> bool:
    """Tell by its beginning whether a file with a header holds numbers in binary form."""
    if find_header(head) is None:
        return False
    lines = head.split(b"\n")[1:]
    return b"\0" in head or (any(lines) and not any(map(ends_in_number, lines)))


def read_word2vec(path: Path, *, n_zero_rows: int) -> tuple[list[str], Vectors]:
    """Read word vectors in word2vec's binary form.

    Args:
        path: the file.
        n_zero_rows: how many rows of zeros to put in front.

    Returns:
        n words, and a (n_zero_rows + n, D) float32 table.

    Raises:
        FolderError: when the file is damaged.
    """
    words: list[bytes] = []
    with open_packed(path) as file:
        stream = ByteStream(file, path)
        n_entries, dim = map(int, stream.take_until(b"\n").split())
        table = bytearray()  # grows in place
        for _ in range(n_entries):
            words.append(stream.take_until(b" ").lstrip(b"\n"))
            numbers = stream.take(4 * dim)
            table += numbers if table else bytes(4 * dim * n_zero_rows) + numbers
        if stream.has_more():
            raise FolderError(
                f"expected {n_entries} entries in {path}, as its first line says, found more: fetch the file "
                "again"
            )
    rows = np.frombuffer(table, "<f4").reshape(-1, dim)
    check_finite(rows[n_zero_rows:], path)
    return decode_words(words, path), rows


def check_finite(numbers: Vectors, path: Path) -> None:
    """Refuse NaN, infinity, and numbers of which a sum may become infinite.

    Raises:
        FolderError: naming the entry.
    """
    bad_rows = np.flatnonzero(~(np.abs(numbers) <= MOST_VALUE).all(axis=1))
    if len(bad_rows):
        raise FolderError(
            f"expected finite numbers in entry {int(bad_rows[0]) + 1} of {path}, found NaN or infinity, or "
            f"one above {MOST_VALUE:g}: fetch the file again"
        )


def decode_words(words: Sequence[bytes], path: Path) -> list[str]:
    """Decode words; other bytes than UTF-8 become U+FFFD, which no text has, and are counted."""
    decoded = [word.decode("utf-8", "replace") for word in words]
    n_other = sum(map(str.__ne__, decoded, map(_decode_exactly, words)))
    if n_other:
        logger.warning("%s: %d words are no UTF-8: no text will have them", path.name, n_other)
    return decoded


def _decode_exactly(word: bytes) -> str:
    return word.decode("utf-8", "surrogateescape")
