"""The handle of a classifier: what it explains, keeps and loads."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from m2v_onnx import Classifier, StaticModel
from m2v_onnx.cli.export import export
from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.serve.models import ServedModel
from m2v_onnx.serve.settings import Settings
from tests.builders import tiny_model
from tests.classifiers import random_head, tiny_classifier
from tests.stand_in_hub import COMMITS, TOKEN
from tests.test_imports import HEAVY, loaded_modules

TEXTS = ["sun moonlight!", "moon", "", "comet sun"]


@pytest.fixture
def classifier():
    data = tiny_classifier()
    return Classifier(StaticModel.of(data.model), data.head, data.training)


@pytest.mark.parametrize("parts", [{}, {"terms": None}, {"pairs": None}, {"unit": False}])
@pytest.mark.parametrize("normalize", [True, False])
def test_contributions_add_up_to_the_logits(parts, normalize):
    model = tiny_model(normalize=normalize)
    classifier = Classifier(model, random_head(model, **parts))
    for text in TEXTS:
        explained = classifier.explain(text)
        total = explained.bias + sum(part.logits for part in explained.contributions)
        np.testing.assert_allclose(total, classifier.logits(text), atol=1e-5)
        np.testing.assert_allclose(explained.logits, classifier.logits(text), atol=1e-6)


def test_contributions_are_named_by_tokens_and_pairs(classifier):
    parts = classifier.explain("sun moonlight!").contributions
    assert [part.text for part in parts] == [
        *("sun", "moon", "##light", "!"),
        *("sun moon", "moon ##light", "##light !"),
    ]
    assert [part.text for part in classifier.explain("sun comet moon").contributions] == ["sun", "moon"]


def test_a_text_that_cannot_be_explained(classifier):
    with pytest.raises(ArgumentError, match="must be valid Unicode, found a lone surrogate"):
        classifier.explain("\ud800")


def test_one_text_and_many(classifier):
    shares = classifier.predict_proba(TEXTS)
    assert shares.shape == (4, 3)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(classifier.predict_proba(TEXTS[0]), shares[0], atol=1e-6)
    assert classifier.predict(TEXTS[0]) == classifier.predict(TEXTS)[0]
    assert classifier.predict(iter(TEXTS)) == classifier.predict(TEXTS)
    assert classifier.predict([]) == []


def test_many_texts_on_several_threads(classifier):
    texts = [" ".join(["sun", "moon", "!"] * (index % 40)) for index in range(9000)]
    expected = classifier.head.logits_reference(classifier.model, texts[:200])
    found = classifier.logits(texts)
    assert found.shape == (9000, 3)
    np.testing.assert_allclose(found[:200], expected, atol=1e-5)


@pytest.mark.parametrize("texts", [["sun", None], ["sun", 3], b"sun", 5, ["\ud800"]])
def test_what_is_no_text_is_refused(classifier, texts):
    with pytest.raises(ArgumentError, match="text"):
        classifier.predict(texts)


def test_save_and_load(classifier, tmp_path):
    classifier.save_pretrained(tmp_path / "c", graphs=["ids", "text"], precisions=["fp32"])
    loaded = Classifier.from_pretrained(tmp_path / "c")
    assert loaded.labels == classifier.labels
    assert loaded.training == classifier.training
    np.testing.assert_array_equal(loaded.logits(TEXTS), classifier.logits(TEXTS))
    static = StaticModel.from_pretrained(tmp_path / "c")
    np.testing.assert_array_equal(static.encode(TEXTS), classifier.model.encode(TEXTS))
    with pytest.raises(FolderError, match="nothing at"):
        Classifier.from_pretrained(tmp_path / "none")


def test_copies_and_pickles_predict_the_same(classifier):
    before = classifier.logits(TEXTS)
    for twin in (copy.deepcopy(classifier), pickle.loads(pickle.dumps(classifier))):
        np.testing.assert_array_equal(twin.logits(TEXTS), before)


def test_its_repr_is_a_line(classifier):
    assert repr(classifier).startswith("Classifier(single_label, 3 outputs, StaticModel(6 tokens x 2")


def test_predicting_loads_nothing_heavy(classifier, tmp_path):
    classifier.save_pretrained(tmp_path / "c", graphs=[], precisions=["fp32"])
    code = f"from m2v_onnx import Classifier; c = Classifier.from_pretrained({str(tmp_path / 'c')!r})"
    modules = loaded_modules(f"{code}; c.predict(['sun'] * 5000); c.explain('sun')")
    assert not {*HEAVY, "onnxruntime", "huggingface_hub", "rich", "threadpoolctl"} & modules


def test_push_and_load_from_the_hub(classifier, hub):
    address = classifier.push_to_hub("owner/stars", token=TOKEN)
    assert address == f"{hub.endpoint}/owner/stars/commit/{COMMITS['main']}"
    loaded = Classifier.from_pretrained("owner/stars")
    np.testing.assert_array_equal(loaded.logits(TEXTS), classifier.logits(TEXTS))


def test_export_and_server_know_a_classifier_of_the_hub(classifier, hub, tmp_path):
    classifier.push_to_hub("owner/stars", token=TOKEN)
    export("owner/stars", tmp_path / "stars", graph=["ids"], precision=["fp32"], quiet=True)
    exported = Classifier.from_pretrained(tmp_path / "stars")
    np.testing.assert_array_equal(exported.logits(TEXTS), classifier.logits(TEXTS))
    served = ServedModel.load("stars", "owner/stars", Settings({"stars": "owner/stars"}))
    assert served.classifier.labels == classifier.labels
