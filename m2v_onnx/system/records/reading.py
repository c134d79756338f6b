"""Any file of records, block by block: memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from m2v_onnx.errors import ArgumentError, require_module
from m2v_onnx.system.progress import Advance
from m2v_onnx.system.records.block import Block, Source
from m2v_onnx.system.records.formats import TEXT_FORMATS, find_input_format
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
        path: `.parquet`, `.arrow`, `.jsonl`, `.csv`, `.tsv`, or `.txt` with a text a line, the last four also
            `.gz`; `-` for standard input, which holds a text a line.
        column: the field or column that holds the text.
        advance: called now and then with the number of bytes read since.

    Raises:
        ArgumentError: at once for a file that is not there, and for an unknown suffix; further, while texts
            are taken, those of `read_blocks`.
        MissingExtraError: see `read_blocks`.
    """
    return _texts(Source(path, find_input_format(path), column, columns=()), advance)


def _texts(source: Source, advance: Advance | None) -> Iterator[str]:
    for block in read_blocks(source):
        yield from block.texts
        if advance is not None:
            advance(block.n_bytes)
