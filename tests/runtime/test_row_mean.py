"""The mean in C against the mean in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m2v_onnx.model.quantization import MOST_INT8_TOKENS
from m2v_onnx.runtime.batch_tokenizer import ReferenceTokenizer
from m2v_onnx.runtime.graph_mean import GraphMean
from m2v_onnx.runtime.row_mean import CompiledMean
from m2v_onnx.runtime.tokenization import tokenize_batch
from m2v_onnx.static_model import StaticModel
from m2v_onnx.tokenizer.token_ids import TokenIds
from tests.builders import ROWS, tiny_model

N_TOKENS, N_ROWS = 9, 5

if not CompiledMean.is_available():
    pytest.skip(
        "the package was installed without a C compiler, or without Python.h", allow_module_level=True
    )

from m2v_onnx.native import _row_sums  # noqa: E402  # only where it is there

INT8_KERNELS = [name for name in _row_sums.kernels() if name.startswith("int8")]
TEXTS = ["sun moon!", "", "moonlight", "the sun, the moon and the stars", "[UNK]", "moon"]


def pool(rows: list[list[int]], *, table, mapping=None, weights=None, counts=None, normalize=False):
    found = TokenIds.of(rows)
    counts = np.ones(len(table) if mapping is None else len(mapping), bool) if counts is None else counts
    out = np.full((len(rows), table.shape[1]), np.nan, np.float32)
    arrays = (mapping, weights, counts, found.ids, found.offsets)
    _row_sums.pool("float32", table, None, table.shape[1], *arrays, normalize, out)
    return out


def expected(rows: list[list[int]], *, table, mapping=None, weights=None, counts=None, normalize=False):
    vectors = np.zeros((len(rows), table.shape[1]))
    for vector, row in zip(vectors, rows, strict=True):
        ids = np.array([i for i in row if counts is None or counts[i]], int)
        found = table[ids if mapping is None else mapping[ids]].astype(float)
        if weights is not None:
            found = found * weights[ids, None]
        if len(ids):
            vector[:] = found.mean(axis=0)
    if normalize:
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-32)
    return vectors


@given(
    rows=st.lists(st.lists(st.integers(0, N_TOKENS - 1), max_size=40), max_size=12),
    dim=st.sampled_from([1, 2, 15, 16, 63, 64, 65, 130, 256]),
    options=st.tuples(*[st.booleans()] * 4),
    seed=st.integers(0, 99),
)
def test_it_is_the_mean(rows, dim, options, seed):
    rng = np.random.default_rng(seed)
    is_mapped, is_weighted, has_masked, normalize = options
    table = rng.normal(size=(N_ROWS if is_mapped else N_TOKENS, dim)).astype(np.float32)
    choices = {
        "mapping": rng.integers(0, N_ROWS, N_TOKENS).astype(np.int32) if is_mapped else None,
        "weights": rng.random(N_TOKENS, np.float32) + np.float32(0.1) if is_weighted else None,
        "counts": rng.random(N_TOKENS) < 0.7 if has_masked else None,
        "normalize": normalize,
    }
    vectors = pool(rows, table=table, **choices)
    np.testing.assert_allclose(
        vectors, expected(rows, table=table, **choices), atol=1e-5 if normalize else 1e-6
    )
    alone = [pool([row], table=table, **choices)[0] for row in rows]
    np.testing.assert_array_equal(vectors, np.array(alone).reshape(vectors.shape))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": [[0, 3]]}, "token ids must be from 0 to 2, found 3"),
        ({"rows": [[-1]]}, "token ids must be from 0 to 2, found -1"),
        ({"rows": [[0, 1]], "mapping": np.array([0, 7, 0], np.int32)}, "rows must be from 0 to 2, found 7"),
        ({"rows": [[0]], "mapping": np.array([-2, 0, 0], np.int32)}, "rows must be from 0 to 2, found -2"),
    ],
)
def test_nothing_is_read_outside_of_the_table(arguments, message):
    with pytest.raises(IndexError, match=message):
        pool(**arguments, table=np.ones((3, 4), np.float32))


@pytest.mark.parametrize("offsets", [[0, 3], [-1, 2], [2, 1, 2]])
def test_nothing_is_read_outside_of_the_ids(offsets):
    out = np.empty((len(offsets) - 1, 4), np.float32)
    arrays = (np.ones(3, bool), np.zeros(2, np.int32), np.array(offsets))
    with pytest.raises(IndexError, match="offsets must rise from 0 to 2, found others at text"):
        _row_sums.pool("float32", np.ones((3, 4), np.float32), None, 4, None, None, *arrays, 0, out)


@pytest.mark.parametrize("wrong", ["out", "weights", "mapping", "dim", "offsets"])
def test_sizes_that_do_not_fit(wrong):
    table, counts, ids = np.ones((3, 4), np.float32), np.ones(3, bool), np.zeros(2, np.int32)
    weights = np.ones(2 if wrong == "weights" else 3, np.float32)
    mapping = np.zeros(4 if wrong == "mapping" else 3, np.int32)
    offsets = np.array([] if wrong == "offsets" else [0, 2], np.int64)
    out = np.empty((2 if wrong == "out" else 1, 4), np.float32)
    with pytest.raises(ValueError, match="must fit together"):
        _row_sums.pool(
            "float32",
            table,
            None,
            0 if wrong == "dim" else 4,
            mapping,
            weights,
            counts,
            ids,
            offsets,
            0,
            out,
        )


def test_what_is_no_array():
    with pytest.raises(TypeError, match="bytes-like object is required"):
        _row_sums.pool("float32", [1.0], None, 1, None, None, b"", b"", b"", 0, b"")


def test_whatever_is_not_zero_counts_once():
    ids, out = np.zeros(50_000, np.int32), np.empty((1, 4), np.float32)
    table, counts = np.full((3, 4), 2, np.float32), np.full(3, 255, np.uint8)
    _row_sums.pool("float32", table, None, 4, None, None, counts, ids, np.array([0, len(ids)]), 0, out)
    np.testing.assert_array_equal(out, 2)


@pytest.mark.parametrize("dim", [1 << 62, (1 << 62) - 1, 1 << 40])
def test_a_width_that_no_table_has(dim):
    arguments = (None, None, np.ones(0, bool), np.zeros(0, np.int32), np.zeros(5, np.int64), 0)
    with pytest.raises(ValueError, match="must fit together"):
        _row_sums.pool("float32", np.ones((3, 4), np.float32), None, dim, *arguments, np.empty(0, np.float32))


def test_arrays_of_other_types_and_layouts():
    n = len(ROWS)
    parts = {
        "weights": np.linspace(1, 2, 2 * n)[::2],
        "mapping": np.arange(n),
        "table": np.asfortranarray(ROWS),
    }
    for names in (["weights"], ["mapping"], ["table"], list(parts)):
        model = tiny_model(**{name: parts[name] for name in names})
        texts = ["sun moon!", "", "moonlight"] * 500
        np.testing.assert_allclose(model.encode(texts), model.encode_reference(texts), atol=1e-6)
        np.testing.assert_allclose(model.encode(texts[:3]), model.encode_reference(texts[:3]), atol=1e-6)


def test_an_unknown_kernel():
    with pytest.raises(ValueError, match=r"expected a kernel of kernels\(\), found 'int7'"):
        _row_sums.pool("int7", b"", None, 1, None, None, b"", b"", b"", 0, bytearray())


def pool_codes(kernel, rows, *, codes, scales, column_scale, dim, counts, normalize=False):
    found = TokenIds.of(rows)
    out = np.full((len(rows), dim), np.nan, np.float32)
    arrays = (None, scales, counts, found.ids, found.offsets)
    _row_sums.pool(kernel, codes, column_scale, dim, *arrays, normalize, out)
    return out


@pytest.mark.parametrize("kernel", INT8_KERNELS)
@given(
    rows=st.lists(st.lists(st.integers(0, N_TOKENS - 1), max_size=40), max_size=12),
    dim=st.sampled_from([1, 63, 64, 65, 128, 130, 192, 256, 300, 320, 448, 512]),
    normalize=st.booleans(),
    seed=st.integers(0, 99),
)
def test_sums_of_codes_are_exact(kernel, rows, dim, normalize, seed):
    rng = np.random.default_rng(seed)
    stride = -(-dim // 64) * 64
    codes = np.zeros((N_TOKENS, stride), np.int8)
    codes[:, :dim] = rng.choice([-128, -127, 127, *range(-20, 20)], (N_TOKENS, dim))
    scales = rng.choice([1, 2, 100, 127], N_TOKENS).astype(np.uint8)
    column_scale = rng.random(stride, np.float32)
    counts = rng.random(N_TOKENS) < 0.7
    arguments = {"codes": codes, "scales": scales, "column_scale": column_scale, "dim": dim, "counts": counts}
    vectors = pool_codes(kernel, rows, **arguments, normalize=normalize)
    table = codes[:, :dim].astype(float) * scales[:, None] * column_scale[:dim]
    wanted = expected(rows, table=table, counts=counts, normalize=normalize)
    np.testing.assert_allclose(vectors, wanted, rtol=1e-5, atol=1e-6)
    alone = [pool_codes(kernel, [row], **arguments, normalize=normalize)[0] for row in rows]
    np.testing.assert_array_equal(vectors, np.array(alone).reshape(vectors.shape))


@pytest.mark.parametrize("kernel", INT8_KERNELS)
def test_a_long_sum_of_codes_does_not_saturate(kernel):
    arguments = {"codes": np.full((1, 64), 127, np.int8), "scales": np.full(1, 127, np.uint8)}
    ones = np.ones(64, np.float32)
    found = pool_codes(
        kernel, [[0] * MOST_INT8_TOKENS], **arguments, column_scale=ones, dim=64, counts=np.ones(1, bool)
    )
    np.testing.assert_allclose(found, 127 * 127, rtol=1e-6)


@pytest.mark.parametrize("kernel", INT8_KERNELS)
@pytest.mark.parametrize("wrong", ["no scales", "few scales", "no column scale", "stride", "narrow"])
def test_sizes_of_codes_that_do_not_fit(kernel, wrong):
    n_columns = {"stride": 65, "narrow": 64}.get(wrong, 128)
    column_scale = None if wrong == "no column scale" else np.ones(n_columns, np.float32)
    scales = None if wrong == "no scales" else np.ones(2 if wrong == "few scales" else 3, np.uint8)
    counts, ids, offsets = np.ones(3, bool), np.zeros(2, np.int32), np.array([0, 2])
    out, codes = np.empty((1, 65), np.float32), np.ones((3, n_columns), np.int8)
    with pytest.raises(ValueError, match="must fit together"):
        _row_sums.pool(kernel, codes, column_scale, 65, None, scales, counts, ids, offsets, 0, out)


@pytest.mark.skipif(not INT8_KERNELS, reason="no int8 kernel for this processor: the graph sums")
@pytest.mark.parametrize("is_mapped", [False, True])
def test_precision_int8_has_the_numbers_of_the_graph(tmp_path, is_mapped):
    rng = np.random.default_rng(0)
    n_tokens = len(ROWS)
    n_rows = 5 if is_mapped else n_tokens
    model = tiny_model(
        normalize=True,
        table=rng.normal(size=(n_rows, 70)).astype(np.float32),
        mapping=rng.integers(0, n_rows, n_tokens).astype(np.int32) if is_mapped else None,
    )
    model.save_pretrained(tmp_path / "m", precisions=("int8",))
    loaded = StaticModel.from_pretrained(tmp_path / "m", precision="int8")
    found = tokenize_batch(model, ReferenceTokenizer(model), TEXTS, max_length=None)
    by_graph = np.empty((len(TEXTS), 70), np.float32)
    GraphMean(loaded.graph_path, table=loaded.table).pool(found, by_graph)
    np.testing.assert_allclose(loaded.encode(TEXTS), by_graph, atol=1e-6)
    assert np.abs(by_graph - model.encode_reference(TEXTS)).max() > 1e-5  # it is not the float32 table
