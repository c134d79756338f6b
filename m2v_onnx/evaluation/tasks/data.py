"""Reading the files of tasks: TSV with a header line, and BEIR's JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from m2v_onnx.errors import DataError
from m2v_onnx.system.text_files import parse_json, read_lines

_FIRST_ROW_LINE = 2


def read_header(path: Path) -> list[str]:
    """Give the names of a TSV file's columns."""
    return next(_lines(path), "").split("\t")


def read_columns(path: Path, names: Sequence[str]) -> list[list[str]]:
    """Give columns of a TSV file as they stand there: no quotes, no comments, no blank lines.

    Args:
        path: UTF-8 text, one row a line, the first line names the columns.
        names: the columns to give.

    Returns:
        A list for each name, all of one length, which is 1 at least.

    Raises:
        DataError: for a missing column, or a line with more or fewer fields than the header.
    """
    lines = _lines(path)
    header = next(lines, "").split("\t")
    missing = [name for name in names if name not in header]
    if missing:
        raise DataError(
            f"expected the columns {', '.join(names)} in {path}, found no {', '.join(missing)} among "
            f"{', '.join(header)}: name them in the first line, with tabs between"
        )
    places = [header.index(name) for name in names]
    columns: list[list[str]] = [[] for _ in names]
    for number, line in enumerate(lines, start=_FIRST_ROW_LINE):
        fields = line.split("\t")
        if len(fields) != len(header):
            raise DataError(
                f"expected {len(header)} fields with tabs between in line {number} of {path}, found "
                f"{len(fields)}: {line!r:.60}; mend the line"
            )
        for column, place in zip(columns, places, strict=True):
            column.append(fields[place])
    require(len(columns[0]) > 0, path, "a row below the header")
    return columns


def parse_numbers(values: Sequence[str], path: Path) -> list[float]:
    """Read a column of numbers.

    Raises:
        DataError: naming the line of the first value that is none.
    """
    numbers = []
    for number, value in enumerate(values, start=_FIRST_ROW_LINE):
        try:
            numbers.append(float(value))
        except ValueError:
            raise DataError(
                f"expected a number in line {number} of {path}, found {value!r:.40}: mend the line"
            ) from None
    return numbers


def parse_labels(values: Sequence[str], path: Path) -> list[bool]:
    """Read a column of 0 and 1.

    Raises:
        DataError: naming the line of the first value that is neither.
    """
    for number, value in enumerate(values, start=_FIRST_ROW_LINE):
        if value not in ("0", "1"):
            raise DataError(f"expected 0 or 1 in line {number} of {path}, found {value!r:.40}: mend the line")
    return [value == "1" for value in values]


def read_documents(path: Path) -> dict[str, str]:
    """Give the texts of a BEIR file by their ids; a title stands before its text.

    Raises:
        DataError: for a line without an object that has strings `_id` and `text`, or with an id twice.
    """
    documents: dict[str, str] = {}
    for number, line in enumerate(_lines(path), start=1):
        entry = parse_json(line, f"line {number} of {path}", error=DataError)
        try:
            identifier, title, text = entry["_id"], entry.get("title") or "", entry["text"]
            document = f"{title} {text}".strip()
            if identifier in documents or not isinstance(identifier, str) or not isinstance(text, str):
                raise ValueError(f"the id {identifier!r}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"expected a JSON object with a new string _id and a string text in line {number} of {path}, "
                f"found {line!r:.60} ({error}): mend the line"
            ) from error
        documents[identifier] = document
    require(len(documents) > 0, path, "a document")
    return documents


def line_of(index: int) -> int:
    """Give the line of a file in which the row of an index stands.

    >>> line_of(0)
    2
    """
    return index + _FIRST_ROW_LINE


def require(is_enough: bool, path: Path, what: str) -> None:  # noqa: FBT001  # it is the assertion itself
    """Refuse a file that holds nothing to score.

    Raises:
        DataError: naming the file and what it should hold.
    """
    if not is_enough:
        raise DataError(f"expected {what} in {path}, found none: there is nothing to score; mend the file")


def _lines(path: Path) -> Iterator[str]:
    return (line.rstrip("\r\n") for line in read_lines(path, error=DataError))
