"""Columns of a table of texts: .csv, .tsv, .jsonl or .parquet."""

from __future__ import annotations

import csv
import importlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from m2v_onnx.errors import ArgumentError, MissingExtraError
from m2v_onnx.system.text_files import parse_json, read_lines

_MOST_FIELD_CHARACTERS = 1 << 24


def read_columns(
    path: Path, names: Mapping[str, str], *, filled: Collection[str] = ()
) -> dict[str, list[Any]]:
    """Give columns of a file, as they stand there.

    `.csv` has quotes as RFC 4180 says, `.tsv` has none, both begin with a line of names; `.jsonl` has an
    object a line; `.parquet` needs pyarrow. The first three may be compressed by gzip (`.csv.gz`).

    Args:
        path: the file.
        names: the columns to give, each with the option that names it.
        filled: those in which an empty text is no value.

    Returns:
        A list for each column, all of one length, 1 at least.

    Raises:
        ArgumentError: for a missing column or value, naming the line, and for a file without rows.
    """
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    readers = {".csv": _read_csv, ".tsv": _read_tsv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    if suffix not in readers:
        raise ArgumentError(
            f"expected a file that ends in {', '.join(readers)}, found {path}: name its kind in its ending"
        )
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for place, row in readers[suffix](path):
        for name, option in names.items():
            value = row.get(name)
            if name not in row:
                raise ArgumentError(
                    f"expected a column {name!r} in {place}, found {', '.join(map(str, row)) or 'none'}: "
                    f"name one of these with {option}"
                )
            if value is None or (value == "" and name in filled):
                raise ArgumentError(
                    f"expected a value for column {name!r} in {place}, found none: mend or drop the row"
                )
            columns[name].append(value)
    if not all(columns.values()):
        raise ArgumentError(f"expected rows in {path}, found none: there is nothing to learn from")
    return columns


def split_labels(values: Sequence[Any], separator: str) -> list[list[Any]]:
    """Give lists of labels: text is split at a separator, lists stay as they are.

    >>> split_labels(["a; b", "", ["c"]], ";")
    [['a', 'b'], [], ['c']]
    """
    return [
        [part.strip() for part in value.split(separator) if part.strip()] if isinstance(value, str) else value
        for value in values
    ]


def to_numbers(values: Sequence[Any], path: Path) -> list[float]:
    """Read a column of numbers.

    Raises:
        ArgumentError: naming the row of the first value that is none.
    """
    numbers = []
    for row, value in enumerate(values):
        try:
            numbers.append(float(value))
        except (TypeError, ValueError):
            raise ArgumentError(
                f"expected a number as value of row {row} of {path}, found {value!r:.40}: mend the row"
            ) from None
    return numbers


def _read_csv(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    lines = read_lines(path, error=ArgumentError)
    yield from _rows(csv.reader(lines, strict=True), path)


def _read_tsv(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    lines = read_lines(path, error=ArgumentError)
    yield from _rows(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), path)


def _rows(reader: Any, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:  # noqa: ANN401  # _csv.Reader
    """Give each row with its place."""
    limit = csv.field_size_limit(_MOST_FIELD_CHARACTERS)
    try:
        header: list[str] = next(reader, [])
        line = reader.line_num + 1
        for fields in reader:
            place = f"line {line} of {path}"
            if fields and len(fields) != len(header):
                raise ArgumentError(
                    f"expected {len(header)} fields in {place}, found {len(fields)}: mend the line; in .csv, "
                    "quote what holds a comma"
                )
            if fields:
                yield place, dict(zip(header, fields, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ArgumentError(
            f"expected a table in {path}, found {error} near line {reader.line_num}: mend it; a quote may be "
            "open"
        ) from error
    finally:
        csv.field_size_limit(limit)


def _read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(read_lines(path, error=ArgumentError), 1):
        if not line.strip():
            continue
        place = f"line {number} of {path}"
        row = parse_json(line, place, error=ArgumentError)
        if not isinstance(row, dict):
            raise ArgumentError(f"expected a JSON object in {place}, found {line!r:.40}: mend the line")
        yield place, row


def _read_parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtraError("pyarrow", "arrow") from error
    try:
        table = parquet.read_table(path)
    except (OSError, ValueError) as error:
        raise ArgumentError(f"expected a Parquet file at {path}, found {error}: check the path") from error
    for number, row in enumerate(table.to_pylist()):
        yield f"row {number} of {path}", row
