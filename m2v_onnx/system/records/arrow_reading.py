"""Records of Parquet and Arrow files, by batches. Needs pyarrow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from m2v_onnx.errors import ArgumentError
from m2v_onnx.system.records.arrow_texts import is_text, texts_of
from m2v_onnx.system.records.block import BLOCK_CHARACTERS, BLOCK_RECORDS, Block, Source
from m2v_onnx.system.text_files import STDIN

_READ_BYTES = 1 << 20
_MAGIC = b"ARROW1"


def read_arrow_blocks(source: Source) -> Iterator[Block]:
    """Give the records of a Parquet or Arrow file, with a RecordBatch for each block.

    Raises:
        ArgumentError: naming the file and the row group or batch that cannot be read, or the column and type.
    """
    return _read_parquet(source) if source.format == "parquet" else _read_ipc(source)


def read_schema(source: Source) -> pa.Schema:
    """Give the types of the columns to keep of a Parquet or Arrow file.

    Raises:
        ArgumentError: as for `read_arrow_blocks`.
    """
    with _named(str(source.path)):
        if source.format == "parquet":
            with _open_parquet(source) as file:
                return _kept(file.schema_arrow, source)
        with _open_ipc(source) as reader:
            return _kept(reader.schema, source)


def _read_parquet(source: Source) -> Iterator[Block]:
    with _named(str(source.path)):
        file = _open_parquet(source)
    with file:
        kept = _kept(file.schema_arrow, source)
        columns = list(dict.fromkeys([*kept.names, source.text_column]))
        row_bytes = source.path.stat().st_size / max(1, file.metadata.num_rows)
        for group in range(file.num_row_groups):
            place = f"row group {group} of {source.path}"
            found = file.metadata.row_group(group)
            share = found.total_byte_size / max(1, found.num_rows)
            with _named(place):
                batches = file.iter_batches(
                    min(BLOCK_RECORDS, max(1, int(BLOCK_CHARACTERS / max(1, share)))), [group], columns
                )
            yield from _blocks(batches, kept, source, place, row_bytes)
        if file.metadata.num_rows == 0:
            yield _empty(kept, source)


def _read_ipc(source: Source) -> Iterator[Block]:
    with _named(str(source.path)):
        reader = _open_ipc(source)
    with reader:
        kept = _kept(reader.schema, source)
        batches = iter(reader) if isinstance(reader, pa.RecordBatchStreamReader) else _batches_of(reader)
        n_records = 0
        for block in _blocks(_sliced(batches), kept, source, str(source.path)):
            n_records += len(block)
            yield block
        if n_records == 0:
            yield _empty(kept, source)


def _empty(kept: pa.Schema, source: Source) -> Block:
    """Give the columns of a file without records."""
    return Block([], 0, pa.RecordBatch.from_pylist([], kept), kept.names, str(source.path), 0)


def _batches_of(reader: pa.RecordBatchFileReader) -> Iterator[pa.RecordBatch]:
    for index in range(reader.num_record_batches):
        yield reader.get_batch(index)


def _sliced(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        share = batch.nbytes / max(1, len(batch))
        size = min(BLOCK_RECORDS, max(1, int(BLOCK_CHARACTERS / max(1, share))))
        yield from (batch.slice(start, size) for start in range(0, len(batch), size))


def _blocks(
    batches: Iterator[pa.RecordBatch],
    kept: pa.Schema,
    source: Source,
    place: str,
    row_bytes: float | None = None,
) -> Iterator[Block]:
    while True:
        with _named(place):
            batch = next(batches, None)
        if batch is None:
            return
        with _named(f"column {source.text_column!r} of {place}"):
            texts, n_nulls = texts_of(batch.column(source.text_column))
        records = batch.select(kept.names).replace_schema_metadata(kept.metadata)
        size = batch.nbytes if row_bytes is None else int(len(batch) * row_bytes)
        yield Block(texts, n_nulls, records, kept.names, place, size)


def _kept(schema: pa.Schema, source: Source) -> pa.Schema:
    """Give the columns to keep.

    Raises:
        ArgumentError: for a column that is missing, and for one of texts that holds none.
    """
    source.check_names(schema.names, str(source.path))
    found = schema.field(source.text_column).type
    if not is_text(found):
        raise ArgumentError(
            f"expected texts in column {source.text_column!r} of {source.path}, found {found}: name another "
            "with --text-column"
        )
    names = schema.names if source.columns is None else source.columns
    return pa.schema([schema.field(name) for name in names], schema.metadata)


def _open_parquet(source: Source) -> pq.ParquetFile:
    if source.path == STDIN:
        raise ArgumentError(
            "expected a Parquet file, which is read from its end, found standard input: name it"
        )
    return pq.ParquetFile(source.path, buffer_size=_READ_BYTES, page_checksum_verification=True)


def _open_ipc(source: Source) -> pa.RecordBatchFileReader | pa.RecordBatchStreamReader:
    if source.path == STDIN:
        return pa.ipc.open_stream(sys.stdin.buffer)
    if not source.path.is_file():
        return pa.ipc.open_stream(source.path.open("rb"))
    with source.path.open("rb") as file:
        is_file = file.read(len(_MAGIC)) == _MAGIC
    mapped = pa.memory_map(str(source.path))
    return pa.ipc.open_file(mapped) if is_file else pa.ipc.open_stream(mapped)


@contextmanager
def _named(place: str) -> Iterator[None]:
    """Turn what pyarrow raises in the block into an error of ours."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArgumentError(
            f"expected to read {place}, found {said:.300}: check the file, or write it again"
        ) from error
