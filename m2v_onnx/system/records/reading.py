"""Any file of records, block by block: memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from m2v_onnx.errors import ArgumentError, require_module
from m2v_onnx.system.progress import Advance
from m2v_onnx.system.records.block import Block, Source
from m2v_onnx.system.records.formats import TEXT_FORMATS, find_format
from m2v_onnx.system.records.lines import read_line_blocks


def read_blocks(source: Source) -> Iterator[Block]:
    """Give the records of a file in blocks of up to 8,192.

    Raises:
        ArgumentError: for a file that cannot be read, a column that is missing, and texts that are none; the
            message names the file and the line, or the row group.
        MissingExtraError: for Parquet and Arrow where pyarrow is not installed.
    """
    if source.format in TEXT_FORMATS:
        return read_line_blocks(source)
    if source.format == "npy":
        raise ArgumentError(
            f"expected a file of texts, found {source.path}, which holds numbers: name another"
        )
    require_module("pyarrow", package="pyarrow", extra="arrow")
    from m2v_onnx.system.records.arrow_reading import read_arrow_blocks  # pyarrow is an extra

    return read_arrow_blocks(source)


def read_texts(path: Path, *, column: str = "text", advance: Advance | None = None) -> Iterator[str]:
    """Give the texts of a file, one by one; of a null, "".

    Args:
        path: `.parquet`, `.arrow`, `.jsonl`, `.csv`, or `.txt` with a text a line, the last three also `.gz`;
            `-` for standard input, which holds a text a line.
        column: the field or column that holds the text.
        advance: called now and then with the number of bytes read since.

    Raises:
        ArgumentError: for an unknown suffix; further those of `read_blocks`.
        MissingExtraError: see `read_blocks`.
    """
    found = find_format(path, otherwise="txt")
    for block in read_blocks(Source(path, found, column, columns=())):
        yield from block.texts
        if advance is not None:
            advance(block.n_bytes)
