"""Fewer columns, fewer rows."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.smaller import cut_dimensions, quantize_vocabulary
from tests.builders import ROWS, tiny_model


def test_the_first_columns_stay():
    model = cut_dimensions(tiny_model(normalize=True), 1)
    np.testing.assert_array_equal(model.table, ROWS[:, :1])
    np.testing.assert_array_equal(model.encode(["sun"]), [[1]])
    with pytest.raises(ArgumentError, match="dims must lie between 1 and the model's 2, found 3"):
        cut_dimensions(tiny_model(), 3)


def test_tokens_of_one_direction_share_a_row():
    rows = np.array([[9, 9], [7, 7], [0, 4], [0, 2], [1, 0], [8, 0]], np.float32)
    model = quantize_vocabulary(tiny_model(table=rows), 3)
    assert model.table.shape == (3, 2)
    mapping = model.mapping
    assert (mapping[0], mapping[2], mapping[4]) == (mapping[1], mapping[3], mapping[5])
    np.testing.assert_allclose(model.weights, np.linalg.norm(rows, axis=1))
    np.testing.assert_allclose(model.token_vectors(range(6)), rows, atol=1e-5)


def test_a_row_of_zeros_stays_zeros():
    np.testing.assert_array_equal(quantize_vocabulary(tiny_model(), 5).token_vectors([5]), [[0, 0]])


@pytest.mark.parametrize("n_clusters", [0, 6, 7])
def test_as_many_rows_as_tokens_are_refused(n_clusters):
    with pytest.raises(ArgumentError, match=f"between 1 and the number of tokens, 6, found {n_clusters}"):
        quantize_vocabulary(tiny_model(), n_clusters)


def test_rows_that_are_shared_already():
    with pytest.raises(ArgumentError, match="needs a model with a row for each token"):
        quantize_vocabulary(quantize_vocabulary(tiny_model(), 3), 2)
