"""Columns of a table of texts: .csv, .tsv, .jsonl, .parquet or .arrow."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from m2v_onnx.errors import ArgumentError
from m2v_onnx.system.records.block import Source, check_columns
from m2v_onnx.system.records.formats import Format, check_there
from m2v_onnx.system.records.lines import check_unicode, json_objects, table_rows
from m2v_onnx.system.records.reading import read_blocks
from m2v_onnx.system.text_files import read_lines

# What is learned from larger ones would not fit into a head, see MOST_VALUE.
MOST_NUMBER = 1e25
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
# The place of each row, for messages, and its values.
_Rows = Iterator[tuple[str, list[Any]]]


def read_columns(
    path: Path, names: Mapping[str, str], *, convert: Callable[[str, Any], Any] | None = None
) -> dict[str, list[Any]]:
    """Give columns of a file.

    `.csv` has quotes as RFC 4180 says, `.tsv` has none, both begin with a line of names; `.jsonl` has an
    object a line; `.parquet` and `.arrow` need pyarrow. Others may be compressed by gzip (`.csv.gz`).

    Args:
        path: the file.
        names: the columns to give, each with the option that names it.
        convert: makes of a column's name and a value what is given; its ValueError says what was expected.
            None for texts.

    Returns:
        A list for each column, all of one length, 1 at least.

    Raises:
        ArgumentError: for a missing column or value, and one of another kind, naming the line; for a file
            without rows.
    """
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    readers: dict[str, Callable[[Path, Mapping[str, str]], _Rows]] = {
        ".csv": _read_table,
        ".tsv": partial(_read_table, separator="\t"),
        ".jsonl": _read_jsonl,
        ".parquet": partial(_read_arrow, kind="parquet"),
        ".arrow": partial(_read_arrow, kind="arrow"),
    }
    check_there(path)
    if suffix not in readers:
        raise ArgumentError(
            f"expected a file that ends in {', '.join(readers)}, found {path}: name its kind in its ending"
        )
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for place, values in readers[suffix](path, names):
        for name, value in zip(names, values, strict=True):
            try:
                columns[name].append((convert or _to_text)(name, value))
            except ValueError as error:
                found = "none" if value in (None, "") else f"{value!r:.40}"
                raise ArgumentError(
                    f"expected {error} for column {name!r} in {place}, found {found}: mend or drop the row"
                ) from None
    if not all(columns.values()):
        raise ArgumentError(f"expected rows in {path}, found none: there is nothing to learn from")
    return columns


def to_text(value: object) -> str:
    """Give a text.

    Raises:
        ValueError: for anything else, saying what was expected.
    """
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def to_label(value: object) -> object:
    """Give a single label: a text without the spaces around it, or what is no text.

    Raises:
        ValueError: for none, several, and numbers with a fraction, saying what was expected.
    """
    label = value.strip() if isinstance(value, str) else value
    if label is None or label == "":
        raise ValueError("a label")
    if isinstance(label, list):
        raise ValueError("one label (--multi-label takes several)")
    if isinstance(label, float):
        raise ValueError("a text or a whole number (--regression takes numbers)")
    if not isinstance(label, str | int):
        raise ValueError("a text or a whole number")
    return label


def to_labels(value: object, separator: str) -> list[Any]:
    """Give a list of labels: text is a list of JSON, or is split at a separator.

    >>> to_labels("a; b", ";"), to_labels("", ";"), to_labels(["c"], ";"), to_labels('["a", "b"]', ";")
    (['a', 'b'], [], ['c'], ['a', 'b'])

    Raises:
        ValueError: for anything else than texts and lists of labels, saying what was expected.
    """
    if isinstance(value, str) and value.strip()[:1] == "[":
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(f"labels with {separator!r} between them, or a list of JSON") from None
    if isinstance(value, str):
        return [part.strip() for part in value.split(separator) if part.strip()]
    if not isinstance(value, list):
        raise ValueError("a text or a list of labels")
    return [to_label(label) for label in value]


def is_number(text: str) -> bool:
    """Tell whether a text is a number, written with digits of ASCII and a point.

    >>> is_number("-2.5e3"), is_number("2,5"), is_number("nan")
    (True, False, False)
    """
    return _NUMBER.fullmatch(text) is not None


def to_number(value: object) -> float:
    """Give a number that float32 holds.

    Raises:
        ValueError: for anything else, saying what was expected.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and is_number(value.strip()):
        number = float(value)
    else:
        raise ValueError("a number")
    if not abs(number) <= MOST_NUMBER:
        raise ValueError(f"a number of up to {MOST_NUMBER:.1e}")
    return float(number)


def _to_text(_name: str, value: object) -> str:
    return to_text(value)


def _read_table(path: Path, names: Mapping[str, str], *, separator: str = ",") -> _Rows:
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


def _read_arrow(path: Path, names: Mapping[str, str], *, kind: Format) -> _Rows:
    number = 0
    for block in read_blocks(Source(path, kind, next(iter(names)), tuple(names), names)):
        records: Any = block.records  # a pyarrow.RecordBatch
        for values in zip(*(records.column(name).to_pylist() for name in names), strict=True):
            number += 1
            yield f"row {number} of {path}", list(values)
