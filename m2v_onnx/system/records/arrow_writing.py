"""Records with their vectors, to Parquet and Arrow. Needs pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from m2v_onnx.errors import ArgumentError
from m2v_onnx.system.output_file import is_regular_file
from m2v_onnx.system.records.arrow_reading import read_schema
from m2v_onnx.system.records.arrow_texts import as_lists
from m2v_onnx.system.records.block import Block, Source
from m2v_onnx.system.records.npy import let_go
from m2v_onnx.system.records.reading import read_blocks
from m2v_onnx.system.records.writing import Layout, Pairs
from m2v_onnx.system.text_files import STDIN

# What is gathered for a row group; a reader wants them large, and the memory small.
_GROUP_BYTES = 32 << 20
# What pyarrow raises for values of other types, for large numbers, and for half a character.
_MISFITS = (pa.ArrowException, OverflowError, UnicodeEncodeError)
# datasets keeps its own types here, and refuses a file with a column more.
_FOREIGN_METADATA = (b"huggingface",)


def write_arrow(file: BinaryIO, pairs: Pairs, layout: Layout, *, dim: int, source: Source) -> None:
    """Write Parquet or Arrow: see `write_records`.

    Vectors are written to Parquet without dictionary, statistics and compression: floats have nothing that
    these could use, and the first two cost as much as to encode the texts.

    Raises:
        ArgumentError: for records whose types do not fit, or that have such a column already.
    """
    schema, pairs = _find_schema(pairs, source)
    as_file = layout.format == "arrow" and is_regular_file(file)
    schema = _with_vectors(_without_dictionaries(schema) if as_file else schema, layout, dim)
    batches = (_to_batch(block, vectors, schema) for block, vectors in pairs)
    try:
        if layout.format == "parquet":
            _write_parquet(file, batches, schema, _settings(schema, source))
            return
        with (pa.ipc.new_file if as_file else pa.ipc.new_stream)(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ArgumentError(
            f"expected values that {layout.format} holds in {source.path}, found others ({error}): name the "
            "columns to keep with --columns, or write .jsonl"
        ) from error


def find_types(blocks: Iterable[Block]) -> pa.Schema:
    """Give the types that hold all rows of some blocks.

    Raises:
        ArgumentError: when there are none.
    """
    schema = pa.schema([])
    for block in blocks:
        try:
            found = pa.Table.from_pylist([dict.fromkeys(_names(block)), *block.records]).schema
            schema = pa.unify_schemas([schema, found], promote_options="permissive")
        except _MISFITS as error:
            raise _misfit(block, error) from error
    return schema


def _find_schema(pairs: Pairs, source: Source) -> tuple[pa.Schema, Pairs]:
    """Give the types of the records, from all of them where a file can be read twice."""
    if source.format in ("parquet", "arrow") and source.path.is_file():
        return read_schema(source), pairs
    if source.format == "jsonl" and source.path != STDIN and source.path.is_file():
        return find_types(read_blocks(source)), pairs
    rest = iter(pairs)
    first = next(rest, None)
    if first is None:
        return pa.schema([]), ()
    block = first[0]
    if not isinstance(block.records, list):
        schema = block.records.schema
    elif block.header is not None:
        schema = pa.schema([(name, pa.string()) for name in block.header])
    else:
        schema = find_types([block])
    return schema, chain([first], rest)


def _without_dictionaries(schema: pa.Schema) -> pa.Schema:
    """Give the types of plain values: an Arrow file holds one dictionary for all batches of a column."""
    kinds = [one.type.value_type if pa.types.is_dictionary(one.type) else one.type for one in schema]
    fields = [one.with_type(kind) for one, kind in zip(schema, kinds, strict=True)]
    return pa.schema(fields, schema.metadata)


def _with_vectors(schema: pa.Schema, layout: Layout, dim: int) -> pa.Schema:
    kind = pa.list_(pa.from_numpy_dtype(np.dtype(layout.dtype)), dim)
    kept = {key: value for key, value in (schema.metadata or {}).items() if key not in _FOREIGN_METADATA}
    return schema.append(pa.field(layout.column, kind)).with_metadata(kept)


def _write_parquet(
    file: BinaryIO, batches: Iterator[pa.RecordBatch], schema: pa.Schema, settings: dict[str, Any]
) -> None:
    group: list[pa.RecordBatch] = []
    with pq.ParquetWriter(file, schema, **settings) as writer:
        for batch in batches:
            group.append(batch)
            if sum(one.nbytes for one in group) >= _GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(group, schema))
                group.clear()
                if is_regular_file(file):
                    let_go(file)
        if group:
            writer.write_table(pa.Table.from_batches(group, schema))


def _settings(schema: pa.Schema, source: Source) -> dict[str, Any]:
    """Give how the columns are written: the last, the vectors, plain, and the others as pyarrow does.

    Raises:
        ArgumentError: for a column of a type that Parquet does not hold.
    """
    *others, vectors = [path for field in schema for path in _leaves(field, source)]
    return {
        "use_dictionary": others or False,
        "write_statistics": others or False,
        "compression": {**dict.fromkeys(others, "SNAPPY"), vectors: "NONE"},
    }


def _leaves(field: pa.Field, source: Source) -> list[str]:
    """Give the paths of a column's values in Parquet: a struct has one for each of its fields."""
    written = pa.BufferOutputStream()
    try:
        pq.write_table(pa.schema([field]).empty_table(), written)
    except pa.ArrowException as error:
        raise ArgumentError(
            f"expected types that Parquet holds in {source.path}, found {field.type} in column "
            f"{field.name!r}: name the columns to keep with --columns, or write .jsonl"
        ) from error
    leaves = pq.ParquetFile(written.getvalue()).schema
    return [leaves.column(index).path for index in range(len(leaves))]


def _to_batch(block: Block, vectors: npt.NDArray[Any], schema: pa.Schema) -> pa.RecordBatch:
    records = block.records
    if isinstance(records, list):
        types = schema.remove(len(schema) - 1)
        more = [name for name in _names(block) if name not in types.names]
        if more:
            raise ArgumentError(
                f"expected the fields {', '.join(types.names)} in {block.place}, as before, found "
                f"{', '.join(more)} too: name those to keep with --columns, or write .jsonl"
            )
        try:
            records = pa.RecordBatch.from_pylist(records, types)
        except _MISFITS as error:
            raise _misfit(block, error) from error
    columns = [
        column if column.type == field.type else column.dictionary_decode()
        for column, field in zip(records.columns, schema, strict=False)
    ]
    columns = [*columns, as_lists(np.ascontiguousarray(vectors))]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _names(block: Block) -> list[str]:
    """Give the fields of a block's rows in the order of their appearance."""
    return list(dict.fromkeys(name for row in block.records for name in row))


def _misfit(block: Block, error: Exception) -> ArgumentError:
    return ArgumentError(
        f"expected values of one type in each field in {block.place}, found others ({error}): name the "
        "columns to keep with --columns, or write .jsonl"
    )
