"""Rows of numbers, one block behind the other, in memory or in files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.vectors import Vectors

Block = npt.NDArray[np.floating] | Path
_BLOCK_ROWS = 8192


@dataclass(frozen=True)
class StoredRows:
    """(N, d) numbers of which a stretch at a time is at hand: memory does not grow with files.

    Attributes:
        blocks: arrays, or `.npy` files, of (n, d) numbers.
        lengths: n of each block.
        width: d.
    """

    blocks: tuple[Block, ...]
    lengths: tuple[int, ...]
    width: int
    _last: list[tuple[int, npt.NDArray[np.floating]]] = field(default_factory=list, repr=False, compare=False)

    @classmethod
    def of(cls, array: npt.NDArray[np.floating]) -> StoredRows:
        """Take an array, which is not copied."""
        return cls((array,), (len(array),), array.shape[1])

    @classmethod
    def joined(cls, parts: Sequence[StoredRows]) -> StoredRows:
        """Put some behind each other."""
        blocks = tuple(block for part in parts for block in part.blocks)
        return cls(blocks, tuple(n for part in parts for n in part.lengths), parts[0].width)

    def __len__(self) -> int:
        """Give N."""
        return sum(self.lengths)

    def rows(self, start: int, stop: int) -> Vectors:
        """Give rows `start` to `stop`, float32."""
        found = np.empty((stop - start, self.width), np.float32)
        end = 0
        for index, length in enumerate(self.lengths):
            begin, end = end, end + length
            if begin < stop and end > start:
                first, last = max(begin, start), min(end, stop)
                found[first - start : last - start] = self._load(index)[first - begin : last - begin]
        return found

    def each(self, n_rows: int = _BLOCK_ROWS) -> Iterator[Vectors]:
        """Give all rows, `n_rows` at a time."""
        n = len(self)
        yield from (self.rows(start, min(n, start + n_rows)) for start in range(0, n, n_rows))

    def _load(self, index: int) -> npt.NDArray[np.floating]:
        block = self.blocks[index]
        if not isinstance(block, Path):
            return block
        if not self._last or self._last[0][0] != index:
            self._last[:] = [(index, np.load(block))]
        return self._last[0][1]
