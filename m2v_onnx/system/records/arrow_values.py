"""Values of Arrow columns as Python's. Needs pyarrow."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from m2v_onnx.system.records.block import Row


def to_rows(batch: pa.RecordBatch) -> list[Row]:
    """Give a dictionary for each row; times that Python cannot hold are texts, as ISO 8601 writes them.

    Python's times have microseconds, and years from 1 to 9999.

    Raises:
        ValueError: for bytes that are no UTF-8.

    >>> to_rows(pa.record_batch({"when": pa.array([1], pa.timestamp("ns"))}))
    [{'when': '1970-01-01T00:00:00.000000001'}]
    """
    rows: list[Row]
    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError):
        columns = [[_to_python(value) for value in column] for column in batch.columns]
        rows = [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]
    return rows


def _to_python(value: pa.Scalar) -> Any:  # noqa: ANN401  # what Arrow's types give
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        if isinstance(value, pa.StructScalar):
            return {name: _to_python(part) for name, part in value.items()}
        if isinstance(value, pa.MapScalar):
            return [tuple(map(_to_python, entry.values())) for entry in value.values]
        if isinstance(value, pa.ListScalar):
            return [_to_python(part) for part in value.values]
        inner = getattr(value, "value", None)  # of dictionaries, unions, and types of other people
        if isinstance(inner, pa.Scalar):
            return _to_python(inner)
        if not pa.types.is_temporal(value.type):
            raise
        return _time_to_text(value)


def _time_to_text(value: pa.Scalar) -> str:
    kind = value.type
    if pa.types.is_duration(kind):
        return f"{value.value} {kind.unit}"
    if not pa.types.is_timestamp(kind):
        return str(value.cast(pa.string()).as_py())
    text = str(value.cast(pa.timestamp(kind.unit)).cast(pa.string()).as_py())  # in UTC
    return text if text.startswith("<") else text.replace(" ", "T") + ("Z" if kind.tz else "")
