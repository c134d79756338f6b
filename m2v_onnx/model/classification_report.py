"""How good predictions are: counts of labels, and what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.classification_head import Label

_N_BINS = 10
_N_CONFUSIONS = 10
_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LabelScore:
    """How one label fares. A share of nothing is 0.

    Attributes:
        label: the label.
        precision: the share of the texts given this label that have it.
        recall: the share of the texts with this label that were given it.
        f1: the harmonic mean of both.
        n_texts: texts that have the label.
        n_predicted: texts that were given the label.
    """

    label: Label
    precision: float
    recall: float
    f1: float
    n_texts: int
    n_predicted: int


@dataclass(frozen=True)
class Confusion:
    """One label given in the place of another, and how often."""

    expected: Label
    found: Label
    n_texts: int


@dataclass(frozen=True, eq=False)
class ClassificationReport:
    """What a classifier reaches on labelled texts; shares are from 0 to 1.

    Attributes:
        n_texts: texts that were scored.
        accuracy: share of texts whose label is right; of several labels, all must be.
        macro_f1: mean of the labels' F1, of those that occur or were given.
        calibration_error: how far probabilities are from the shares that come true, over ten bins of equal
            width (Guo et al. 2017); of the given label, or of each label where a text has several.
        baseline: accuracy of giving every text what most texts have.
        n_unseen: texts with a label that the classifier does not know; they count as wrong.
        labels: a score for each label.
        confusions: the commonest ten first; empty where a text has several labels.
        matrix: (C, C) int64, texts by expected and given label; None where a text has several.
        bins: (10, 3) float64, of each bin of probabilities: how many, their mean, the share that came true.
    """

    n_texts: int
    accuracy: float
    macro_f1: float
    calibration_error: float
    baseline: float
    n_unseen: int
    labels: tuple[LabelScore, ...]
    confusions: tuple[Confusion, ...]
    matrix: npt.NDArray[np.int64] | None
    bins: npt.NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        """Give all but matrix and bins, in values of JSON."""
        scores = ("n_texts", "accuracy", "macro_f1", "calibration_error", "baseline", "n_unseen")
        return {
            **{name: getattr(self, name) for name in scores},
            "labels": [asdict(score) for score in self.labels],
            "confusions": [asdict(confusion) for confusion in self.confusions],
        }


@dataclass(frozen=True)
class RegressionReport:
    """What a regression reaches on texts with values.

    Attributes:
        n_texts: texts that were scored.
        rmse: root of the mean squared error.
        mae: mean absolute error.
        r2: 1 - squared error / squared distance from the mean; 0 where all values are the same.
        baseline: the RMSE of giving every text the mean.
    """

    n_texts: int
    rmse: float
    mae: float
    r2: float
    baseline: float

    def to_json(self) -> dict[str, Any]:
        """Give the scores in values of JSON."""
        return asdict(self)


def report_single(
    labels: Sequence[Label], expected: npt.NDArray[np.int64], probabilities: npt.NDArray[np.floating[Any]]
) -> ClassificationReport:
    """Score one label a text.

    Args:
        labels: C of them.
        expected: (B,) the place of each text's label among them; -1 for a label that is none of them.
        probabilities: (B, C).
    """
    found = probabilities.argmax(axis=1)
    n_labels = len(labels)
    seen = expected >= 0
    matrix = np.zeros((n_labels, n_labels), np.int64)
    np.add.at(matrix, (expected[seen], found[seen]), 1)
    n_right = matrix.diagonal()
    n_expected = np.bincount(expected[seen], minlength=n_labels)
    scores = _score(labels, n_right, n_expected, np.bincount(found, minlength=n_labels))
    bins = _bin(probabilities.max(axis=1), found == expected)
    return ClassificationReport(
        n_texts=len(expected),
        accuracy=float((found == expected).mean()),
        macro_f1=_macro_f1(scores),
        calibration_error=_calibration_error(bins),
        baseline=float(n_expected.max() / len(expected)),
        n_unseen=int((~seen).sum()),
        labels=scores,
        confusions=_confusions(labels, matrix),
        matrix=matrix,
        bins=bins,
    )


def report_multiple(
    labels: Sequence[Label], expected: _Bools, probabilities: npt.NDArray[np.floating[Any]], *, unseen: _Bools
) -> ClassificationReport:
    """Score any number of labels a text; those above one half are given.

    Args:
        labels: C of them.
        expected: (B, C) which each text has.
        probabilities: (B, C).
        unseen: (B,) whether a text has a label that is none of them.
    """
    found = probabilities > 0.5
    scores = _score(labels, (found & expected).sum(axis=0), expected.sum(axis=0), found.sum(axis=0))
    bins = _bin(probabilities.ravel(), expected.ravel())
    _, n_same = np.unique(expected[~unseen], axis=0, return_counts=True)
    return ClassificationReport(
        n_texts=len(expected),
        accuracy=float(((found == expected).all(axis=1) & ~unseen).mean()),
        macro_f1=_macro_f1(scores),
        calibration_error=_calibration_error(bins),
        baseline=float(n_same.max(initial=0) / len(expected)),
        n_unseen=int(unseen.sum()),
        labels=scores,
        confusions=(),
        matrix=None,
        bins=bins,
    )


def report_regression(
    expected: npt.NDArray[np.floating[Any]], found: npt.NDArray[np.floating[Any]]
) -> RegressionReport:
    """Score (B, C) values against those that were expected."""
    errors = np.asarray(found - expected, np.float64)
    spread = np.asarray(expected - expected.mean(axis=0), np.float64)
    squares, total = float(np.square(errors).sum()), float(np.square(spread).sum())
    return RegressionReport(
        n_texts=len(expected),
        rmse=float(np.sqrt(np.square(errors).mean())),
        mae=float(np.abs(errors).mean()),
        r2=1 - squares / total if total else 0.0,
        baseline=float(np.sqrt(np.square(spread).mean())),
    )


def _score(
    labels: Sequence[Label],
    n_right: npt.NDArray[np.int64],
    n_expected: npt.NDArray[np.int64],
    n_found: npt.NDArray[np.int64],
) -> tuple[LabelScore, ...]:
    counts = zip(labels, n_right.tolist(), n_expected.tolist(), n_found.tolist(), strict=True)
    return tuple(
        LabelScore(
            label,
            precision=right / found if found else 0.0,
            recall=right / expected if expected else 0.0,
            f1=2 * right / (expected + found) if right else 0.0,
            n_texts=expected,
            n_predicted=found,
        )
        for label, right, expected, found in counts
    )


def _macro_f1(scores: Sequence[LabelScore]) -> float:
    there = [score.f1 for score in scores if score.n_texts or score.n_predicted]
    return sum(there) / len(there) if there else 0.0


def _confusions(labels: Sequence[Label], matrix: npt.NDArray[np.int64]) -> tuple[Confusion, ...]:
    wrong = matrix - np.diag(matrix.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[:_N_CONFUSIONS]
    cells = zip(*np.unravel_index(order, wrong.shape), strict=True)
    return tuple(
        Confusion(labels[row], labels[column], int(wrong[row, column]))
        for row, column in cells
        if wrong[row, column]
    )


def _bin(probabilities: npt.NDArray[np.floating[Any]], came_true: _Bools) -> npt.NDArray[np.float64]:
    """Give (10, 3): count, mean probability and share that came true; zeros for an empty bin."""
    places = np.clip((probabilities * _N_BINS).astype(np.int64), 0, _N_BINS - 1)
    counts = np.bincount(places, minlength=_N_BINS)
    sums = [np.bincount(places, weights=values, minlength=_N_BINS) for values in (probabilities, came_true)]
    filled = np.maximum(counts, 1)
    return np.stack([counts, sums[0] / filled, sums[1] / filled], axis=1)


def _calibration_error(bins: npt.NDArray[np.float64]) -> float:
    counts, means, shares = bins.T
    return float((counts * np.abs(means - shares)).sum() / counts.sum())
