"""Whole files of texts to vectors, as a stream: memory does not grow with the file."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.system.output_file import STDOUT, check_output_file, open_output
from m2v_onnx.system.progress import Advance
from m2v_onnx.system.text_files import parse_json, read_lines

if TYPE_CHECKING:
    from _csv import Reader

_PROGRESS_BYTES = 1 << 20
_CACHED_BYTES = 32 << 20
_MOST_FIELD_CHARACTERS = 1 << 24


def read_texts(path: Path, *, column: str = "text", advance: Advance | None = None) -> Iterator[str]:
    """Give the texts of a UTF-8 file, one by one.

    Args:
        path: `.jsonl`, an object a line; `.csv`, with a header; anything else, and `-` for standard
            input, holds a text a line.
        column: the field or column that holds the text.
        advance: called now and then with the number of bytes read since.

    Raises:
        ArgumentError: for a file that is missing, empty or not UTF-8, and for a line without the column;
            the message names the line.
    """
    lines = _read_lines(path, advance)
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    if suffix == ".jsonl":
        texts = _read_jsonl(lines, path, column)
    elif suffix == ".csv":
        texts = _read_csv(lines, path, column)
    else:
        texts = (line.removesuffix("\n").removesuffix("\r") for line in lines)
    return texts


def check_npy(path: Path, *, source: Path | None = None) -> None:
    """Refuse an output that `write_npy` cannot write, before any work is done.

    Args:
        path: a `.npy` file, a pipe, a device, or `-` for standard output.
        source: the file that is read meanwhile.

    Raises:
        ArgumentError: for another suffix; further those of `check_output_file`.
    """
    check_output_file(path, source=source)
    is_plain = path != STDOUT and (path.is_file() or not path.exists())
    if is_plain and path.suffix != ".npy":
        raise ArgumentError(f"expected a name that ends in .npy to write vectors to, found {path}: add it")


def write_npy(path: Path, blocks: Iterable[Vectors], *, dim: int) -> int:
    """Write blocks of (B, D) float32 vectors as one `.npy` array; give the number of rows.

    The file appears whole or not at all; see `open_output`. A pipe gets it at the end.

    Raises:
        ArgumentError: see `check_npy`.
        FolderError: when the system refuses to write.
    """
    check_npy(path)
    with open_output(path) as file:
        if file.seekable():
            return _write_rows(file, blocks, dim)
        with TemporaryFile() as spool:  # the number of rows stands in front
            n_rows = _write_rows(spool, blocks, dim)
            spool.seek(0)
            shutil.copyfileobj(spool, file)
            return n_rows


def _write_rows(file: BinaryIO, blocks: Iterable[Vectors], dim: int) -> int:
    n_rows = n_cached = 0
    file.write(_npy_header(n_rows, dim))
    for block in blocks:
        file.write(np.ascontiguousarray(block, "<f4").data)
        n_rows += len(block)
        n_cached += block.nbytes
        if n_cached >= _CACHED_BYTES:
            _let_go(file)
            n_cached = 0
    file.seek(0)
    file.write(_npy_header(n_rows, dim))
    return n_rows


def _let_go(file: BinaryIO) -> None:
    """Have what was written go to the disk, and out of the memory what has arrived there.

    A file of vectors would fill the page cache, and to find fresh pages can take longer than to encode.
    """
    if hasattr(os, "posix_fadvise"):  # not on macOS and Windows
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _npy_header(n_rows: int, dim: int) -> bytes:
    """Give a header of 128 bytes, whatever the number of rows (format 1.0, numpy.lib.format)."""
    fields = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({n_rows}, {dim}), }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + fields.ljust(117).encode() + b"\n"


def _read_lines(path: Path, advance: Advance | None) -> Iterator[str]:
    """Give the lines of a file with their ends."""
    n_bytes, is_empty = 0, True

    def count(n_more: int) -> None:
        nonlocal n_bytes
        n_bytes += n_more
        if advance is not None and n_bytes > _PROGRESS_BYTES:
            advance(n_bytes)
            n_bytes = 0

    for line in read_lines(path, error=ArgumentError, advance=count):
        yield line
        is_empty = False
    if is_empty:
        raise ArgumentError(f"expected texts in {path}, found an empty file")


def _read_jsonl(lines: Iterator[str], path: Path, column: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = parse_json(line, f"line {number} of {path}", error=ArgumentError)
        text = row.get(column) if isinstance(row, dict) else None
        if not isinstance(text, str):
            raise ArgumentError(
                f"expected a string in field {column!r} in line {number} of {path}, found {text!r:.60}: name "
                "the field with --column"
            )
        yield text


def _read_csv(lines: Iterator[str], path: Path, column: str) -> Iterator[str]:
    reader = csv.reader(lines, strict=True)
    names = _read_row(reader, path) or []
    if column not in names:
        raise ArgumentError(
            f"expected a column {column!r} in {path}, found {', '.join(names)}: name one of these "
            "with --column"
        )
    place = names.index(column)
    start = reader.line_num + 1
    while (row := _read_row(reader, path)) is not None:
        if row and place >= len(row):
            raise ArgumentError(
                f"expected a value for column {column!r} in line {start} of {path}, found none: mend the line"
            )
        if row:
            yield row[place]
        start = reader.line_num + 1


def _read_row(reader: Reader, path: Path) -> list[str] | None:
    start = reader.line_num + 1
    try:
        with _long_fields():
            return next(reader, None)
    except csv.Error as error:
        raise ArgumentError(
            f"expected CSV in {path}, found {error} in the row of line {start}: mend it; a quote may be open"
        ) from error


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let csv take long texts while a row is read: its limit is one for the whole process."""
    before = csv.field_size_limit(_MOST_FIELD_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(before)
