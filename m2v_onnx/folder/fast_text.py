"""fastText's binary form (`.bin`): a word's vector is the mean of its own row and of the rows of its parts.

Source: `FastText::loadModel`, `Dictionary::load` and `computeSubwords` of facebookresearch/fastText.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.byte_stream import ByteStream
from m2v_onnx.folder.packed_file import find_packing, open_packed
from m2v_onnx.folder.vector_binary import check_finite, decode_words
from m2v_onnx.model.vectors import Vectors

logger = logging.getLogger(__name__)

MAGIC = (793712314).to_bytes(4, "little")
_VERSIONS = (11, 12)
_SUPERVISED = 3
_WORD, _LABEL = 0, 1
_END_OF_LINE = b"</s>"
# FNV-1a, as fastText has it.
_FNV_START, _FNV_PRIME = 2166136261, 16777619
_WORDS_AT_A_TIME = 1024


@dataclass(frozen=True)
class _Parts:
    """Which parts of a word have a row: those of `shortest` to `longest` characters, by their hash."""

    shortest: int
    longest: int
    n_buckets: int


def read_fast_text(path: Path, *, n_zero_rows: int) -> tuple[list[str], Vectors]:
    """Read the vectors of the words in a fastText model's dictionary.

    Words that are not in the dictionary have no vector, as in the `.vec` file of the same model: their parts
    are not used, which the log says.

    Args:
        path: the file.
        n_zero_rows: how many rows of zeros to put in front.

    Returns:
        n words, and a (n_zero_rows + n, D) float32 table.

    Raises:
        FolderError: when the file is damaged, or quantized.
    """
    with open_packed(path) as file:
        stream = ByteStream(file, path)
        dim, parts = _read_options(stream, path)
        words = _read_dictionary(stream, path)
        rows = _read_rows(stream, path, shape=(len(words) + parts.n_buckets, dim))
        table = np.zeros((n_zero_rows + len(words), dim), np.float32)
        for start in range(0, len(words), _WORDS_AT_A_TIME):
            chunk = words[start : start + _WORDS_AT_A_TIME]
            means = table[n_zero_rows + start : n_zero_rows + start + len(chunk)]
            _average(chunk, start, parts, rows, n_words=len(words), out=means)
    check_finite(table[n_zero_rows:], path)
    logger.info(
        "%s: words that are not in its dictionary have no vector, their parts are not used", path.name
    )
    return decode_words(words, path), table


def _read_options(stream: ByteStream, path: Path) -> tuple[int, _Parts]:
    version = stream.unpack("2i")[1]
    if version not in _VERSIONS:
        raise FolderError(
            f"expected fastText's file format 11 or 12 in {path}, found {version}: read it by fastText, and "
            "write its word vectors as text (.vec)"
        )
    dim, _, _, _, _, _, _, kind, n_buckets, shortest, longest, _, _ = stream.unpack("12id")
    if version == _VERSIONS[0] and kind == _SUPERVISED:
        longest = 0
    return dim, _Parts(shortest, longest, n_buckets)


def _read_dictionary(stream: ByteStream, path: Path) -> list[bytes]:
    """Give the words; labels, which stand behind them, have no row."""
    n_all, n_words, n_labels, _, n_pruned = stream.unpack("3i2q")
    entries = [(stream.take_until(b"\0"), stream.unpack("qb")[1]) for _ in range(n_all)]
    words = [word for word, kind in entries if kind == _WORD]
    if len(words) != n_words or n_words + n_labels != n_all:
        raise FolderError(
            f"expected {n_words} words and {n_labels} labels in {path}, found {len(words)} words among "
            f"{n_all} entries: the file is damaged, fetch it again"
        )
    if n_pruned > 0:
        raise _quantized(path)
    if n_labels:
        logger.info("%s: %d labels are left out", path.name, n_labels)
    return words


def _read_rows(stream: ByteStream, path: Path, *, shape: tuple[int, int]) -> Vectors:
    is_quantized, *found = stream.unpack("?2q")
    if is_quantized:
        raise _quantized(path)
    if tuple(found) != shape:
        raise FolderError(
            f"expected {shape[0]} x {shape[1]} numbers in {path}, found {found[0]} x {found[1]}: the file is "
            "damaged, fetch it again"
        )
    n_bytes = 4 * shape[0] * shape[1]
    is_whole = path.stat().st_size >= stream.position + n_bytes
    if find_packing(path) is None and is_whole:
        return np.memmap(path, "<f4", "r", offset=stream.position, shape=shape)
    return np.frombuffer(stream.take(n_bytes), "<f4").reshape(shape)


def _quantized(path: Path) -> FolderError:
    return FolderError(
        f"expected a fastText model of float32 numbers in {path}, found a quantized one (.ftz): name the "
        "model that it was made of"
    )


def _average(
    words: list[bytes], first: int, parts: _Parts, rows: Vectors, *, n_words: int, out: Vectors
) -> None:
    """Write the means of the rows of words and their parts; `first` is the number of the first word."""
    owners, hashes = _hash_parts(words, parts)
    numbers = np.arange(len(words))
    owners = np.concatenate([numbers, owners])
    places = np.concatenate([first + numbers, n_words + hashes])
    order = np.argsort(owners, kind="stable")
    counts = np.bincount(owners, minlength=len(words))
    starts = np.cumsum(counts) - counts
    np.add.reduceat(rows[places[order]], starts, axis=0, out=out)
    out /= counts[:, None].astype(np.float32)


def _hash_parts(words: list[bytes], parts: _Parts) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Give, for each part of each word, the number of the word, and the bucket of the part."""
    framed = [b"<%s>" % word for word in words]
    text = np.frombuffer(b"".join(framed), np.uint8)
    # Characters: a byte that continues one is never the first.
    begins = np.flatnonzero((text & 0xC0) != 0x80)
    lengths = np.diff(begins, append=len(text))
    owner = np.searchsorted(np.cumsum([len(word) for word in framed]), begins, side="right")
    ends = np.searchsorted(owner, owner, side="right")
    has_parts = np.array([word != _END_OF_LINE for word in words])[owner]
    # Bytes count as signed, as they did where fastText's models were trained.
    signed = text.view(np.int8).astype(np.int32).view(np.uint32)
    hashes = np.full(len(begins), _FNV_START, np.uint32)
    owners, buckets = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    firsts = np.flatnonzero(has_parts)
    for n_characters in range(1, parts.longest + 1 if parts.n_buckets else 1):
        firsts = firsts[firsts + n_characters <= ends[firsts]]
        last = firsts + n_characters - 1
        for byte in range(int(lengths[last].max(initial=0))):
            longer = lengths[last] > byte
            own = firsts[longer]
            hashes[own] = (hashes[own] ^ signed[begins[last[longer]] + byte]) * np.uint32(_FNV_PRIME)
        if n_characters >= parts.shortest:
            found = firsts
            if n_characters == 1:  # the frame alone is no part
                found = firsts[(owner[firsts] == owner[firsts - 1]) & (firsts + 1 < ends[firsts])]
            owners.append(owner[found])
            buckets.append(hashes[found].astype(np.int64) % parts.n_buckets)
    return np.concatenate(owners), np.concatenate(buckets)
