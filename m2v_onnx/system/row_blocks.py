"""Reading a large array block by block, without keeping a mapped file in memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

_BLOCK_ROWS = 4096


def row_blocks(array: npt.NDArray[Any]) -> Iterator[slice]:
    """Give slices that cover all rows; the pages of a file mapped read-only are let go behind each.

    >>> import numpy as np
    >>> list(row_blocks(np.zeros((5000, 2))))
    [slice(0, 4096, None), slice(4096, 8192, None)]
    """
    for start in range(0, len(array), _BLOCK_ROWS):
        yield slice(start, start + _BLOCK_ROWS)
        _release(array)


def rows_beyond(array: npt.NDArray[Any], most: float) -> npt.NDArray[np.int64]:
    """Give the indices of the rows with NaN, or with a value of a larger size.

    >>> import numpy as np
    >>> rows_beyond(np.array([[1.0, 2.0], [3.0, np.nan], [-9.0, 0.0]]), 5).tolist()
    [1, 2]
    """
    if array.dtype.kind == "f":
        most = min(most, float(np.finfo(array.dtype).max))
    bad = [
        rows.start + np.flatnonzero(~(np.abs(array[rows]) <= most).all(axis=1)) for rows in row_blocks(array)
    ]
    return np.concatenate([np.empty(0, np.int64), *bad])


def _release(array: npt.NDArray[Any]) -> None:
    """Let the pages of a mapped file go: they are read again when they are needed."""
    base = array
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    # A map that can be written to may hold what no file holds.
    if isinstance(base, mmap.mmap) and memoryview(base).readonly and hasattr(base, "madvise"):
        base.madvise(mmap.MADV_DONTNEED)
