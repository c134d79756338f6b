"""What loading may alter, and the names that other libraries have for things."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from m2v_onnx import StaticModel
from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.model.config import Provenance
from tests.builders import ROWS, TOKENS, tiny_model

TEXTS = ["sun", "sun moon", "comet", "moonlight ! " * 300]


@pytest.mark.parametrize("has_c", [True, False])
def test_fewer_dimensions_and_unit_vectors(folder, request, has_c):
    if not has_c:
        request.getfixturevalue("_no_compiled_mean")
    model = StaticModel.from_pretrained(folder, dims=1)
    assert model.dim == 1
    np.testing.assert_allclose(model.encode(TEXTS), tiny_model().encode_reference(TEXTS)[:, :1], atol=1e-6)
    model = StaticModel.from_pretrained(folder, normalize=True)
    np.testing.assert_allclose(model.encode("sun"), [0.6, 0.8], rtol=1e-6)
    model = StaticModel.from_pretrained(folder, dims=1, normalize=True)
    np.testing.assert_allclose(model.encode(TEXTS), [[1], [1], [0], [1]], rtol=1e-6)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(model)).encode("sun"), [1], rtol=1e-6)


def test_what_is_not_altered_stays(folder, tmp_path):
    for options in ({}, {"dims": None, "normalize": None}, {"dims": 2}, {"normalize": False}):
        np.testing.assert_array_equal(StaticModel.from_pretrained(folder, **options).encode("sun"), [3, 4])
    tiny_model(normalize=True).save_pretrained(tmp_path / "unit")
    model = StaticModel.from_pretrained(tmp_path / "unit", normalize=False)
    np.testing.assert_array_equal(model.encode("sun"), [3, 4])


def test_another_limit(folder):
    text = "sun moon moon moon"
    np.testing.assert_array_equal(StaticModel.from_pretrained(folder, max_length=1).encode(text), [3, 4])
    model = StaticModel.from_pretrained(folder, max_length=None)
    assert len(model.tokenize(["sun " * 1000])[0]) == 1000
    model = StaticModel.from_pretrained(folder, max_length=2, precision="fp32")
    np.testing.assert_array_equal(model.encode(text), [1.5, 3])


def test_a_model_in_a_subfolder(folder, tmp_path):
    assert StaticModel.from_pretrained(tmp_path, subfolder="model").dim == 2
    with pytest.raises(FolderError, match="none"):
        StaticModel.from_pretrained(tmp_path, subfolder="none")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dims": 3}, "dims must lie between 1 and the model's 2, found 3"),
        ({"dims": 0}, "dims must be 1 or more, found 0"),
        ({"dims": 1.5}, "dims must be a whole number, found 1.5"),
        ({"dims": True}, "dims must be a whole number, found True"),
        ({"normalize": 1}, "normalize must be True, False or None, found 1"),
        ({"force_download": False}, "leave it out: what the Hub's cache holds is not fetched again"),
        ({"max_length": 0}, "max_length must be 1 or more, found 0"),
        ({"max_length": "512"}, "max_length must be a whole number"),
        ({"dims": 1, "precision": "fp32"}, "expected either precision or dims and normalize, found both"),
        ({"normalize": True, "precision": "fp32"}, "expected either precision or dims and normalize"),
        ({"dimensionality": 2}, "load the model with dims"),
        ({"maxlength": 2}, "use max_length"),
    ],
)
def test_alterations_that_cannot_be(folder, options, message):
    with pytest.raises(ArgumentError, match=message):
        StaticModel.from_pretrained(folder, **options)


def test_the_cosine_of_each_with_each(model):
    vectors = model.encode(["sun", "moon", "comet"])  # (3, 4), (0, 2), zeros
    found = model.similarity(vectors, vectors[:2])
    np.testing.assert_allclose(found, [[1, 0.8], [0.8, 1], [0, 0]], atol=1e-6)
    assert found.dtype == np.float32
    np.testing.assert_allclose(model.similarity(vectors[0], vectors[1].tolist()), [[0.8]], atol=1e-6)
    assert model.similarity(vectors, np.zeros((0, 2))).shape == (3, 0)
    assert model.similarity([[1e-25, 0], [1e38, 1e38]], [[1e-25, 1e-25]]) == pytest.approx(
        np.array([[0.5**0.5], [1]])
    )
    with pytest.raises(ArgumentError, match=r"found the shapes \(3, 2\) and \(1, 3\)"):
        model.similarity(vectors, [1, 2, 3])
    with pytest.raises(ArgumentError, match=r"found the shapes \(1, 1, 2\)"):
        model.similarity(np.ones((1, 1, 2)), vectors)


def test_queries_and_documents_are_texts(model):
    np.testing.assert_array_equal(model.encode_query("sun"), [3, 4])
    vectors = model.encode_document(["sun", "moon"], batch_size=1, show_progress_bar=True)
    np.testing.assert_array_equal(vectors, [[3, 4], [0, 2]])
    with pytest.raises(ArgumentError, match="put the prompt in front of each text"):
        model.encode_query("sun", prompt_name="query")
    assert model.get_sentence_embedding_dimension() == 2


def test_tokens_are_counted_within_the_limit(model):
    texts = ["sun", "sun comet moon!", "", "moonlight", "sun " * 600]
    counts = model.count_tokens(texts)
    assert (counts.tolist(), counts.dtype) == ([1, 3, 0, 2, 512], np.int64)
    assert counts.tolist() == [len(ids) for ids in model.tokenize(texts)]
    assert model.count_tokens(texts, max_length=None).tolist() == [1, 3, 0, 2, 600]
    assert (
        model.count_tokens(texts * 2000, max_length=2).tolist() == [1, 1, 0, 0, 2] * 2000
    )  # "moonligh" is cut before it is tokenised
    assert model.count_tokens([]).shape == (0,)
    with pytest.raises(ArgumentError, match="put it into a list"):
        model.count_tokens("sun")
    with pytest.raises(ArgumentError, match=r"texts\[1\] must be a string, found int"):
        model.count_tokens(["sun", 5])


def test_the_names_of_model2vec(model):
    assert model.embedding is model.table
    assert model.tokens == TOKENS
    assert (model.normalize, model.max_length, model.embedding_dtype) == (False, 512, "float32")
    assert [model.base_model_name, model.language, model.token_mapping] == [None] * 3
    assert model.vocabulary_quantization is None
    provenance = Provenance(language=("en", "de"))
    config = replace(model.config, normalize=True, teacher="owner/teacher", provenance=provenance)
    mapping = np.array([0, 0, 1, 2, 2, 3], np.int32)
    other = replace(model, config=config, table=ROWS[:4], mapping=mapping)
    assert (other.normalize, other.base_model_name, other.language) == (True, "owner/teacher", ["en", "de"])
    assert other.token_mapping is mapping
    assert other.vocabulary_quantization == 4
    with pytest.raises((FrozenInstanceError, AttributeError)):
        model.normalize = True
