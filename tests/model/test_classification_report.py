"""Scores of predictions, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx.model.classification_report import report_multiple, report_regression, report_single

SHARES = np.array([[0.95, 0.05], [0.85, 0.15], [0.25, 0.75], [0.05, 0.95]])


def test_one_label_a_text():
    report = report_single(("no", "yes"), np.array([0, 1, 1, 1]), SHARES)
    assert (report.n_texts, report.accuracy, report.baseline, report.n_unseen) == (4, 0.75, 0.75, 0)
    no, yes = report.labels
    assert (no.precision, no.recall, no.n_texts, no.n_predicted) == (0.5, 1, 1, 2)
    assert (yes.precision, yes.recall, yes.n_texts, yes.n_predicted) == (1, 2 / 3, 3, 2)
    assert (no.f1, yes.f1) == (pytest.approx(2 / 3), pytest.approx(0.8))
    assert report.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)
    assert [(c.expected, c.found, c.n_texts) for c in report.confusions] == [("yes", "no", 1)]
    assert report.matrix.tolist() == [[1, 0], [1, 2]]
    # Bins of 0.95 (twice, right), 0.85 (wrong), 0.75 (right).
    assert report.calibration_error == pytest.approx((2 * 0.05 + 0.85 + 0.25) / 4)
    assert report.bins[9].tolist() == [2, pytest.approx(0.95), 1]


def test_labels_that_nobody_has_or_gives_do_not_count():
    report = report_single(("a", "b", "c"), np.array([0, 0]), np.array([[0.9, 0.1, 0], [0.9, 0.1, 0]]))
    assert report.macro_f1 == 1
    unseen = report_single(("a", "b"), np.array([0, -1]), SHARES[:2])
    assert (unseen.accuracy, unseen.n_unseen, unseen.baseline) == (0.5, 1, 0.5)


def test_any_number_of_labels():
    expected = np.array([[True, False], [True, True], [False, False]])
    shares = np.array([[0.9, 0.4], [0.8, 0.3], [0.1, 0.2]])
    report = report_multiple(("a", "b"), expected, shares, unseen=np.array([False, False, True]))
    assert report.accuracy == pytest.approx(1 / 3)  # the second lacks b, the third has a label more
    assert [score.f1 for score in report.labels] == [1, 0]
    assert (report.macro_f1, report.n_unseen, report.matrix) == (0.5, 1, None)
    assert report.baseline == pytest.approx(1 / 3)


def test_a_regression():
    report = report_regression(np.array([[1.0], [3.0]]), np.array([[1.0], [2.0]]))
    assert (report.rmse, report.mae, report.r2, report.baseline) == (pytest.approx(0.5**0.5), 0.5, 0.5, 1)
    constant = report_regression(np.array([[1.0], [1.0]]), np.array([[1.0], [2.0]]))
    assert constant.r2 == 0
