"""Records of text files: JSON lines, CSV, and a text a line. Plain or gzip, UTF-8."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from m2v_onnx.errors import ArgumentError
from m2v_onnx.system.records.block import Block, Row, Source, cut
from m2v_onnx.system.text_files import parse_json, read_lines

if TYPE_CHECKING:
    from _csv import Reader

_MOST_FIELD_CHARACTERS = 1 << 24

_Records = Iterator[tuple[str | None, Row, int]]


def read_line_blocks(source: Source) -> Iterator[Block]:
    """Give the records of a text file; memory does not grow with it.

    Raises:
        ArgumentError: for a file that is missing, empty or not UTF-8, and for a line without a column that is
            wanted; the message names the line.
    """
    sizes: list[int] = []
    lines = read_lines(source.path, error=ArgumentError, advance=sizes.append)
    read: dict[str, Callable[[Iterator[str], Source], Iterator[tuple[str | None, Row]]]] = {
        "jsonl": _read_jsonl,
        "csv": _read_csv,
    }
    return cut(_with_sizes(read.get(source.format, _read_txt)(_filled(lines, source), source), sizes), source)


def _filled(lines: Iterator[str], source: Source) -> Iterator[str]:
    is_empty = True
    for line in lines:
        is_empty = False
        yield line
    if is_empty:
        raise ArgumentError(f"expected texts in {source.path}, found an empty file")


def _with_sizes(records: Iterator[tuple[str | None, Row]], sizes: list[int]) -> _Records:
    for text, row in records:
        yield text, row, sum(sizes)
        sizes.clear()


def _read_txt(lines: Iterator[str], source: Source) -> Iterator[tuple[str, Row]]:
    name = source.text_column
    is_kept = source.columns is None or name in source.columns
    source.check_names([name], str(source.path))
    for line in lines:
        text = line.removesuffix("\n").removesuffix("\r")
        yield text, {name: text} if is_kept else {}


def _read_jsonl(lines: Iterator[str], source: Source) -> Iterator[tuple[str | None, Row]]:
    column, columns = source.text_column, source.columns
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        row = parse_json(line, f"line {number} of {source.path}", error=ArgumentError)
        if not isinstance(row, dict):
            raise ArgumentError(
                f"expected an object in line {number} of {source.path}, found {row!r:.60}: mend the line"
            )
        if column not in row or not isinstance(row[column], str | None):
            found = repr(row[column]) if column in row else f"the fields {', '.join(row) or 'none'}"
            raise ArgumentError(
                f"expected a string in field {column!r} in line {number} of {source.path}, found "
                f"{found:.200}: name the field with --text-column"
            )
        yield row[column], row if columns is None else _keep(row, columns, f"line {number} of {source.path}")


def _keep(row: Row, columns: tuple[str, ...], place: str) -> Row:
    try:
        return {name: row[name] for name in columns}
    except KeyError as error:
        raise ArgumentError(
            f"expected a field {error.args[0]!r} in {place}, found {', '.join(row)}: name others "
            "with --columns"
        ) from error


def _read_csv(lines: Iterator[str], source: Source) -> Iterator[tuple[str, Row]]:
    path, columns = source.path, source.columns
    reader = csv.reader(lines, strict=True)
    names = _read_row(reader, path) or []
    source.check_names(names, str(path))
    if len(set(names)) < len(names) and columns is None:
        raise ArgumentError(
            f"expected columns of different names in {path}, found {', '.join(names)}: mend it"
        )
    place = names.index(source.text_column)
    kept = [(name, names.index(name)) for name in (names if columns is None else columns)]
    start = reader.line_num + 1
    while (row := _read_row(reader, path)) is not None:
        if row and len(row) != len(names):
            raise ArgumentError(
                f"expected {len(names)} values in line {start} of {path}, found {len(row)}: mend the line"
            )
        if row:
            yield row[place], {name: row[index] for name, index in kept}
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
