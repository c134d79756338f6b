"""Records of text files: JSON lines, tables (CSV and TSV), and a text a line. Plain or gzip, UTF-8."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from m2v_onnx.errors import ArgumentError
from m2v_onnx.system.records.block import Block, Row, Source, cut
from m2v_onnx.system.text_files import parse_json, read_lines

_MOST_FIELD_CHARACTERS = 1 << 24

# The names of the columns, None where each record has its own; each record's text, and what is kept of it.
_Table = tuple[list[str] | None, Iterator[tuple[str | None, Row]]]


def read_line_blocks(source: Source) -> Iterator[Block]:
    """Give the records of a text file; memory does not grow with it.

    Raises:
        ArgumentError: for a file that is missing, empty or not UTF-8, and for a line without a column that is
            wanted; the message names the line.
    """
    sizes: list[int] = []
    lines = read_lines(source.path, error=ArgumentError, advance=sizes.append)
    read: dict[str, Callable[[Iterator[str], Source], _Table]] = {
        "jsonl": lambda lines, source: (None, _read_jsonl(lines, source)),
        "csv": _read_table,
        "tsv": _read_table,
    }
    header, records = read.get(source.format, _read_txt)(_filled(lines, source), source)
    return cut(_with_sizes(records, sizes), source, header)


def _filled(lines: Iterator[str], source: Source) -> Iterator[str]:
    is_empty = True
    for line in lines:
        is_empty = False
        yield line
    if is_empty:
        raise ArgumentError(f"expected texts in {source.path}, found an empty file")


def _with_sizes(
    records: Iterator[tuple[str | None, Row]], sizes: list[int]
) -> Iterator[tuple[str | None, Row, int]]:
    for text, row in records:
        yield text, row, sum(sizes)
        sizes.clear()


def _read_txt(lines: Iterator[str], source: Source) -> _Table:
    name = source.text_column
    is_kept = source.columns is None or name in source.columns
    source.check_names([name], str(source.path))
    texts = (line.removesuffix("\n").removesuffix("\r") for line in lines)
    return [name] if is_kept else [], ((text, {name: text} if is_kept else {}) for text in texts)


def json_objects(lines: Iterator[str], path: Path) -> Iterator[tuple[str, Row]]:
    """Give the object of each line that is not blank, behind its place for messages.

    Raises:
        ArgumentError: for a line that holds something else.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            place = f"line {number} of {path}"
            row = parse_json(line, place, error=ArgumentError)
            if not isinstance(row, dict):
                raise ArgumentError(f"expected a JSON object in {place}, found {row!r:.60}: mend the line")
            yield place, row


def _read_jsonl(lines: Iterator[str], source: Source) -> Iterator[tuple[str | None, Row]]:
    column, columns = source.text_column, source.columns
    for place, row in json_objects(lines, source.path):
        if column not in row or not isinstance(row[column], str | None):
            found = repr(row[column]) if column in row else f"the fields {', '.join(row) or 'none'}"
            raise ArgumentError(
                f"expected a string in field {column!r} in {place}, found {found:.200}: name the field with "
                "--text-column"
            )
        check_unicode(row[column], f"field {column!r} in {place}")
        yield row[column], row if columns is None else _keep(row, columns, place)


def check_unicode(text: object, place: str) -> None:
    """Refuse a text of JSON that holds half of a character, which has no form in UTF-8.

    Raises:
        ArgumentError: naming the place.
    """
    try:
        if isinstance(text, str):
            text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"expected valid Unicode in {place}, found a lone surrogate at character {error.start}: mend the "
            "line"
        ) from error


def _keep(row: Row, columns: tuple[str, ...], place: str) -> Row:
    try:
        return {name: row[name] for name in columns}
    except KeyError as error:
        raise ArgumentError(
            f"expected a field {error.args[0]!r} in {place}, found {', '.join(row)}: name others "
            "with --columns"
        ) from error


def table_rows(lines: Iterator[str], path: Path, *, separator: str = ",") -> Iterator[tuple[str, list[str]]]:
    """Give the fields of each row that is not blank, the names of the columns first, behind its place.

    Args:
        lines: of the file.
        path: the file, for messages.
        separator: a comma, where quotes are as RFC 4180 says; a tab, where there are none.

    Raises:
        ArgumentError: for a row with fewer or more fields than there are names.
    """
    if separator == "\t":
        reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, delimiter=separator, strict=True)
    n_fields: int | None = None
    while True:
        line = reader.line_num + 1
        try:
            with _long_fields():
                row = next(reader, None)
        except csv.Error as error:
            raise _bad_row(path, line, separator, error) from error
        if row is None:
            return
        if not row:
            continue
        if len(row) != (n_fields := n_fields or len(row)):
            raise ArgumentError(
                f"expected {n_fields} fields in line {line} of {path}, found {len(row)}: mend the line; in "
                ".csv, quote what holds a comma"
            )
        yield f"line {line} of {path}", row


def _bad_row(path: Path, line: int, separator: str, error: csv.Error) -> ArgumentError:
    if "new-line" in str(error):  # with advice for callers of csv
        remedy = "" if separator == "\t" else ", or put quotes around the field"
        return ArgumentError(
            f"expected lines that end in a line feed in {path}, found a carriage return that stands alone in "
            f"the row of line {line}: make it a line feed or a space{remedy}"
        )
    remedy = "" if separator == "\t" else "; a quote may be open"
    return ArgumentError(
        f"expected a table in {path}, found {error} in the row of line {line}: mend it{remedy}"
    )


def _read_table(lines: Iterator[str], source: Source) -> _Table:
    rows = table_rows(lines, source.path, separator="\t" if source.format == "tsv" else ",")
    _, names = next(rows, ("", []))
    source.check_names(names, str(source.path))
    place = names.index(source.text_column)
    header = names if source.columns is None else list(source.columns)
    kept = [(name, names.index(name)) for name in header]
    return header, ((row[place], {name: row[index] for name, index in kept}) for _, row in rows)


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let csv take long texts while a row is read: its limit is one for the whole process."""
    before = csv.field_size_limit(_MOST_FIELD_CHARACTERS)
    try:
        yield
    finally:
        csv.field_size_limit(before)
