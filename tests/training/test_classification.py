"""Classifiers learned from small sets of texts."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from m2v_onnx import Classifier, StaticModel
from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.training import TrainingOptions, train_classifier
from tests.builders import word_piece
from tests.training.builders import TOKENS, reviews, turned_reviews, word_model

HARD = ["", "comet", "good", "the film was good good", "🙂 good", "not good film " * 300, "good comet bad"]


def train(texts, labels, model=None, **options):
    return train_classifier(model or word_model(), texts, labels, options=TrainingOptions(**options))


def accuracy(classifier, texts, labels):
    return np.mean([one == other for one, other in zip(classifier.predict(texts), labels, strict=True)])


@pytest.mark.parametrize("learner", ["auto", "frozen", "terms", "table"])
def test_every_learner_learns_what_words_tell(learner):
    classifier = train(*reviews(120), learner=learner)
    assert classifier.labels == ("disliked", "liked")
    assert accuracy(classifier, *reviews(50, seed=9)) == 1
    assert classifier.predict("the song was great") == "liked"


@pytest.mark.parametrize("learner", ["terms", "table"])
def test_pairs_tell_what_words_alone_do_not(learner):
    texts, labels = turned_reviews(300)
    with_pairs = train(texts, labels, learner=learner)
    without = train(texts, labels, learner=learner, pairs=False)
    assert with_pairs.head.pairs is not None
    assert without.head.pairs is None
    assert accuracy(with_pairs, texts, labels) > 0.95
    assert accuracy(without, texts, labels) < 0.75


@pytest.mark.parametrize("options", [{}, {"learner": "frozen"}, {"learner": "table"}, {"small": True}])
@pytest.mark.parametrize("normalize", [True, False])
def test_logits_are_those_of_the_specification(options, normalize):
    texts, labels = turned_reviews(200)
    classifier = train(texts, labels, word_model(normalize=normalize), **options)
    expected = classifier.head.logits_reference(classifier.model, HARD)
    np.testing.assert_allclose(classifier.logits(HARD), expected, rtol=1e-5, atol=1e-5)
    one_by_one = np.stack([classifier.logits(text) for text in HARD])
    np.testing.assert_allclose(one_by_one, expected, rtol=1e-5, atol=1e-5)
    assert classifier.logits([]).shape == (0, 2)


def test_texts_without_known_tokens_get_the_bias():
    classifier = train(*reviews(60))
    np.testing.assert_array_equal(classifier.logits(["", "comet"]), [classifier.head.bias] * 2)
    assert np.isfinite(classifier.predict_proba("")).all()


def test_the_same_texts_and_seed_give_the_same_bytes(tmp_path):
    texts, labels = turned_reviews(80)
    for name, options in (("auto", {}), ("table", {"learner": "table"}), ("small", {"small": True})):
        heads = [train(texts, labels, seed=3, **options) for _ in range(2)]
        for part in ("weight", "bias", "terms", "pairs"):
            one, other = (getattr(classifier.head, part) for classifier in heads)
            assert (one is None and other is None) or one.tobytes() == other.tobytes(), (name, part)
        assert heads[0].model.table.tobytes() == heads[1].model.table.tobytes()
        assert heads[0].training == heads[1].training
    heads[0].save_pretrained(tmp_path / "one", graphs=["ids"], precisions=["fp32"])
    heads[1].save_pretrained(tmp_path / "two", graphs=["ids"], precisions=["fp32"])
    for path in sorted((tmp_path / "one").rglob("*")):
        if path.is_file() and path.name != "README.md":  # which has the folder's name
            other = tmp_path / "two" / path.relative_to(tmp_path / "one")
            assert path.read_bytes() == other.read_bytes(), path.name


def test_the_number_of_threads_changes_no_byte(tmp_path):
    script = (
        "import hashlib; from tests.training.builders import *\n"
        "from m2v_onnx.training import train_classifier, TrainingOptions\n"
        "for learner in ('auto', 'table'):\n"
        "    options = TrainingOptions(learner=learner)\n"
        "    c = train_classifier(word_model(), *turned_reviews(80), options=options)\n"
        "    print(hashlib.sha256(c.head.weight.tobytes() + c.head.pairs.tobytes()).hexdigest())"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={"OPENBLAS_NUM_THREADS": n, "OMP_NUM_THREADS": n, "PATH": "", "PYTHONPATH": "."},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in ("1", "2")
    }
    assert len(printed) == 1
    assert len(printed.pop().split()) == 2


def test_seeds_of_the_table_differ():
    texts, labels = reviews(60)
    one, other = (train(texts, labels, learner="table", seed=seed) for seed in (0, 1))
    assert not np.array_equal(one.head.weight, other.head.weight)


def test_labels_keep_their_type_when_saved(tmp_path):
    texts, words = reviews(60)
    for labels in ([int(w == "liked") for w in words], [w == "liked" for w in words], words):
        train(texts, labels).save_pretrained(tmp_path / "c", graphs=[], precisions=["fp32"])
        loaded = Classifier.from_pretrained(tmp_path / "c")
        assert loaded.labels == tuple(sorted(set(labels)))
        assert {type(label) for label in loaded.labels} == {type(labels[0])}
        assert type(loaded.predict(texts)[0]) is type(labels[0])


def test_any_number_of_labels():
    texts, opinions = reviews(150)
    labels = [
        [*(["liked"] if opinion == "liked" else []), *(["song"] if "song" in text else [])]
        for text, opinion in zip(texts, opinions, strict=True)
    ]
    for learner in ("auto", "table"):
        classifier = train(texts, labels, learner=learner)
        assert classifier.head.problem == "multi_label"
        assert classifier.labels == ("liked", "song")
        found = classifier.predict(["the song was fine", "the plot was poor", "the song was bad"])
        assert found == [["liked", "song"], [], ["song"]]
        report = classifier.evaluate(texts, labels)
        assert report.accuracy == 1
        assert report.matrix is None


def test_a_label_that_every_text_has_gets_its_odds():
    texts, _ = reviews(50)
    labels = [["seen", "song"] if "song" in text else ["seen"] for text in texts]
    classifier = train(texts, labels, learner="frozen")
    assert (classifier.predict_proba(texts)[:, 0] > 0.9).all()


@pytest.mark.parametrize("learner", ["auto", "frozen", "table"])
def test_a_regression_gives_values(learner):
    texts, labels = reviews(200)
    values = [100 + 10 * (label == "liked") for label in labels]
    classifier = train(texts, values, learner=learner, problem="regression")
    assert classifier.labels == ()
    found = classifier.predict(["the film was good", "the film was bad"])
    np.testing.assert_allclose(found, [110, 100], atol=3)
    report = classifier.evaluate(texts, values)
    assert report.r2 > 0.5
    assert report.baseline == pytest.approx(np.std(values))


def test_a_regression_of_two_values_and_one_that_does_not_change():
    texts, labels = reviews(100)
    values = [[float(label == "liked"), 7.0] for label in labels]
    found = train(texts, values, problem="regression").predict(["good", "bad"])
    np.testing.assert_allclose(found, [[1, 7], [0, 7]], atol=0.35)


def test_class_weights_move_the_border():
    texts, labels = reviews(200)
    labels = ["liked" if i % 3 == 0 else label for i, label in enumerate(labels)]  # noise
    shares = {}
    for factor in (0.05, 1.0, 20.0):
        classifier = train(texts, labels, learner="frozen", class_weight={"liked": factor})
        shares[factor] = np.mean([label == "liked" for label in classifier.predict(texts)])
    assert shares[0.05] < shares[20.0]
    numbers = [int(label == "liked") for label in labels]
    classifier = train(texts, numbers, learner="frozen", class_weight={"1": 20.0})  # as a command line has it
    assert np.mean(classifier.predict(texts)) == shares[20.0]
    rare = [(t, label) for t, label in zip(*reviews(400), strict=True) if label == "disliked" or t[-1] == "e"]
    balanced = train(*map(list, zip(*rare, strict=True)), class_weight="balanced")
    assert balanced.predict("the film was fine") == "liked"


def test_few_texts_and_lonely_labels():
    assert train(["good", "bad"], ["a", "b"]).predict(["good", "bad"]) == ["a", "b"]
    classifier = train([*reviews(40)[0], "plot plot"], [*reviews(40)[1], "lonely"])
    assert classifier.labels == ("disliked", "liked", "lonely")
    assert classifier.predict("plot plot") in classifier.labels
    assert train(["good", "bad", "fine"], ["a", "b", "a"]).training["n_held_out"] == 2


def test_training_says_what_was_tried():
    training = train(*reviews(120)).training
    assert training["n_texts"] == 120
    assert training["n_held_out"] == 120  # five folds
    assert training["label_counts"].keys() == {"disliked", "liked"}
    assert sum(training["label_counts"].values()) == 120
    assert training["chosen"] in [trial["name"] for trial in training["trials"]]
    assert json.loads(json.dumps(training)) == training
    assert train(*reviews(2500)).training["n_held_out"] == 300


def test_small_is_a_table_of_a_column_a_label():
    texts, labels = turned_reviews(300)
    classifier = train(texts, labels, small=True)
    assert classifier.model.table.shape == (len(TOKENS), 2)
    np.testing.assert_array_equal(classifier.head.weight, np.eye(2))
    assert not classifier.head.unit
    assert accuracy(classifier, texts, labels) > 0.95


def test_a_table_that_is_not_finite_is_refused():
    model = word_model()
    model.table[4] = np.nan
    with pytest.raises(FolderError, match=r"found NaN or infinity for texts\[\d+\]"):
        train(*reviews(40), model)


def test_models_with_weights_clusters_and_float16_can_be_trained():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(5, 8)).astype(np.float16)
    mapping = rng.integers(0, 5, len(TOKENS)).astype(np.int32)
    weights = rng.uniform(0.5, 2, len(TOKENS)).astype(np.float32)
    model = StaticModel(table, word_piece(TOKENS), ModelConfig(normalize=True), weights, mapping)
    for learner in ("terms", "table"):
        classifier = train(*reviews(120), model, learner=learner)
        assert accuracy(classifier, *reviews(50, seed=9)) == 1
    assert classifier.model.table.shape == (len(TOKENS), 8)
    assert classifier.model.mapping is None


def test_the_models_table_is_not_touched():
    model = word_model()
    before = model.table.copy()
    train(*reviews(40), model, learner="table")
    np.testing.assert_array_equal(model.table, before)


def test_unseen_labels_are_refused_or_counted():
    classifier = train(*reviews(60))
    with pytest.raises(ArgumentError, match=r"found \['x'\] in row 1, and 1 such rows in all"):
        classifier.evaluate(["good", "bad"], ["liked", "x"])
    report = classifier.evaluate(["good", "bad"], ["liked", "x"], allow_unseen=True)
    assert (report.accuracy, report.n_unseen) == (0.5, 1)
    with pytest.raises(ArgumentError, match="found 2 texts and 1 labels"):
        classifier.evaluate(["good", "bad"], ["liked"])


def test_a_regression_is_scored_on_as_many_numbers_as_it_gives():
    texts, labels = reviews(40)
    classifier = train(texts, [[float(label == "liked"), 1.0] for label in labels], problem="regression")
    assert classifier.evaluate(texts[:2], [[1, 1], [0, 1]]).n_texts == 2
    for wrong in ([1.0, 2.0], [[1, 2, 3]] * 2, ["x", "y"], [[1, float("nan")]] * 2, [[1], [1, 2]]):
        with pytest.raises(ArgumentError, match="expected (2 values|numbers|finite numbers)"):
            classifier.evaluate(texts[:2], wrong)


def test_lists_are_no_single_labels_to_score_on():
    classifier = train(*reviews(40))
    with pytest.raises(ArgumentError, match="expected a label in row 0, found .'liked'.: a text has one"):
        classifier.evaluate(["good"], [["liked"]])


def test_a_regression_of_few_texts_is_a_ridge_and_labels_are_logistic():
    texts, labels = reviews(20)
    values = [float(label == "liked") for label in labels]
    found = {
        "regression": train(texts, values, problem="regression", learner="frozen"),
        "single_label": train(texts, labels, learner="frozen"),
    }
    chosen = {problem: classifier.training["chosen"] for problem, classifier in found.items()}
    assert chosen == {"regression": "frozen, C=2", "single_label": "frozen, C=100"}
