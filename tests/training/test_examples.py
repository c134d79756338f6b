"""What bad input gets, before anything is learned."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx.errors import ArgumentError
from m2v_onnx.training import TrainingOptions, train_classifier
from m2v_onnx.training.examples import check_examples, check_size, count_overlap
from m2v_onnx.training.features import n_pair_rows
from tests.training.builders import reviews, word_model

TEXTS = ["the film was good", "the film was bad", "good", "bad"]
DEFAULT = TrainingOptions()


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (TEXTS, ["a"] * 4, "expected two labels or more to tell apart, found 'a' alone"),
        ([], [], "expected one or more texts, and a label for each, found 0 texts and 0 labels"),
        (TEXTS, ["a", "b"], "found 4 texts and 2 labels"),
        (["x", None], ["a", "b"], "expected a text in row 1, found None"),
        (["x", float("nan")], ["a", "b"], "expected a text in row 1, found nan"),
        (["x", 3], ["a", "b"], "expected a text in row 1, found 3"),
        ("texts", ["a", "b"], "expected a list of texts, found str"),
        (TEXTS, ["a", None, "b", "b"], "expected a label in row 1, found None"),
        (TEXTS, ["a", "b", float("nan"), "b"], "expected a label in row 2, found nan"),
        (TEXTS, ["1", "2", 1, 2], "found '1' in row 0 and 1 in row 2: '1' and 1 would be two labels"),
        (TEXTS, [True, False, 1, 0], "expected labels of one type, found True in row 0 and 1 in row 2"),
        (TEXTS, [0.5, 1.5, 0.5, 1.5], "train a regression"),
        (TEXTS, [b"a", b"b", b"a", b"b"], "a whole number of up to 64 bits as label in row 0"),
        (TEXTS, [["a"], "b", ["a"], ["b"]], "a whole number of up to 64 bits as label in row 0"),
        (TEXTS, [[], [], [], []], "expected labels in some row, found empty lists alone"),
        (TEXTS, [["a"], ["b", None], ["a"], []], "a whole number of up to 64 bits as label in row 1"),
        (TEXTS, ["a", "b", "a", "\ud800"], "whole number of up to 64 bits as label in row 3"),
        (TEXTS, [1, 2, 1 << 63, 1], "whole number of up to 64 bits as label in row 2"),
        (["good"], [["a"]], "expected two texts or more to learn from"),
        (TEXTS, np.eye(4), "found an array of 2 dimensions: give the labels themselves"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(texts, labels, message):
    with pytest.raises(ArgumentError, match=message):
        train_classifier(word_model(), texts, labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1.0, "x"], "expected a number, up to 1.0e.25, in row 1, found 'x'"),
        ([1.0, float("inf")], "expected a number, up to 1.0e.25, in row 1, found inf"),
        ([1.0, True], "expected a number, up to 1.0e.25, in row 1, found True"),
        ([[1, 2], [3]], "expected 2 values in row 1, found 1"),
        ([1.0, None], "expected a label in row 1, found None"),
    ],
)
def test_a_regression_wants_numbers(labels, message):
    with pytest.raises(ArgumentError, match=message):
        check_examples(["a", "b"], labels, TrainingOptions(problem="regression"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([3, 1, 2, 1], (1, 2, 3)),
        (np.array([3, 1, 2, 1]), (1, 2, 3)),
        (["b", "a", "ñ", "a"], ("a", "b", "ñ")),
        (np.array(["b", "a", "b", "a"]), ("a", "b")),
        ([True, False, True, False], (False, True)),
        ([["b"], ["a", "b"], [], ["a"]], ("a", "b")),
        ([{"b"}, ("a", "b"), [], ["a"]], ("a", "b")),
    ],
)
def test_labels_are_sorted_and_keep_their_type(given, expected):
    examples = check_examples(TEXTS, given, DEFAULT)
    assert examples.labels == expected
    assert {type(label) for label in examples.labels} == {type(expected[0])}


def test_targets_are_worked_out_by_hand():
    assert check_examples(TEXTS, ["b", "a", "b", "a"], DEFAULT).targets.tolist() == [
        [0, 1],
        [1, 0],
        [0, 1],
        [1, 0],
    ]
    several = check_examples(TEXTS, [["b", "b"], [], ["a", "b"], ["a"]], DEFAULT)
    assert several.targets.tolist() == [[0, 1], [0, 0], [1, 1], [1, 0]]
    assert several.problem == "multi_label"
    numbers = check_examples(TEXTS, [1, 2.5, 3, 4], TrainingOptions(problem="regression"))
    assert numbers.targets.tolist() == [[1], [2.5], [3], [4]]


def test_notes_count_what_looks_wrong():
    texts = ["x", "x", "", " ", "y", "y"]
    notes = check_examples(texts, ["a", "b", "a", "b", "c", "a"], DEFAULT).notes
    assert notes == (
        "one text alone for 'c': it is learned from, and never held out; add some more",
        "2 empty texts: they are learned from as texts without known tokens",
        "2 texts stand there with two labels or more: look at them",
    )
    assert check_examples(TEXTS, ["a", "b", "a", "b"], DEFAULT).notes == ()


def test_a_lonely_label_is_refused_where_that_is_asked_for():
    with pytest.raises(ArgumentError, match="two texts or more for each label, found one for 'b', 'c'"):
        check_examples(TEXTS, ["a", "a", "b", "c"], TrainingOptions(strict=True))


def test_many_labels_leave_pairs_out():
    assert (n_pair_rows(2), n_pair_rows(256), n_pair_rows(257)) == (65536, 65536, 0)
    texts, labels = ["good plot"] * 257, list(range(257))
    for pairs in (True, False):
        options = TrainingOptions(learner="terms", pairs=pairs)
        notes = train_classifier(word_model(), texts, labels, options=options).training["notes"]
        assert ("257 labels are many: pairs of tokens do not count" in notes) == pairs


def test_labels_that_no_memory_holds_are_refused():
    labels = list(range(50_000))
    with pytest.raises(ArgumentError, match="found 50,000 for 50,000 texts or tokens, 10.0 GB: merge labels"):
        train_classifier(word_model(), ["good"] * len(labels), labels)
    check_size(1 << 20, 1 << 11)


def test_overlap_counts_texts_that_stand_in_both():
    assert count_overlap(["a", "b", "b"], ["b", "c"]) == 2


def test_options_refuse_what_they_do_not_know():
    for options, message in (
        ({"learner": "forest"}, "learner must be one of auto, frozen, terms, table, found 'forest'"),
        ({"problem": "ranking"}, "problem must be one of single_label, multi_label, regression"),
        ({"seed": -1}, "seed must be a whole number from 0 to 4294967295, found -1"),
        ({"seed": True}, "found True"),
        ({"class_weight": "even"}, "class_weight must be one of balanced, found 'even'"),
        ({"class_weight": {"a": 0}}, "class_weight must hold numbers above 0, found 0 for 'a'"),
        ({"class_weight": 3}, "class_weight must be balanced, or a factor by label, found int"),
        ({"small": True, "learner": "table"}, "take another learner"),
    ):
        with pytest.raises(ArgumentError, match=message):
            TrainingOptions(**options)


def test_class_weights_name_labels_that_are_there():
    texts, labels = reviews(40)
    with pytest.raises(ArgumentError, match="class_weight must name labels that some text has, found 'x'"):
        train_classifier(word_model(), texts, labels, options=TrainingOptions(class_weight={"x": 2}))
    regression = TrainingOptions(class_weight="balanced", problem="regression")
    with pytest.raises(ArgumentError, match="class_weight weighs labels, found a regression"):
        train_classifier(word_model(), texts, [1.0] * 40, options=regression)
