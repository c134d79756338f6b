"""Arrow columns: texts out, vectors in. Needs pyarrow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from m2v_onnx.system.records.block import without_nulls


def is_text(kind: pa.DataType) -> bool:
    """Tell whether a column of this type holds texts, or nothing but nulls.

    >>> is_text(pa.large_string()), is_text(pa.dictionary(pa.int8(), pa.string())), is_text(pa.binary())
    (True, True, False)
    """
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return any(test(kind) for test in tests)


def texts_of(column: pa.Array | pa.ChunkedArray) -> tuple[list[str], int]:
    """Give the texts of a column, with "" for nulls, and the number of nulls.

    Raises:
        UnicodeDecodeError: for bytes that are no UTF-8; pyarrow does not look at them.
    """
    return without_nulls(plain(column).to_pylist())


def plain(column: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Give the values of a column of dictionaries, and another as it is."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def as_lists(vectors: npt.NDArray[Any], nulls: npt.NDArray[np.bool_] | None = None) -> pa.FixedSizeListArray:
    """Give (B, D) float32 or float16 as B fixed-size lists, without a copy.

    Args:
        vectors: the vectors, in C order.
        nulls: (B,) bool, which lists are null; None for none.
    """
    values = pa.array(vectors.reshape(-1))
    mask = None if nulls is None else pa.array(nulls)
    return pa.FixedSizeListArray.from_arrays(values, vectors.shape[1], mask=mask)
