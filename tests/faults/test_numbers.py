"""No vector is NaN or infinite: damaged numbers are refused at the door, or where they would show."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from m2v_onnx import StaticModel
from m2v_onnx.errors import FolderError
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
