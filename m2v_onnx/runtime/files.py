"""Whole files of texts to vectors, as a stream: memory does not grow with the file."""

from __future__ import annotations

import csv
import json
import os
import secrets
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.system.progress import Advance

STDIN = Path("-")
_PROGRESS_BYTES = 1 << 20
_CACHED_BYTES = 32 << 20


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
    lines = _read_lines(path, advance or (lambda _n_bytes: None))
    if path.suffix == ".jsonl":
        texts = _read_jsonl(lines, path, column)
    elif path.suffix == ".csv":
        texts = _read_csv(lines, path, column)
    else:
        texts = (line.removesuffix("\n").removesuffix("\r") for line in lines)
    return texts


def write_npy(path: Path, blocks: Iterable[Vectors], *, dim: int) -> int:
    """Write blocks of (B, D) float32 vectors as one `.npy` array; give the number of rows.

    The file appears whole or not at all: it is written beside its place and then moved there.

    Raises:
        ArgumentError: when the file's folder does not exist.
    """
    if not path.parent.is_dir():
        raise ArgumentError(f"expected a folder for {path.name} at {path.parent}, found none: make it first")
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.draft")
    n_rows = n_cached = 0
    try:
        with draft.open("wb") as file:
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
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
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


def _read_lines(path: Path, advance: Advance) -> Iterator[str]:
    """Give the lines of a file with their ends; only line feeds end a line."""
    try:
        file = sys.stdin.buffer if path == STDIN else path.open("rb")
    except OSError as error:
        raise ArgumentError(
            f"expected a file of texts at {path}, found {error.strerror}: check the path"
        ) from error
    with file:
        number = n_bytes = 0
        for number, line in enumerate(file, 1):
            n_bytes += len(line)
            if n_bytes > _PROGRESS_BYTES:
                advance(n_bytes)
                n_bytes = 0
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise ArgumentError(
                    f"expected UTF-8 text in {path}, found other bytes in line {number}: convert it, for "
                    "instance by iconv -t utf-8"
                ) from error
        if number == 0:
            raise ArgumentError(f"expected texts in {path}, found an empty file")


def _read_jsonl(lines: Iterator[str], path: Path, column: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ArgumentError(
                f"expected a JSON object in line {number} of {path}, found {error}"
            ) from error
        text = row.get(column) if isinstance(row, dict) else None
        if not isinstance(text, str):
            raise ArgumentError(
                f"expected a string in field {column!r} in line {number} of {path}, found {text!r}: name the "
                "field with --column"
            )
        yield text


def _read_csv(lines: Iterator[str], path: Path, column: str) -> Iterator[str]:
    csv.field_size_limit(2**31 - 1)  # a C long, which has 32 bits on Windows
    reader = csv.DictReader(lines)
    try:
        yield from _read_column(reader, path, column)
    except csv.Error as error:
        raise ArgumentError(f"expected CSV in {path}, found {error} in line {reader.line_num}") from error


def _read_column(reader: csv.DictReader[str], path: Path, column: str) -> Iterator[str]:
    if column not in (reader.fieldnames or ()):
        raise ArgumentError(
            f"expected a column {column!r} in {path}, found {', '.join(reader.fieldnames or ())}: "
            "name one of these with --column"
        )
    for row in reader:
        if row[column] is None:
            raise ArgumentError(
                f"expected a value for column {column!r} in line {reader.line_num} of {path}, found none"
            )
        yield row[column]
