"""A column of texts to a column of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from m2v_onnx.errors import ArgumentError, check_choice, check_positive, require_module
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.static_model import StaticModel
from m2v_onnx.system.cores import count_cores
from m2v_onnx.system.records.block import BLOCK_RECORDS
from m2v_onnx.system.side_by_side import map_side_by_side

if TYPE_CHECKING:
    import pyarrow as pa

Nulls = Literal["zeros", "null"]


def embed_arrow(
    model: StaticModel,
    column: pa.Array | pa.ChunkedArray,
    *,
    n_threads: int | None = None,
    nulls: Nulls = "zeros",
) -> pa.FixedSizeListArray:
    """Embed a column of texts.

    Needs the extra `arrow`. The vectors are those of `StaticModel.encode`.

    Args:
        model: what embeds.
        column: texts, as string, large_string, string_view, or a dictionary of these.
        n_threads: as for `StaticModel.encode`; 1 where an engine has workers of its own.
        nulls: what a null becomes: a vector of zeros, as "" does, or a null. Many readers cannot read a null
            in a fixed-size list that lies in Parquet.

    Returns:
        B lists of D float32, for B texts.

    Raises:
        ArgumentError: for a column of another type, which is named, and for bytes that are no UTF-8.
        MissingExtraError: when pyarrow is not installed.
        FolderError: as for `StaticModel.encode`.
    """
    require_module("pyarrow", package="pyarrow", extra="arrow")
    import pyarrow as pa  # an extra, as for all that looks into a column

    from m2v_onnx.system.records.arrow_texts import as_lists, is_text, plain

    check_choice("nulls", nulls, ("zeros", "null"))
    check_positive(n_threads=n_threads)
    if not isinstance(column, pa.Array | pa.ChunkedArray):
        raise ArgumentError(
            f"column must be a pyarrow Array or ChunkedArray, found {type(column).__name__}: pass a column, "
            "such as table['text'] or series.to_arrow()"
        )
    if not is_text(column.type):
        raise ArgumentError(
            f"column must hold texts, found {column.type}: pass another, or cast it to string"
        )
    is_null = None
    if nulls == "null":
        is_null = np.asarray(plain(column).is_null())
    return as_lists(_embed(model, column, n_threads or count_cores()), is_null)


def _embed(model: StaticModel, column: pa.Array | pa.ChunkedArray, n_threads: int) -> Vectors:
    if len(column) <= BLOCK_RECORDS:
        return model.encode(_texts(column, 0), n_threads=n_threads)
    vectors: Vectors = np.empty((len(column), model.dim), np.float32)

    def embed(start: int) -> None:
        texts = _texts(column.slice(start, BLOCK_RECORDS), start)
        vectors[start : start + BLOCK_RECORDS] = model.encode(texts, n_threads=1)

    starts = range(0, len(column), BLOCK_RECORDS)
    for _ in map_side_by_side(embed, starts, n_workers=min(n_threads, len(starts))):
        pass
    return vectors


def _texts(column: pa.Array | pa.ChunkedArray, start: int) -> list[str]:
    from m2v_onnx.system.records.arrow_texts import texts_of  # pyarrow is an extra

    try:
        return texts_of(column)[0]
    except UnicodeDecodeError as error:
        raise ArgumentError(
            f"column must hold UTF-8, found other bytes in rows {start:,} to {start + len(column):,} "
            f"({error.reason}): decode it anew"
        ) from error
