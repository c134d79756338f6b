"""The files that an ONNX graph keeps its weights in, read without the package onnx."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from m2v_onnx.errors import M2vOnnxError

# Field numbers of onnx.proto, from a message to the messages in it that may lead to a tensor.
_MODEL = {7: "graph"}
_INSIDE = {
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
_KEY, _VALUE = 1, 2
_VARINT, _FIXED_64, _BYTES, _FIXED_32 = 0, 1, 2, 5


def external_data_names(path: Path) -> list[str]:
    """Give the names of the files that a graph's tensors lie in, relative to its own folder, sorted.

    The tensors themselves are skipped, however large they are.

    Raises:
        M2vOnnxError: when the file is no ONNX graph.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return sorted(set(_locations(content, 0, len(content), _MODEL)))
    except (ValueError, IndexError, OSError) as error:
        raise M2vOnnxError(
            f"expected an ONNX graph in {path}, found a damaged one ({error}): fetch or export the file again"
        ) from error


def _locations(content: mmap.mmap, start: int, end: int, fields: dict[int, str]) -> Iterator[str]:
    """Walk a message; give the value of every entry named location."""
    for number, begin, stop in _fields(content, start, end):
        kind = fields.get(number)
        if kind == "entry":
            texts = {n: bytes(content[b:s]) for n, b, s in _fields(content, begin, stop)}
            if texts.get(_KEY) == b"location":
                yield texts.get(_VALUE, b"").decode()
        elif kind is not None:
            yield from _locations(content, begin, stop, _INSIDE[kind])


def _fields(content: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Give the number of each field with bytes in a message, and where these begin and end."""
    while start < end:
        tag, start = _varint(content, start)
        kind = tag & 7
        if kind == _BYTES:
            length, start = _varint(content, start)
            if start + length > end:
                raise ValueError(f"a field of {length} bytes, {end - start} left")
            yield tag >> 3, start, start + length
            start += length
        elif kind == _VARINT:
            _, start = _varint(content, start)
        elif kind in (_FIXED_64, _FIXED_32):
            start += 8 if kind == _FIXED_64 else 4
        else:
            raise ValueError(f"a field of wire type {kind}")


def _varint(content: mmap.mmap, start: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, start
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
