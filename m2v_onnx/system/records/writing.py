"""Records with their vectors, to any format, while they come."""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import numpy.typing as npt

from m2v_onnx.errors import ArgumentError, require_module
from m2v_onnx.system.records.block import Block, Row, Source
from m2v_onnx.system.records.formats import TEXT_FORMATS, Format
from m2v_onnx.system.records.npy import write_array

Dtype = Literal["float32", "float16"]
Pairs = Iterable[tuple[Block, npt.NDArray[Any]]]


@dataclass(frozen=True)
class Layout:
    """How vectors are written.

    Attributes:
        format: the format of the file.
        dtype: their number type.
        column: the column or field that they go to; an `.npy` file has none.
    """

    format: Format
    dtype: Dtype = "float32"
    column: str = "embedding"


def write_records(file: BinaryIO, pairs: Pairs, layout: Layout, *, dim: int, source: Source) -> None:
    """Write records, each with its vector behind what it holds.

    Parquet and Arrow get a fixed-size list; JSON lines a list, and CSV the same in a cell; lines of text hold
    the numbers alone. Numbers that are written out have nine digits, which give the same float32 again.

    Args:
        file: an open file; Parquet and Arrow need no place that can be sought.
        pairs: blocks of records, each with its (B, D) vectors.
        layout: how to write.
        dim: D.
        source: where the records are from; JSON lines are read once before, for the types of an Arrow file.

    Raises:
        ArgumentError: for records that the format cannot hold.
        MissingExtraError: for Parquet and Arrow where pyarrow is not installed.
    """
    typed = ((block, vectors.astype(layout.dtype, copy=False)) for block, vectors in pairs)
    if layout.format == "npy":
        write_array(file, (vectors for _, vectors in typed), dim=dim, dtype=layout.dtype)
    elif layout.format in TEXT_FORMATS:
        lines = {"jsonl": _json_lines, "csv": _csv_lines, "txt": _number_lines}[layout.format](
            typed, layout.column, dim
        )
        for line in lines:
            file.write(line)
    else:
        require_module("pyarrow", package="pyarrow", extra="arrow")
        from m2v_onnx.system.records.arrow_writing import write_arrow  # pyarrow is an extra

        write_arrow(file, typed, layout, dim=dim, source=source)


def _json_lines(pairs: Pairs, column: str, dim: int) -> Iterator[bytes]:
    numbers = _template(dim, ", ", "[{}]")
    name = json.dumps(column, ensure_ascii=False)
    for block, vectors in pairs:
        for row, vector in zip(_rows(block), vectors.tolist(), strict=True):
            start = _to_json(row, block)[:-1] + (", " if row else "")
            yield _encode(f"{start}{name}: {numbers % tuple(vector)}}}\n")


def _csv_lines(pairs: Pairs, column: str, dim: int) -> Iterator[bytes]:
    numbers = _template(dim, ", ", "[{}]")
    names: list[str] | None = None
    for block, vectors in pairs:
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        rows = _rows(block)
        if names is None:
            names = list(rows[0]) if block.header is None else block.header
            writer.writerow([*names, column])
        for row, vector in zip(rows, vectors.tolist(), strict=True):
            if row.keys() != set(names):
                raise ArgumentError(
                    f"expected the fields {', '.join(names)} in {block.place}, as before, found a record of "
                    f"{', '.join(row) or 'none'}: name those to keep with --columns, or write .jsonl"
                )
            cells = [_to_cell(row[name], block) for name in names]
            writer.writerow([*cells, numbers % tuple(vector)])
        yield _encode(buffer.getvalue())


def _number_lines(pairs: Pairs, _column: str, dim: int) -> Iterator[bytes]:
    numbers = _template(dim, " ", "{}\n")
    for _, vectors in pairs:
        for vector in vectors.tolist():
            yield (numbers % tuple(vector)).encode()


def _template(dim: int, separator: str, around: str) -> str:
    return around.format(separator.join(["%.9g"] * dim))


def _rows(block: Block) -> list[Row]:
    if isinstance(block.records, list):
        return block.records
    from m2v_onnx.system.records.arrow_values import to_rows  # pyarrow is an extra

    try:
        return to_rows(block.records)
    except (ValueError, OverflowError) as error:
        raise ArgumentError(
            f"expected values that Python can hold in {block.place}, found another ({error}): name the "
            "columns to keep with --columns, or write .parquet"
        ) from error


def _to_cell(value: object, block: Block) -> object:
    """Give what csv writes: a text as it is, nothing for a null, JSON for all else."""
    return value if isinstance(value, str | float | None) else _to_json(value, block).strip('"')


def _to_json(value: object, block: Block) -> str:
    try:
        try:
            return _dump(value)
        except ValueError:  # seldom, and slow to look for
            return _dump(_without_nan(value))
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"expected values that JSON has a form for in {block.place}, found another ({error}): name the "
            "columns to keep with --columns, or write .parquet"
        ) from error


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_to_text)


def _without_nan(value: Any) -> Any:  # noqa: ANN401  # what JSON holds
    """Give null for NaN and infinity, which JSON does not know, as other writers do."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _without_nan(part) for name, part in value.items()}
    return [_without_nan(part) for part in value] if isinstance(value, list | tuple) else value


def _to_text(value: Any) -> str:  # noqa: ANN401  # what Arrow's types give
    """Give a text for what JSON does not know: dates as ISO writes them, bytes by base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _encode(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:  # JSON may hold half of a character; that has no form in UTF-8, but in JSON
        return text.encode(errors="backslashreplace")
