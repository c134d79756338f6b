"""What is held out, and which way to learn wins."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx.training.calibration import calibrate
from m2v_onnx.training.candidates import Candidate, Trial, pick, try_candidates
from m2v_onnx.training.examples import check_examples
from m2v_onnx.training.options import TrainingOptions
from m2v_onnx.training.splits import held_out_parts


def trial(name, loss, accuracy, *, n_texts=1000, spread=0.0):
    losses = loss + spread * np.resize([1.0, -1.0], n_texts)
    return Trial(Candidate(name, lambda _rows: None), np.ones(2), losses, accuracy)


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        ([trial("a", 0.5, 0.8), trial("b", 0.4, 0.8)], "b"),
        ([trial("a", 0.4, 0.8), trial("b", 0.4, 0.8)], "a"),  # the simplest of equals
        ([trial("a", 0.5, 0.8, spread=1), trial("b", 0.49, 0.8)], "a"),  # 0.01 is within 2 x 1 / sqrt(1000)
        ([trial("a", 0.6, 0.8, spread=1), trial("b", 0.49, 0.8)], "b"),
        ([trial("a", 0.4, 0.70), trial("b", 0.5, 0.75)], "b"),  # a standard error is 0.0137
        ([trial("a", 0.4, 0.74), trial("b", 0.5, 0.75)], "a"),
        ([trial("a", 0.4, 0.50, n_texts=40), trial("b", 0.5, 0.75, n_texts=40)], "a"),  # too few to tell
        ([trial("a", 0.4, 0.70, n_texts=40), trial("b", 0.5, 0.75, n_texts=40)], "a"),
        ([trial("a", 0.5, None), trial("b", 0.4, None), trial("c", 0.6, None)], "b"),
        ([trial("a", 0, None, n_texts=0), trial("b", 0, None, n_texts=0)], "a"),
    ],
)
def test_the_better_one_wins_where_that_is_no_chance(trials, expected):
    assert pick(trials).candidate.name == expected


def examples(counts):
    labels = [label for label, n in enumerate(counts) for _ in range(n)]
    return check_examples([f"text {i}" for i in range(len(labels))], labels, TrainingOptions())


def test_folds_hold_out_every_text_once_but_the_only_one_of_its_label():
    parts = held_out_parts(examples([50, 20, 1, 5]), seed=0)
    rows = np.concatenate(parts)
    assert len(parts) == 5
    assert sorted(rows) == [row for row in range(76) if row != 70]
    for part in parts:
        assert 9 <= (part < 50).sum() <= 11
        assert (part >= 71).sum() == 1


def test_many_texts_have_one_part_with_their_shares():
    (part,) = held_out_parts(examples([3000, 997, 2, 1]), seed=1)
    assert len(part) == 400
    assert 299 <= (part < 3000).sum() <= 301
    assert (part >= 3997).sum() <= 1
    (least,) = held_out_parts(examples([1500, 1000]), seed=1)
    assert len(least) == 300
    again = held_out_parts(examples([3000, 997, 2, 1]), seed=1)[0]
    np.testing.assert_array_equal(part, again)
    assert not np.array_equal(part, held_out_parts(examples([3000, 997, 2, 1]), seed=2)[0])


def test_every_label_keeps_a_text_where_most_have_one_alone():
    (part,) = held_out_parts(examples([1] * 2300 + [2] * 100), seed=0)
    assert len(set(part.tolist())) == len(part) == 66
    assert (part >= 2300).all()
    assert np.bincount((part - 2300) // 2).max() == 1


def test_nothing_is_held_out_where_every_label_has_one_text():
    assert held_out_parts(examples([1, 1, 1]), seed=0) == []


class Fit:
    def __init__(self, scale):
        self.scale = scale

    def decide(self, rows):
        return np.stack([np.full(len(rows), self.scale), np.zeros(len(rows))], axis=1)


def test_the_search_ends_at_a_less_regularized_one_that_is_worse():
    data = examples([1500, 600])
    scales = {"a": -1.0, "b": 1.0, "c": 0.0, "d": 2.0}  # the share of label 0 is 5 / 7; -1 says the other
    candidates = [
        Candidate(n, lambda _rows, s=s: Fit(s), less_regularized=n > "b") for n, s in scales.items()
    ]
    parts = held_out_parts(data, seed=0)
    assert [trial.candidate.name for trial in try_candidates(candidates, data, parts)] == ["a", "b", "c"]
    assert len(try_candidates(candidates, data, [parts[0][:150], parts[0][150:]])) == 4


def test_temperatures_by_hand():
    # Of logits (+-z), right three times in four, the best temperature gives log odds of log 3.
    targets = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.float32)
    logits = np.tile([4.0, 0.0], (4, 1))
    temperatures, losses = calibrate(logits, targets, "single_label")
    assert temperatures.tolist() == [temperatures[0]] * 2
    assert temperatures[0] == pytest.approx(4 / np.log(3), rel=0.04)  # of 80 steps from 0.03 to 8
    assert losses.mean() == pytest.approx(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)), abs=1e-3)
    temperatures, losses = calibrate(np.array([[4.0, 1.0]] * 4), targets, "multi_label")
    assert temperatures[0] == pytest.approx(4 / np.log(3), rel=0.04)
    assert temperatures[1] == pytest.approx(8)  # no temperature makes 1 the log odds of 1 / 4
    assert losses.shape == (4,)
    ones, squares = calibrate(np.array([[1.0], [2.0]]), np.array([[1], [4]], np.float32), "regression")
    assert (ones.tolist(), squares.tolist()) == ([1], [0, 4])
