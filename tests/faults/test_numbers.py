"""No vector is NaN or infinite: damaged numbers are refused at the door, or where they would show."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from m2v_onnx import StaticModel, TextGraph
from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.export.verification import verify_folder
from m2v_onnx.model.quantization import quantize_table
from m2v_onnx.runtime.row_mean import CompiledMean, NumpyMean
from m2v_onnx.tokenizer.token_ids import TokenIds
from tests.builders import ROWS, tiny_model


def rewrite(folder, **tensors):
    """Put other tensors into a model's file."""
    path = folder / "model.safetensors"
    save_file({**load_file(path), **tensors}, path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, 1e31, -1e31])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_are_checked_when_a_model_is_loaded(folder, value, dtype):
    weights = np.ones(6)
    weights[3] = value
    with np.errstate(over="ignore"):
        rewrite(folder, weights=weights.astype(dtype))
    with pytest.raises(FolderError, match=r"model: weights must be numbers up to 1e\+30, found NaN, inf"):
        StaticModel.from_pretrained(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n_texts", [1, 9, 3000])
def test_a_table_that_is_not_finite_gives_no_vectors(folder, value, n_texts):
    rows = ROWS.copy()
    rows[3, 1] = value
    rewrite(folder, embeddings=rows)
    model = StaticModel.from_pretrained(folder)
    texts = ["sun"] * (n_texts - 1) + ["moon"]
    with pytest.raises(
        FolderError, match=rf"found NaN or infinity for texts\[{n_texts - 1}\]: the model's t"
    ):
        model.encode(texts)
    with pytest.raises(FolderError, match=rf"found NaN or infinity for texts\[{n_texts - 1}\]"):
        list(model.encode_stream(texts))
    np.testing.assert_array_equal(model.encode("sun"), [3, 4])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e31])
def test_a_table_that_is_read_is_checked(folder, value):
    rows = ROWS.copy()
    rows[3, 1] = value
    rewrite(folder, embeddings=rows)
    with pytest.raises(FolderError, match=r"the table must hold numbers .* in 1 of 6 rows \(ids 3 …\)"):
        StaticModel.from_pretrained(folder, memory_map=False)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e31])
def test_such_a_table_is_not_written(tmp_path, value):
    rows = ROWS.copy()
    rows[5, 0] = value
    with pytest.raises(FolderError, match=r"the table must hold numbers up to 1e\+30.* in 1 of 6 rows"):
        tiny_model(table=rows).save_pretrained(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_sum_that_overflows_gives_no_vectors():
    rows = ROWS.copy()
    rows[2:4] = 3e38
    with pytest.raises(FolderError, match="found NaN or infinity for texts.0.: the model's table"):
        tiny_model(table=rows).encode(["sun moon"] * 9)


@pytest.mark.parametrize(
    ("lines", "line"),
    [("a 3e38 3e38\nb -3e38 3e38\n", 1), ("a 1 1\nb -1.1e30 0\n", 2), ("a 1 1\nb 1 1\nc 1e39 0\n", 3)],
)
def test_word_vectors_are_checked_when_they_are_read(tmp_path, lines, line):
    (tmp_path / "vectors.txt").write_text(lines)
    with pytest.raises(FolderError, match=rf"expected finite numbers in line {line} of .*vectors.txt"):
        StaticModel.from_pretrained(tmp_path / "vectors.txt")


# Squares of these are no float32, or none that has the usual digits.
SIZES = [1e-25, 1e-20, 1e-12, 1e12, 1e19, 1e29]
TEXTS = ["sun", "moon", "sun moonlight !", "moon " * 300, "", "comet", "!"]


def unit_vectors(size: float) -> np.ndarray:
    """Give what ROWS times a size gives, worked out in float64."""
    model = tiny_model(normalize=False)
    vectors = model.encode_reference(TEXTS).astype(np.float64)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)


@pytest.mark.parametrize("size", SIZES)
class TestLengths:
    def test_the_reference(self, size):
        found = tiny_model(normalize=True, table=ROWS * np.float32(size)).encode_reference(TEXTS)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, unit_vectors(size), atol=1e-6)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_encode(self, size, dtype):
        model = tiny_model(normalize=True, table=ROWS.astype(dtype) * size)
        np.testing.assert_allclose(
            model.encode(TEXTS * 300), np.tile(unit_vectors(size), (300, 1)), atol=1e-6
        )
        for text, expected in zip(TEXTS, unit_vectors(size), strict=True):
            np.testing.assert_allclose(model.encode(text), expected, atol=1e-6)

    def test_every_mean(self, size):
        model = tiny_model(normalize=True, table=ROWS * np.float32(size))
        ids = TokenIds.of([model.token_ids_reference(text) for text in TEXTS])
        for mean in (NumpyMean(model), CompiledMean(model)):
            found = np.empty((len(TEXTS), 2), np.float32)
            mean.mean(ids, found)
            np.testing.assert_allclose(found, unit_vectors(size), atol=1e-6)

    def test_graphs(self, tmp_path, size):
        model = tiny_model(normalize=True, table=ROWS * np.float32(size))
        model.save_pretrained(tmp_path / "m", graphs=("ids", "text"), precisions=("fp32", "int8", "int4"))
        assert {report.problem for report in verify_folder(tmp_path / "m")} == {None}
        found = TextGraph.from_pretrained(tmp_path / "m").encode(TEXTS)
        np.testing.assert_allclose(found, unit_vectors(size), atol=1e-6)
        whole = StaticModel.from_pretrained(tmp_path / "m", precision="int8").encode(TEXTS)
        np.testing.assert_allclose(whole, unit_vectors(size), atol=0.02)


@pytest.mark.parametrize("size", [1e-32, 1e-36, 0])
def test_what_counts_as_zeros_gives_zeros(tmp_path, size):
    model = tiny_model(normalize=True, table=ROWS * np.float32(size))
    model.save_pretrained(tmp_path / "m", graphs=("text",), precisions=("fp32",))
    for encode in (model.encode_reference, model.encode, TextGraph.from_pretrained(tmp_path / "m").encode):
        np.testing.assert_array_equal(encode(TEXTS * 2), np.zeros((14, 2)))


@pytest.mark.parametrize("size", [1e-6, 1e-25, 7e4])
def test_sizes_that_float16_does_not_hold_are_refused(size):
    with pytest.raises(ArgumentError, match="precision fp16 holds values"):
        quantize_table(ROWS * np.float32(size), "fp16")
