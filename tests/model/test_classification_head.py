"""The head of a classifier, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx.errors import FolderError
from m2v_onnx.model.classification_head import ClassificationHead, pair_rows
from tests.builders import tiny_model
from tests.classifiers import random_head

WEIGHT = np.array([[1, 0], [0, 2]], np.float32)
BIAS = np.array([0.5, -0.5], np.float32)


def head(**parts) -> ClassificationHead:
    return ClassificationHead(**{"labels": ("a", "b"), "weight": WEIGHT, "bias": BIAS, **parts})


def test_logits_of_a_vector_of_length_one():
    # sun is (3, 4), of length 5.
    np.testing.assert_allclose(head().logits_reference(tiny_model(), ["sun"]), [[0.6 + 0.5, 1.6 - 0.5]])


def test_logits_of_a_vector_as_it_is():
    np.testing.assert_allclose(head(unit=False).logits_reference(tiny_model(), ["sun"]), [[3.5, 7.5]])


def test_terms_and_pairs_are_divided_by_the_root_of_the_tokens_that_count():
    model = tiny_model()
    terms = np.arange(12, dtype=np.float32).reshape(6, 2)
    pairs = np.zeros((7, 2), np.float32)
    pairs[(2 * 1_000_003 + 3 * 7_919) % 7] = 10, 20  # sun moon
    found = head(weight=0 * WEIGHT, terms=terms, pairs=pairs).logits_reference(
        model, ["sun moon", "sun acme moon", "acme"]
    )
    root = np.sqrt(2)
    # sun adds (4, 5), moon (6, 7); the unknown word keeps them apart.
    expected = [[0.5 + 20 / root, -0.5 + 32 / root], [0.5 + 10 / root, -0.5 + 12 / root], [0.5, -0.5]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_text_without_tokens_gets_the_bias():
    np.testing.assert_array_equal(
        random_head(tiny_model()).logits_reference(tiny_model(), [""]).shape, (1, 3)
    )
    np.testing.assert_array_equal(head().logits_reference(tiny_model(), ["", "acme"]), [BIAS, BIAS])


def test_pairs_are_neighbours_that_both_count():
    ids, known = np.array([5, 2, 3, 4]), np.array([False, True, True, True])
    expected = [(2 * 1_000_003 + 3 * 7_919) % 97, (3 * 1_000_003 + 4 * 7_919) % 97]
    assert pair_rows(ids, known, 97).tolist() == expected
    assert pair_rows(ids[:1], known[:1], 97).tolist() == []


def test_probabilities():
    logits = np.log(np.array([[1, 3], [1e30, 1]], np.float32))
    np.testing.assert_allclose(head().probabilities(logits), [[0.25, 0.75], [1, 0]], atol=1e-7)
    many = head(problem="multi_label").probabilities(np.array([[0, -1e4]], np.float32))
    np.testing.assert_allclose(many, [[0.5, 0]])
    values = head(problem="regression", labels=()).probabilities(logits)
    np.testing.assert_array_equal(values, logits)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"labels": ("a",)}, "expected 2 labels for 2 columns of a single_label head, found 1"),
        ({"labels": ("a", 1)}, "labels must all be texts, .*, found int, str"),
        ({"labels": (True, 2)}, "found bool, int"),
        ({"labels": (0.5, 1.5)}, "found float"),
        ({"labels": ("a", "a")}, "labels must differ, found 'a' twice"),
        ({"bias": np.zeros(1, np.float32), "labels": ("a",), "weight": WEIGHT[:, :1]}, "found one: there is"),
        ({"bias": np.zeros((1, 2), np.float32)}, r"found shape \(1, 2\)"),
        ({"weight": WEIGHT.astype(np.float64)}, "weight must be float32, found float64"),
        ({"terms": np.zeros((6, 3), np.float32)}, "terms must have 2 columns"),
        ({"pairs": np.zeros((0, 2), np.float32)}, "pairs must have 2 columns"),
        ({"pairs": np.full((5, 2), np.inf, np.float32)}, "pairs must hold numbers up to 1e"),
        ({"problem": "riddle"}, "problem must be one of single_label, multi_label, regression"),
    ],
)
def test_parts_that_do_not_fit(parts, message):
    with pytest.raises(FolderError, match=message):
        head(**parts)


def test_a_head_of_another_model():
    with pytest.raises(FolderError, match="it has 3 dimensions, the model 2"):
        head(weight=np.zeros((3, 2), np.float32)).logits_reference(tiny_model(), ["sun"])
