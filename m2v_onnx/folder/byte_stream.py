"""Bytes read piece by piece, by length or up to a mark."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import IO, Any

from m2v_onnx.errors import FolderError

_CHUNK_BYTES = 1 << 20
# No word is longer.
_MOST_BYTES = 1 << 16


class ByteStream:
    """What is in a file of a binary form.

    Args:
        file: an open file.
        path: where it is, for messages.

    Attributes:
        position: the number of bytes taken so far.
    """

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path
        self._buffer = b""
        self._start = 0
        self.position = 0

    def take(self, n_bytes: int) -> bytes:
        """Give the next bytes.

        Raises:
            FolderError: when the file ends before.
        """
        while len(self._buffer) - self._start < n_bytes:
            self._read_on()
        return self._advance(n_bytes)

    def take_until(self, mark: bytes) -> bytes:
        """Give the bytes before the next mark of one byte, and pass the mark.

        Raises:
            FolderError: when the file ends before, or the mark is too far away.
        """
        while (end := self._buffer.find(mark, self._start)) < 0:
            if len(self._buffer) - self._start > _MOST_BYTES:
                raise FolderError(
                    f"expected a word of up to {_MOST_BYTES} bytes at byte {self.position} of {self._path}, "
                    "found a longer one: the file is damaged, fetch it again"
                )
            self._read_on()
        found = self._advance(end - self._start)
        self._advance(1)
        return found

    def unpack(self, numbers: str) -> tuple[Any, ...]:
        """Give little-endian numbers; the letters are those of `struct`."""
        layout = struct.Struct(f"<{numbers}")
        return layout.unpack(self.take(layout.size))

    def has_more(self) -> bool:
        """Tell whether anything but line feeds is left."""
        rest = self._buffer[self._start :] or self._file.read(_CHUNK_BYTES)
        return bool(rest.strip(b"\n") or self._file.read(1))

    def _advance(self, n_bytes: int) -> bytes:
        stop = self._start + n_bytes
        found = self._buffer[self._start : stop]
        self._start = stop
        self.position += n_bytes
        return found

    def _read_on(self) -> None:
        chunk = self._file.read(_CHUNK_BYTES)
        if not chunk:
            raise FolderError(
                f"expected more than {self.position} bytes in {self._path}, found its end: the file is "
                "incomplete, fetch it again"
            )
        self._buffer = self._buffer[self._start :] + chunk
        self._start = 0
