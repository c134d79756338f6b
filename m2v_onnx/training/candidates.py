"""Ways to learn, tried on held-out texts: the least loss wins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.classification_head import ClassificationHead, Problem
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.runtime.text_features import TextFeatures
from m2v_onnx.training.calibration import calibrate
from m2v_onnx.training.examples import Examples
from m2v_onnx.training.features import Counts, Rows
from m2v_onnx.training.linear import LinearLearner, LinearSettings
from m2v_onnx.training.options import Learner, TrainingOptions
from m2v_onnx.training.table import TableLearner

Numbers = npt.NDArray[np.float64]

# Chosen on held-out tenths and fifths of training files alone: see docs/training.md.
_FROZEN = LinearSettings(None, 0.5)
# With up to so many texts a label, weights are held back less; with so few texts in all, squared hinges are
# less accurate than logistic regression, which takes longer.
_FEW_TEXTS_A_LABEL, _FEW_TEXTS = 20, 1000
_FROZEN_FEW_A_LABEL = LinearSettings(None, 2)
_FROZEN_FEW = LinearSettings(None, 100, logistic=True)
# So few held-out texts do not tell which way is more accurate.
_FEW_HELD_OUT = 100
_TERMS = (LinearSettings(4, 0.05), LinearSettings(3, 0.5), LinearSettings(6, 1))


class Fit(Protocol):
    """What was learned from some rows."""

    def decide(self, rows: Rows) -> Numbers:
        """Give (N, C) logits of N rows, not yet calibrated."""
        ...

    def head(self, model: StaticEmbedding, examples: Examples, temperatures: Numbers) -> ClassificationHead:
        """Give the head that says the same, divided by (C,) temperatures."""
        ...

    def adapt(self, model: StaticEmbedding) -> StaticEmbedding:
        """Give the model that the head belongs to."""
        ...


@dataclass(frozen=True)
class Candidate:
    """A way to learn.

    Attributes:
        name: what a report calls it.
        fit: learns from rows.
        less_regularized: whether it is the one before it with weaker regularization.
    """

    name: str
    fit: Callable[[Rows], Fit]
    less_regularized: bool = False


@dataclass(frozen=True, eq=False)
class Trial:
    """What a candidate reached on held-out texts.

    Attributes:
        candidate: which one.
        temperatures: (C,).
        losses: of each held-out text, the log loss with these temperatures, or a regression's squared error;
            empty where no text could be held out.
        accuracy: share of held-out texts whose labels are all right; None for a regression.
    """

    candidate: Candidate
    temperatures: Numbers
    losses: Numbers
    accuracy: float | None = None

    @property
    def loss(self) -> float | None:
        """The mean of the losses; None where there are none."""
        return float(self.losses.mean()) if len(self.losses) else None


def find_candidates(
    model: StaticEmbedding,
    features: TextFeatures,
    examples: Examples,
    weights: Numbers | None,
    options: TrainingOptions,
    *,
    root: float | None = None,
) -> list[Candidate]:
    """Give the ways of a learner, the simplest first; for `root` see `Counts.of`."""
    shared = (examples.targets, examples.problem, weights, options.seed)
    if options.learner == "table":
        learner = TableLearner(model, features, *shared)
        ways = (False, True) if len(features.pairs.ids) else (False,)
        return [
            Candidate("table with pairs" if pairs else "table", partial(learner.fit, pairs=pairs))
            for pairs in ways
        ]
    linear = LinearLearner(features.vectors, Counts.of(features, root=root), *shared)
    n_texts, n_outputs = examples.targets.shape
    frozen = _FROZEN
    if n_texts <= _FEW_TEXTS_A_LABEL * n_outputs:
        is_logistic = n_texts <= _FEW_TEXTS and examples.problem != "regression"
        frozen = _FROZEN_FEW if is_logistic else _FROZEN_FEW_A_LABEL
    settings: dict[Learner, Sequence[LinearSettings]] = {
        "frozen": [frozen],
        "terms": _TERMS,
        "auto": [frozen, *_TERMS],
    }
    return [
        Candidate(one.name, partial(linear.fit, settings=one), less_regularized=one in _TERMS[1:])
        for one in settings[options.learner]
    ]


def try_candidates(candidates: Sequence[Candidate], examples: Examples, parts: Sequence[Rows]) -> list[Trial]:
    """Let every candidate learn from what is outside of each part, and say what is inside.

    With one part, which many texts have, it ends at a less regularized one that is worse than the one before:
    the next, which take longer, would be worse still.
    """
    n_outputs = examples.targets.shape[1]
    if not parts:
        return [Trial(candidate, np.ones(n_outputs), np.zeros(0)) for candidate in candidates]
    rows = np.concatenate(list(parts))
    everything = np.arange(len(examples.texts))
    trials = []
    for candidate in candidates:
        decisions = [candidate.fit(np.setdiff1d(everything, part)).decide(part) for part in parts]
        logits, targets = np.concatenate(decisions), examples.targets[rows]
        temperatures, losses = calibrate(logits, targets, examples.problem)
        trials.append(Trial(candidate, temperatures, losses, _accuracy(logits, targets, examples.problem)))
        if len(parts) == 1 and candidate.less_regularized and losses.mean() > trials[-2].losses.mean():
            break
    return trials


def pick(trials: Sequence[Trial]) -> Trial:
    """Give the best trial, or the first, which is the simplest, where that is as good within chance.

    Those whose accuracy is a standard error below the best are left out, and the least loss wins; but where
    the first is not left out, or up to a hundred texts say little, only if it is better than the first by two
    standard errors of the difference.
    """
    best = max(trial.accuracy or 0.0 for trial in trials)
    least = best - (best * (1 - best) / max(1, len(trials[0].losses))) ** 0.5
    near = [trial for trial in trials if trial.accuracy is None or trial.accuracy >= least]
    winner = min(near, key=lambda trial: trial.loss if trial.loss is not None else float("inf"))
    n_texts = len(winner.losses)
    if n_texts == 0 or (n_texts > _FEW_HELD_OUT and near[0] is not trials[0]):
        return winner
    gains = trials[0].losses - winner.losses
    return winner if gains.sum() > 2 * np.sqrt(np.square(gains - gains.mean()).sum()) else trials[0]


def _accuracy(logits: Numbers, targets: npt.NDArray[np.float32], problem: Problem) -> float | None:
    if problem == "regression":
        return None
    if problem == "multi_label":
        return float(((logits > 0) == (targets > 0)).all(axis=1).mean())
    return float((logits.argmax(axis=1) == targets.argmax(axis=1)).mean())
