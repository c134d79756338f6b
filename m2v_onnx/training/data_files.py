"""Columns of a table of texts: .csv, .tsv, .jsonl or .parquet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from m2v_onnx.errors import ArgumentError
from m2v_onnx.system.records.block import Source, check_columns
from m2v_onnx.system.records.formats import check_there
from m2v_onnx.system.records.lines import check_unicode, json_objects, table_rows
from m2v_onnx.system.records.reading import read_blocks
from m2v_onnx.system.text_files import read_lines

# The place of each row, for messages, and its values.
_Rows = Iterator[tuple[str, list[Any]]]


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
    readers = {".csv": _read_table, ".tsv": _read_table, ".jsonl": _read_jsonl, ".parquet": _read_parquet}
    check_there(path)
    if suffix not in readers:
        raise ArgumentError(
            f"expected a file that ends in {', '.join(readers)}, found {path}: name its kind in its ending"
        )
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for place, values in readers[suffix](path, names):
        for name, value in zip(names, values, strict=True):
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


def _read_table(path: Path, names: Mapping[str, str]) -> _Rows:
    separator = "\t" if path.name.removesuffix(".gz").endswith(".tsv") else ","
    rows = table_rows(read_lines(path, error=ArgumentError), path, separator=separator)
    _, header = next(rows, ("", None))
    if header is None:
        return
    check_columns(header, names, str(path))
    indices = [header.index(name) for name in names]
    for place, fields in rows:
        yield place, [fields[index] for index in indices]


def _read_jsonl(path: Path, names: Mapping[str, str]) -> _Rows:
    for place, row in json_objects(read_lines(path, error=ArgumentError), path):
        check_columns(list(row), names, place)
        for name in names:
            check_unicode(row[name], f"field {name!r} in {place}")
        yield place, [row[name] for name in names]


def _read_parquet(path: Path, names: Mapping[str, str]) -> _Rows:
    number = 0
    for block in read_blocks(Source(path, "parquet", next(iter(names)), tuple(names), names)):
        records: Any = block.records  # a pyarrow.RecordBatch
        for values in zip(*(records.column(name).to_pylist() for name in names), strict=True):
            number += 1
            yield f"row {number} of {path}", list(values)
