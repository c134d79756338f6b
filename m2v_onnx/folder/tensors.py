"""The safetensors file of a table: mapped into memory, never read as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from m2v_onnx.errors import FolderError
from m2v_onnx.model.vectors import MOST_VALUE, Table
from m2v_onnx.system.row_blocks import rows_beyond
from m2v_onnx.system.text_files import check_regular, readable

# The table's name in a file of ours and of model2vec, and in one of sentence-transformers.
TABLE_TENSORS = ("embeddings", "embedding.weight")
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I8": "|i1", "I32": "<i4", "I64": "<i8", "BF16": "<u2"}


def map_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Memory-map every tensor of a safetensors file, read-only; bfloat16 is read, and becomes float32.

    Raises:
        FolderError: when the file is damaged, or holds a number type that no table has.
    """
    check_regular(path)
    with readable(path):
        path.open("rb").close()  # safe_open calls a file that may not be read a missing one
    try:
        # It checks header, sizes and coverage.
        with readable(path), safe_open(path, framework="numpy") as tensors:
            names = list(tensors.keys())
    except SafetensorError as error:
        raise FolderError(
            f"expected a safetensors file in {path}, found a damaged one ({error}): fetch the file again"
        ) from error
    header, start = _read_header(path)
    return {name: _map_tensor(path, header[name], start=start) for name in names}


def locate_table(path: Path, dtype: npt.DTypeLike) -> tuple[int, int] | None:
    """Give the offset and the length in bytes of the table in `model.safetensors`.

    None when the table there has another number type.
    """
    header, start = _read_header(path)
    entry = header[TABLE_TENSORS[0]]
    if _DTYPES[entry["dtype"]] != np.dtype(dtype).str:
        return None
    begin, end = entry["data_offsets"]
    return start + begin, end - begin


def is_same_layout(path: Path, other: Path) -> bool:
    """Tell whether every tensor lies at the same place in two safetensors files."""
    return path.is_file() and other.is_file() and _read_header(path) == _read_header(other)


def zero_rows(path: Path, rows: list[int]) -> None:
    """Write zeros over some rows of a table on disk, which needs no second table in memory."""
    header, start = _read_header(path)
    entry = header[TABLE_TENSORS[0]]
    begin, end = entry["data_offsets"]
    row_bytes = (end - begin) // entry["shape"][0]
    with path.open("r+b") as file:
        for row in rows:
            file.seek(start + begin + row * row_bytes)
            file.write(bytes(row_bytes))


def check_finite(table: Table) -> None:
    """Refuse a table with NaN, infinity, or values of which a sum may become infinite.

    Raises:
        FolderError: naming the first rows.
    """
    bad_rows = rows_beyond(table, MOST_VALUE)
    if len(bad_rows):
        raise FolderError(
            f"the table must hold numbers up to {MOST_VALUE:g}, found NaN, infinity or larger ones in "
            f"{len(bad_rows)} of {len(table)} rows (ids {', '.join(map(str, bad_rows[:5]))} …): distil again"
        )


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Give the header of a safetensors file, and where the tensors begin."""
    with path.open("rb") as file:
        header_bytes = int.from_bytes(file.read(8), "little")
        return json.loads(file.read(header_bytes)), 8 + header_bytes


def _map_tensor(path: Path, entry: dict[str, Any], *, start: int) -> npt.NDArray[Any]:
    if entry["dtype"] not in _DTYPES:
        raise FolderError(
            f"expected tensors of {', '.join(_DTYPES)} in {path}, found {entry['dtype']}: convert the table"
        )
    dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
    if 0 in shape:
        return np.zeros(shape, np.float32 if entry["dtype"] == "BF16" else dtype)
    array = np.asarray(np.memmap(path, dtype, mode="r", offset=start + entry["data_offsets"][0], shape=shape))
    return widen_bfloat16(array) if entry["dtype"] == "BF16" else array


def widen_bfloat16(halves: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Give float32 of the same shape: a bfloat16 is the upper half of a float32.

    >>> widen_bfloat16(np.array([0x3F80, 0xC000], np.uint16))
    array([ 1., -2.], dtype=float32)
    """
    return (halves.astype(np.uint32) << 16).view(np.float32)
