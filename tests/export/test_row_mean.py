"""The groups of nodes from token ids to the mean of rows, each by hand."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx.export.ids.row_mean import Factors, factors, mean, weighted_sum
from m2v_onnx.model.quantization import quantize_table
from tests.builders import ROWS, tiny_model
from tests.export.text_twins import run_group

# [PAD] [UNK] sun moon ##light !, and one id behind the table.
IDS = np.array([[2, 1, 4], [3, 3, 6]])
MASK = np.array([[1, 1, 1], [1, 0, 1]])


def test_factors_of_a_plain_model():
    model = tiny_model()

    def write(nodes, ids, mask):
        found = factors(nodes, model, quantize_table(model.table, "fp32"), ids=ids, mask=mask)
        return [found.known, found.factor, found.row_ids]

    known, factor, row_ids = run_group(write, IDS, MASK)
    assert known.tolist() == factor.tolist() == [[1, 0, 1], [1, 0, 0]]
    assert row_ids.tolist() == [[2, 1, 4], [3, 3, 5]]


def test_factors_of_weights_shared_rows_and_row_scales():
    # Six tokens share two rows, each with a scale of its own.
    model = tiny_model(
        table=ROWS[2:4].copy(),
        weights=np.array([1, 1, 0.5, 3, 1, 1], np.float32),
        mapping=np.array([0, 0, 0, 1, 1, 1], np.int32),
    )
    quantized = quantize_table(model.table, "int8")
    scales = quantized.row_scale

    def write(nodes, ids, mask):
        found = factors(nodes, model, quantized, ids=ids, mask=mask)
        return [found.known, found.factor, found.row_ids]

    known, factor, row_ids = run_group(write, IDS, MASK)
    assert known.tolist() == [[1, 0, 1], [1, 0, 0]]
    expected = [[0.5 * scales[0], 0, scales[1]], [3 * scales[1], 0, 0]]
    np.testing.assert_allclose(factor, expected, rtol=1e-6)
    assert row_ids.tolist() == [[0, 0, 1], [1, 1, 1]]


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_weighted_sum_and_its_mean(precision):
    model = tiny_model()
    quantized = quantize_table(model.table, precision)

    def write(nodes, factor, row_ids):
        total = weighted_sum(nodes, model, quantized, Factors("", factor, row_ids, ""))
        return [total, mean(nodes.beside("mean"), model, total, factor)]

    factor = np.array([[1, 1, 0], [0, 0, 0]], np.float32)
    total, average = run_group(write, factor, np.array([[2, 4, 0], [0, 0, 0]]))
    assert total.tolist() == [[4, 4], [0, 0]]  # [3, 4] + [1, 0]
    assert average.tolist() == [[2, 2], [0, 0]]


def test_a_mean_of_length_one():
    model = tiny_model(normalize=True)

    def write(nodes, ids, mask):
        table = quantize_table(model.table, "fp32")
        tokens = factors(nodes, model, table, ids=ids, mask=mask)
        return [mean(nodes, model, weighted_sum(nodes, model, table, tokens), tokens.known)]

    [vectors] = run_group(write, np.array([[2, 2], [1, 0]]), np.ones((2, 2), np.int64))
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 0]], rtol=1e-6)
