"""Vectors as one `.npy` array, written while they come."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from m2v_onnx.system.output_file import check_output_file, is_stdout, open_output

_CACHED_BYTES = 32 << 20


def write_npy(path: Path, blocks: Iterable[npt.NDArray[Any]], *, dim: int) -> int:
    """Write blocks of (B, D) vectors as one float32 `.npy` file; give the number of rows.

    The file appears whole or not at all; see `open_output`. A pipe gets it at the end.

    Raises:
        ArgumentError: see `check_output_file`.
        FolderError: when the system refuses to write.
    """
    check_output_file(path)
    with open_output(path) as file:
        return write_array(file, blocks, dim=dim)


def write_array(
    file: BinaryIO, blocks: Iterable[npt.NDArray[Any]], *, dim: int, dtype: str = "float32"
) -> int:
    """Write blocks of (B, D) vectors as one array of float32 or float16; give the number of rows."""
    little = np.dtype(dtype).newbyteorder("<")
    if file.seekable() and not is_stdout(file):
        return _write_rows(file, blocks, dim, little)
    # The number of rows stands in front, and standard output may hold something already.
    with TemporaryFile() as spool:
        n_rows = _write_rows(spool, blocks, dim, little)
        spool.seek(0)
        shutil.copyfileobj(spool, file)
        return n_rows


def let_go(file: BinaryIO) -> None:
    """Have what was written go to the disk, and out of the memory what has arrived there.

    A file of vectors would fill the page cache, and to find fresh pages can take longer than to encode.
    """
    if hasattr(os, "posix_fadvise"):  # not on macOS and Windows
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _write_rows(file: BinaryIO, blocks: Iterable[npt.NDArray[Any]], dim: int, dtype: np.dtype[Any]) -> int:
    n_rows = n_cached = 0
    file.write(_npy_header(n_rows, dim, dtype))
    for block in blocks:
        file.write(np.ascontiguousarray(block, dtype).data)
        n_rows += len(block)
        n_cached += block.nbytes
        if n_cached >= _CACHED_BYTES:
            let_go(file)
            n_cached = 0
    file.seek(0)
    file.write(_npy_header(n_rows, dim, dtype))
    return n_rows


def _npy_header(n_rows: int, dim: int, dtype: np.dtype[Any]) -> bytes:
    """Give a header of 128 bytes, whatever the number of rows (format 1.0, numpy.lib.format)."""
    fields = f"{{'descr': '{dtype.str}', 'fortran_order': False, 'shape': ({n_rows}, {dim}), }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + fields.ljust(117).encode() + b"\n"
