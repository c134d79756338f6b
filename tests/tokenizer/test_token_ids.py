"""Token ids without an object for each text."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from m2v_onnx.tokenizer.token_ids import TokenIds

ROWS = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=8)


@given(ROWS)
def test_there_and_back(rows):
    found = TokenIds.of(rows)
    assert len(found) == len(rows)
    assert found.to_lists() == rows
    assert (found.ids.dtype, found.offsets.dtype) == (np.int32, np.int64)


@given(ROWS, st.integers(1, 7))
def test_truncation_is_that_of_lists(rows, max_length):
    assert TokenIds.of(rows).truncate(max_length).to_lists() == [row[:max_length] for row in rows]


@given(ROWS, st.sets(st.integers(0, 9)))
def test_dropping_is_that_of_lists(rows, dropped):
    counts = np.array([token_id not in dropped for token_id in range(10)])
    assert TokenIds.of(rows).keep(counts).to_lists() == [[i for i in row if i not in dropped] for row in rows]


@given(st.lists(st.tuples(st.lists(st.integers(0, 9), max_size=6), st.none() | st.lists(st.integers(0, 9)))))
def test_replacing_is_that_of_lists(pairs):
    indices = np.array([index for index, (_, other) in enumerate(pairs) if other is not None], np.int64)
    others = TokenIds.of([other for _, other in pairs if other is not None])
    found = TokenIds.of([row for row, _ in pairs]).replace_rows(indices, others)
    assert found.to_lists() == [row if other is None else other for row, other in pairs]
    assert (found.ids.dtype, found.offsets.dtype) == (np.int32, np.int64)
