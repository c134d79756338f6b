"""Token ids of any number of texts, in a file that is gone with its last user."""

from __future__ import annotations

import weakref
from array import array
from collections.abc import Sequence
from itertools import chain
from tempfile import TemporaryFile

import numpy as np

from m2v_onnx.errors import FolderError
from m2v_onnx.tokenizer.token_ids import TokenIds, offsets_of


class SpooledIds:
    """The ids of texts, as `TokenIds` holds them, of which 8 bytes a text stay in memory."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  # as long as its owner
        weakref.finalize(self, self._file.close)
        self._ends = array("q", [0])

    def __len__(self) -> int:
        """Give the number of texts."""
        return len(self._ends) - 1

    def append(self, rows: Sequence[Sequence[int]]) -> None:
        """Add texts behind the others.

        Raises:
            FolderError: when the disk is full.
        """
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = np.fromiter(chain.from_iterable(rows), np.int32, int(lengths.sum()))
        try:
            self._file.seek(0, 2)
            self._file.write(ids.tobytes())
            self._file.flush()
        except OSError as error:
            raise FolderError(
                f"expected room for the token ids of texts in the folder for temporary files, found "
                f"{error.strerror}: make room, or set the variable TMPDIR to another folder"
            ) from error
        self._ends.extend((np.cumsum(lengths) + self._ends[-1]).tolist())

    def block(self, start: int, stop: int) -> TokenIds:
        """Give texts `start` to `stop`."""
        ends = np.array(self._ends[start : stop + 1], np.int64)
        self._file.seek(4 * int(ends[0]))
        ids = np.frombuffer(self._file.read(4 * int(ends[-1] - ends[0])), np.int32)
        return TokenIds(ids, offsets_of(np.diff(ends)))
