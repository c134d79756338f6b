"""The mean in C against the mean in NumPy."""

from __future__ import annotations

import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

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

from m2v_onnx.native._row_sums import RowSums, kernels  # noqa: E402  # only where it is there

INT8_KERNELS = [name for name in kernels() if name.startswith("int8")]
TEXTS = ["sun moon!", "", "moonlight", "the sun, the moon and the stars", "[UNK]", "moon"]


def means(rows: list[list[int]], *, table, mapping=None, weights=None, counts=None, normalize=False):
    found = TokenIds.of(rows)
    counts = np.ones(len(table) if mapping is None else len(mapping), bool) if counts is None else counts
    out = np.full((len(rows), table.shape[1]), np.nan, np.float32)
    sums = RowSums(
        "float32", table, table.shape[1], counts, rows=mapping, factors=weights, normalize=normalize
    )
    sums.mean(found.ids, found.offsets, out)
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
    vectors = means(rows, table=table, **choices)
    np.testing.assert_allclose(
        vectors, expected(rows, table=table, **choices), atol=1e-5 if normalize else 1e-6
    )
    alone = [means([row], table=table, **choices)[0] for row in rows]
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
        means(**arguments, table=np.ones((3, 4), np.float32))


@pytest.mark.parametrize("offsets", [[0, 3], [-1, 2], [2, 1, 2]])
def test_nothing_is_read_outside_of_the_ids(offsets):
    out = np.empty((len(offsets) - 1, 4), np.float32)
    with pytest.raises(IndexError, match="offsets must rise from 0 to 2, found others at text"):
        ones().mean(np.zeros(2, np.int32), np.array(offsets), out)


def ones() -> RowSums:
    return RowSums("float32", np.ones((3, 4), np.float32), 4, np.ones(3, bool))


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": np.ones(2, np.float32)},
        {"mapping": np.zeros(4, np.int32)},
        {"dim": 0},
        {"dim": -1},
        {"dim": 5},  # half a row would be left
        {"dim": 1 << 62},
        {"dim": (1 << 62) - 1},
        {"dim": 1 << 40},
        {"column_scale": np.ones(64, np.float32)},
        {"table": np.ones((0, 4), np.float32)},
        {"table": np.ones(3 * 4 * 4 + 1, np.int8)},
    ],
    ids=str,
)
def test_a_table_that_does_not_fit(wrong):
    parts = {"table": np.ones((3, 4), np.float32), "dim": 4, "weights": None, "mapping": None} | wrong
    with pytest.raises(ValueError, match="table, dim, counts, column_scale, rows and factors must fit"):
        RowSums(
            "float32",
            parts["table"],
            parts["dim"],
            np.ones(3, bool),
            rows=parts["mapping"],
            factors=parts["weights"],
            column_scale=parts.get("column_scale"),
        )


@pytest.mark.parametrize(
    ("n_offsets", "n_out"), [(0, 0), (2, 8), (2, 3), (1, 4)], ids=["no offsets", "more", "less", "no text"]
)
def test_a_batch_that_does_not_fit(n_offsets, n_out):
    with pytest.raises(ValueError, match="ids, offsets and out must fit together, and out the table"):
        ones().mean(np.zeros(0, np.int32), np.zeros(n_offsets, np.int64), np.empty(n_out, np.float32))


def test_what_is_no_array():
    with pytest.raises(TypeError, match="bytes-like object is required"):
        RowSums("float32", [1.0], 1, b"\1")
    with pytest.raises(TypeError, match="bytes-like object is required"):
        RowSums("float32", np.ones(1, np.float32), 1, b"\1", factors=[1.0])
    with pytest.raises(TypeError, match="bytes-like object is required"):
        ones().mean([0], np.zeros(2, np.int64), np.empty(4, np.float32))
    out = np.empty(4, np.float32)
    out.flags.writeable = False
    with pytest.raises(TypeError, match="read-write bytes-like object"):
        ones().mean(np.zeros(1, np.int32), np.zeros(2, np.int64), out)


def test_whatever_is_not_zero_counts_once():
    ids, out = np.zeros(50_000, np.int32), np.empty((1, 4), np.float32)
    sums = RowSums("float32", np.full((3, 4), 2, np.float32), 4, np.full(3, 255, np.uint8))
    sums.mean(ids, np.array([0, len(ids)]), out)
    np.testing.assert_array_equal(out, 2)


def test_the_arrays_live_as_long_as_the_sums():
    table, counts = np.arange(12, dtype=np.float32).reshape(3, 4), np.ones(3, bool)
    factors, out = np.full(3, 2, np.float32), np.empty(4, np.float32)
    held, n_references = weakref.ref(factors), sys.getrefcount(table)
    sums = RowSums("float32", table, 4, counts, rows=np.array([2, 1, 0], np.int32), factors=factors)
    del factors
    assert sys.getrefcount(table) == n_references + 1
    sums.mean(np.zeros(1, np.int32), np.array([0, 1]), out)
    np.testing.assert_array_equal(out, [16, 18, 20, 22])
    del sums
    assert held() is None
    with pytest.raises(ValueError, match="must fit together"):
        RowSums("float32", table, 5, b"")
    assert sys.getrefcount(table) == n_references


def test_eight_threads_on_one_table():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(N_TOKENS, 130)).astype(np.float32)
    sums = RowSums("float32", table, 130, np.ones(N_TOKENS, bool), normalize=True)
    batches = [[rng.integers(0, N_TOKENS, 9).tolist() for _ in range(100)] for _ in range(64)]

    def mean(rows: list[list[int]]) -> np.ndarray:
        found, out = TokenIds.of(rows), np.empty((len(rows), 130), np.float32)
        sums.mean(found.ids, found.offsets, out)
        return out

    with ThreadPoolExecutor(8) as threads:
        for rows, out in zip(batches, threads.map(mean, batches), strict=True):
            np.testing.assert_allclose(out, expected(rows, table=table, normalize=True), atol=1e-6)


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
        RowSums("int7", b"", 1, b"")


def means_of_codes(kernel, rows, *, codes, scales, column_scale, dim, counts, normalize=False):
    found = TokenIds.of(rows)
    out = np.full((len(rows), dim), np.nan, np.float32)
    sums = RowSums(kernel, codes, dim, counts, column_scale=column_scale, factors=scales, normalize=normalize)
    sums.mean(found.ids, found.offsets, out)
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
    vectors = means_of_codes(kernel, rows, **arguments, normalize=normalize)
    table = codes[:, :dim].astype(float) * scales[:, None] * column_scale[:dim]
    wanted = expected(rows, table=table, counts=counts, normalize=normalize)
    np.testing.assert_allclose(vectors, wanted, rtol=1e-5, atol=1e-6)
    alone = [means_of_codes(kernel, [row], **arguments, normalize=normalize)[0] for row in rows]
    np.testing.assert_array_equal(vectors, np.array(alone).reshape(vectors.shape))


@pytest.mark.parametrize("kernel", INT8_KERNELS)
def test_a_long_sum_of_codes_does_not_saturate(kernel):
    arguments = {"codes": np.full((1, 64), 127, np.int8), "scales": np.full(1, 127, np.uint8)}
    ones = np.ones(64, np.float32)
    found = means_of_codes(
        kernel, [[0] * MOST_INT8_TOKENS], **arguments, column_scale=ones, dim=64, counts=np.ones(1, bool)
    )
    np.testing.assert_allclose(found, 127 * 127, rtol=1e-6)


@pytest.mark.parametrize("kernel", INT8_KERNELS)
@pytest.mark.parametrize(
    "wrong", ["no scales", "few scales", "no column scale", "stride", "narrow", "half row"]
)
def test_sizes_of_codes_that_do_not_fit(kernel, wrong):
    n_columns = {"stride": 65, "narrow": 64}.get(wrong, 128)
    column_scale = None if wrong == "no column scale" else np.ones(n_columns, np.float32)
    scales = None if wrong == "no scales" else np.ones(2 if wrong == "few scales" else 3, np.uint8)
    codes = np.ones((3, n_columns) if wrong != "half row" else 3 * 128 + 64, np.int8)
    with pytest.raises(ValueError, match="must fit together"):
        RowSums(kernel, codes, 65, np.ones(3, bool), column_scale=column_scale, factors=scales)


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
    GraphMean(loaded.graph_path, table=loaded.table).mean(found, by_graph)
    np.testing.assert_allclose(loaded.encode(TEXTS), by_graph, atol=1e-6)
    assert np.abs(by_graph - model.encode_reference(TEXTS)).max() > 1e-5  # it is not the float32 table
