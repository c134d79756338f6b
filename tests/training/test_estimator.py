"""The classifier in scikit-learn's form."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from m2v_onnx.errors import ArgumentError
from m2v_onnx.training import TextClassifier
from tests.training.builders import reviews, word_model


def lower(texts):
    return [text.lower() for text in texts]


def test_fit_and_predict():
    texts, labels = reviews(80)
    classifier = TextClassifier(word_model(), learner="frozen").fit(texts, np.array(labels))
    assert classifier.classes_.tolist() == ["disliked", "liked"]
    assert classifier.predict(["good", "bad"]).tolist() == ["liked", "disliked"]
    assert classifier.predict_proba(np.array(["good", "bad"])).shape == (2, 2)
    assert classifier.score(texts, labels) > 0.9
    assert classifier.classifier_.training["learner"] == "frozen"


def test_one_text_is_no_list():
    classifier = TextClassifier(word_model(), learner="frozen").fit(*reviews(80))
    with pytest.raises(ArgumentError, match="expected a list of texts, found str"):
        classifier.predict("good")


def test_a_clone_has_the_same_choices_and_nothing_learned():
    model = word_model()
    classifier = TextClassifier(model, learner="terms", pairs=False, class_weight="balanced", seed=3)
    twin = clone(classifier.fit(*reviews(40)))
    assert twin.get_params(deep=False).keys() == {
        "model",
        "learner",
        "pairs",
        "class_weight",
        "small",
        "seed",
    }
    with pytest.raises(NotFittedError, match="not fitted yet"):
        twin.predict(["good"])


def test_search_pipeline_and_folds():
    texts, labels = reviews(60)
    pipeline = make_pipeline(FunctionTransformer(lower), TextClassifier(word_model()))
    search = GridSearchCV(pipeline, {"textclassifier__learner": ["frozen", "terms"]}, cv=2)
    search.fit(texts, labels)
    assert search.best_params_["textclassifier__learner"] in ("frozen", "terms")
    assert search.predict(["GOOD", "BAD"]).tolist() == ["liked", "disliked"]
    assert cross_val_score(TextClassifier(word_model()), texts, labels, cv=3).mean() > 0.9


def test_several_labels_as_a_matrix():
    texts, labels = reviews(60)
    rows = zip(texts, labels, strict=True)
    members = np.array([[label == "liked", "film" in text, False] for text, label in rows], int)
    classifier = TextClassifier(word_model(), learner="terms").fit(texts, members)
    assert classifier.score(texts, members) > 0.9
    assert classifier.predict(texts[:1]).tolist() == members[:1].tolist()
    assert classifier.predict_proba(["good"])[0, 2] == 0  # a column without a 1
    assert classifier.classes_.tolist() == [0, 1, 2]
    assert cross_val_score(TextClassifier(word_model()), texts, members, cv=3).mean() > 0.9
    with pytest.raises(ArgumentError, match="expected a matrix of 0 and 1, found other numbers"):
        TextClassifier(word_model()).fit(texts, members * 2)


def test_a_label_with_a_nul_at_its_end():
    texts, labels = reviews(60)
    labels = ["a" if label == "liked" else "a\0" for label in labels]
    classifier = TextClassifier(word_model()).fit(texts, labels)
    assert set(classifier.predict(texts)) == {"a", "a\0"}


def test_a_folder_is_a_model_too(tmp_path):
    word_model().save_pretrained(tmp_path / "m", graphs=["ids"], precisions=["fp32"])
    classifier = TextClassifier(tmp_path / "m").fit(*reviews(40))
    assert classifier.predict(["the film was great"]).tolist() == ["liked"]
