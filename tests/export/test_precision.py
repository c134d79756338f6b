"""The table in every number type, and the graphs that work with it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from m2v_onnx.errors import ArgumentError
from m2v_onnx.export.ids.ids_graph import build_ids_graph
from m2v_onnx.export.ids.tokens_graph import build_tokens_graph
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.quantization import dequantize_table, quantize_table
from m2v_onnx.static_model import StaticModel
from tests.builders import ROWS, word_piece

PRECISIONS = ("fp32", "fp16", "int8", "int4")
TOKENS = ("[PAD]", "[UNK]", *(f"w{index}" for index in range(198)))


def wide_model(dim: int = 25, *, normalize: bool = True, table: np.ndarray | None = None) -> StaticModel:
    """Make a model of 200 tokens whose columns fall in size, as those of a PCA do."""
    if table is None:
        rng = np.random.default_rng(0)
        table = (rng.normal(size=(200, dim)) * np.geomspace(3, 0.1, dim)).astype(np.float32)
    return StaticModel(table, word_piece(TOKENS), ModelConfig(normalize=normalize))


def random_batch(model: StaticModel, shape: tuple[int, int]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    ids = rng.integers(0, model.n_tokens, shape)
    lengths = rng.integers(0, shape[1] + 1, (shape[0], 1))
    return {"input_ids": ids, "attention_mask": (np.arange(shape[1]) < lengths).astype(np.int64)}


def session_of(graph) -> onnxruntime.InferenceSession:
    proto = graph.to_proto()
    onnx.checker.check_model(proto, full_check=True)
    return onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


def expected_hidden(model: StaticModel, batch: dict[str, np.ndarray]) -> np.ndarray:
    known = batch["attention_mask"] * ~np.isin(batch["input_ids"], sorted(model.masked_ids))
    return model.token_vectors(batch["input_ids"].ravel()).reshape(*known.shape, -1) * known[..., None]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", ["even", "odd", "raw", "shared rows", "one column"])
def test_graphs_equal_numpy_with_the_same_table(precision, kind):
    model = {
        "even": lambda: wide_model(24),
        "odd": lambda: wide_model(25),
        "raw": lambda: wide_model(25, normalize=False),
        "one column": lambda: wide_model(1, normalize=False),
        "shared rows": lambda: replace(
            wide_model(24),
            weights=np.linspace(0, 2, 200, dtype=np.float32),
            mapping=(np.arange(200) % 70).astype(np.int32),
            table=wide_model(24).table[:70],
        ),
    }[kind]()
    same_table = replace(model, table=dequantize_table(quantize_table(model.table, precision)))
    batch = random_batch(model, (64, 20))
    hidden = expected_hidden(same_table, batch)
    counts = (batch["attention_mask"] * ~np.isin(batch["input_ids"], sorted(model.masked_ids))).sum(axis=1)
    expected = hidden.sum(axis=1) / np.maximum(counts, 1)[:, None]
    if model.config.normalize:
        expected /= np.linalg.norm(expected, axis=1, keepdims=True) + 1e-32
    ids, tokens = (
        session_of(build(model, precision=precision)) for build in (build_ids_graph, build_tokens_graph)
    )
    repeated, vectors = ids.run(None, batch)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=5e-6)
    np.testing.assert_array_equal(repeated, np.broadcast_to(vectors[:, None], repeated.shape))
    found_hidden, found = tokens.run(None, batch)
    np.testing.assert_allclose(found_hidden, hidden, atol=1e-5)
    np.testing.assert_allclose(found, expected, atol=5e-6)
    alone = [ids.run(["sentence_embedding"], {n: a[[i]] for n, a in batch.items()})[0] for i in range(64)]
    np.testing.assert_allclose(np.concatenate(alone), vectors, atol=1e-6)


def test_tokens_behind_the_vocabulary_mean_nothing():
    model = wide_model(4)
    batch = {"input_ids": np.array([[200, 5, 201, 202]]), "attention_mask": np.ones((1, 4), np.int64)}
    for build in (build_ids_graph, build_tokens_graph):
        hidden, vectors = session_of(build(model)).run(None, batch)
        np.testing.assert_allclose(vectors[0], model.table[5] / np.linalg.norm(model.table[5]), rtol=1e-6)
    np.testing.assert_allclose(hidden[0, [0, 2, 3]], 0)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0), (2, 3)])
def test_nothing_known_gives_zeros(precision, shape):
    batch = {"input_ids": np.ones(shape, np.int64), "attention_mask": np.ones(shape, np.int64)}
    for build in (build_ids_graph, build_tokens_graph):
        hidden, vectors = session_of(build(wide_model(), precision=precision)).run(None, batch)
        np.testing.assert_array_equal(vectors, np.zeros((shape[0], 25), np.float32))
        np.testing.assert_array_equal(hidden, np.zeros((*shape, 25), np.float32))


@pytest.mark.parametrize(
    ("precision", "bits", "least"), [("fp16", 16, 0.99999), ("int8", 8, 0.9999), ("int4", 4, 0.98)]
)
def test_size_and_faithfulness(precision, bits, least):
    table = wide_model(64).table
    quantized = quantize_table(table, precision)
    assert quantized.rows.nbytes == table.size * bits // 8
    decoded = dequantize_table(quantized)
    cosines = (decoded * table).sum(axis=1) / np.linalg.norm(decoded, axis=1) / np.linalg.norm(table, axis=1)
    assert cosines.min() > least
    np.testing.assert_allclose(np.linalg.norm(decoded, axis=1), np.linalg.norm(table, axis=1), rtol=0.1)


def test_eight_bits_by_hand():
    quantized = quantize_table(np.array([[3, 0], [-1.5, 4]], np.float32), "int8")
    # Divided by the columns' root mean squares: 1.265 and 0; -0.632 and 1.414. The largest of all becomes
    # 127 x 127: 1.414 is 16,129 units, and 1.265 is 14,427 of them, 127 x 113.6.
    unit = np.sqrt(2) / 127**2
    np.testing.assert_allclose(quantized.column_scale, np.sqrt([(9 + 2.25) / 2, 16 / 2]) * unit, rtol=1e-6)
    np.testing.assert_array_equal(quantized.row_scale, [114, 127])
    np.testing.assert_array_equal(quantized.rows, [[127, 0], [-57, 127]])
    np.testing.assert_allclose(dequantize_table(quantized), [[3, 0], [-1.5, 4]], atol=0.02)


def operators(graph) -> set[str]:
    return {node.op_type for node in graph.proto.graph.node}


def test_sums_of_bytes_are_exact_in_any_order_and_company():
    model = wide_model(64, normalize=False)
    graph = build_ids_graph(model, precision="int8")
    assert "MatMulInteger" in operators(graph)
    session, batch = session_of(graph), random_batch(model, (8, 300))
    batch["attention_mask"][:] = 1
    (expected,) = session.run(["sentence_embedding"], batch)
    turned = {name: array[::-1, ::-1] for name, array in batch.items()}
    (found,) = session.run(["sentence_embedding"], turned)
    np.testing.assert_array_equal(found[::-1], expected)
    for index in range(8):
        alone = {name: array[[index]] for name, array in batch.items()}
        np.testing.assert_array_equal(session.run(["sentence_embedding"], alone)[0], expected[[index]])


def test_the_largest_bytes_do_not_saturate():
    table = np.full((200, 8), 3, np.float32)
    session = session_of(build_ids_graph(wide_model(normalize=False, table=table), precision="int8"))
    batch = {"input_ids": np.full((2, 5000), 7), "attention_mask": np.ones((2, 5000), np.int64)}
    np.testing.assert_allclose(session.run(["sentence_embedding"], batch)[0], 3, rtol=1e-6)


@pytest.mark.parametrize("reason", ["weights", "no limit", "sizes"])
def test_where_whole_numbers_would_not_do_the_sum_is_one_of_floats(reason):
    model = wide_model(24)
    if reason == "weights":
        model = replace(model, weights=np.linspace(0, 2, 200, dtype=np.float32))
    elif reason == "no limit":
        model = replace(model, config=replace(model.config, max_length=None))
    else:
        model.table[:150] *= 1e-4  # of 127 levels each, 0 would be left
    graph = build_ids_graph(model, precision="int8")
    assert "MatMulInteger" not in operators(graph)
    vectors = session_of(graph).run(
        ["sentence_embedding"],
        {"input_ids": np.arange(2, 200)[:, None], "attention_mask": np.ones((198, 1), np.int64)},
    )[0]
    expected = model.table[2:] / np.linalg.norm(model.table[2:], axis=1, keepdims=True)
    assert (vectors * expected).sum(axis=1)[1:].min() > 0.9999


def test_a_few_small_rows_have_fewer_levels():
    model = wide_model(24)
    model.table[5] *= 0.003
    quantized = quantize_table(model.table, "int8")
    assert quantized.is_whole
    assert quantized.row_scale[5] == 1
    assert 20 < np.abs(quantized.rows[5]).max() < 127
    np.testing.assert_allclose(dequantize_table(quantized), model.table, atol=0.04)


def test_a_row_that_would_be_left_with_no_level():
    model = wide_model(24)
    model.table[5] *= 1e-5
    decoded = dequantize_table(quantize_table(model.table, "int8"))[5]
    assert decoded @ model.table[5] > 0.9999 * np.linalg.norm(decoded) * np.linalg.norm(model.table[5])


def test_four_bits_by_hand():
    quantized = quantize_table(np.array([[7, 0, 7]], np.float32), "int4")
    # The columns are scaled to one; the codes are 7, 0, 7: 128 + 16 x 7 + 7 and 128 + 16 x 0.
    np.testing.assert_array_equal(quantized.rows, [[247, 128]])
    np.testing.assert_allclose(dequantize_table(quantized), [[7, 0, 7]], rtol=1e-6)


def test_zeros_stay_zeros():
    for precision in PRECISIONS:
        table = np.array([[0, 0, 0], [0, 2, -1]], np.float32)
        decoded = dequantize_table(quantize_table(table, precision))
        np.testing.assert_allclose(decoded, table, atol=0.2)
        np.testing.assert_array_equal(decoded[:, 0], 0)
        np.testing.assert_array_equal(decoded[0], 0)


def test_a_table_of_eight_bits_stays_as_it_is():
    table = np.arange(-6, 6, dtype=np.int8).reshape(6, 2)
    quantized = quantize_table(table, "int8")
    np.testing.assert_array_equal(quantized.rows, table)
    assert (quantized.row_scale, quantized.column_scale) == (None, None)


def test_values_beyond_float16_are_refused():
    with pytest.raises(
        ArgumentError, match="fp16 holds values up to 65504, the table has 70000: choose fp32"
    ):
        quantize_table(ROWS * 7777.7777, "fp16")
