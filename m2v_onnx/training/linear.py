"""The convex learners: a linear model on the static vector, and on tokens and pairs beside it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from m2v_onnx.model.classification_head import ClassificationHead, Problem
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.training.examples import Examples
from m2v_onnx.training.features import N_PAIR_ROWS, Counts, Rows, dense_beside

# liblinear's margins move by less than a rounding of the accuracy below this; 1e-4 takes ten times as long.
_TOLERANCE = 0.1
_MOST_PASSES = 200

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearSettings:
    """One way to learn.

    Attributes:
        terms: how much less a token weighs than the vector, K; None for the vector alone.
        strength: how little weights are held back, C; a ridge's 1 / alpha.
        logistic: whether the loss is that of logistic regression, all labels at once, and not squared hinges.
    """

    terms: float | None
    strength: float
    logistic: bool = False

    @property
    def name(self) -> str:
        """What a report calls it."""
        kind = "frozen" if self.terms is None else f"terms/{self.terms:g}"
        return f"{kind}, C={self.strength:g}"


@dataclass(frozen=True, eq=False)
class LinearFit:
    """What was learned: a weight for each column, the vector's D first, and C outputs.

    Attributes:
        vectors: (N, D), of all texts.
        counts: their P tokens and pairs.
        coefficients: (D, C), or (D + P, C), what a count of 1 adds.
        intercept: (C,).
    """

    vectors: Vectors
    counts: Counts
    coefficients: Numbers
    intercept: Numbers

    def decide(self, rows: Rows) -> Numbers:
        """Give (N, C), what it says of N rows."""
        dim = self.vectors.shape[1]
        found: Numbers = self.vectors[rows].astype(np.float64) @ self.coefficients[:dim] + self.intercept
        if len(self.coefficients) > dim:
            found += self.counts.matrix[rows] @ self.coefficients[dim:]
        return found

    def head(self, model: StaticEmbedding, examples: Examples, temperatures: Numbers) -> ClassificationHead:
        """Give the head that says the same, divided by temperatures."""
        dim = self.vectors.shape[1]
        scaled = (self.coefficients / temperatures).astype(np.float32)
        tokens, pairs = self.counts.tokens, self.counts.pairs
        terms = pair_table = None
        if len(scaled) > dim:
            terms = _spread(scaled[dim : dim + len(tokens)], tokens, model.n_tokens)
            if len(pairs):
                pair_table = _spread(scaled[dim + len(tokens) :], pairs, N_PAIR_ROWS)
        return ClassificationHead(
            labels=examples.labels,
            weight=scaled[:dim],
            bias=(self.intercept / temperatures).astype(np.float32),
            terms=terms,
            pairs=pair_table,
            problem=examples.problem,
        )

    def adapt(self, model: StaticEmbedding) -> StaticEmbedding:
        """Give the model as it is."""
        return model


def _spread(rows: Vectors, places: npt.NDArray[np.int32], n_rows: int) -> Vectors:
    """Give (n_rows, C) with rows at their places, and zeros elsewhere."""
    table = np.zeros((n_rows, rows.shape[1]), np.float32)
    table[places] = rows
    return table


@dataclass(frozen=True)
class LinearLearner:
    """Learns from rows of a set of texts.

    Attributes:
        vectors: (N, D) unit vectors.
        counts: their tokens and pairs.
        targets: (N, C), see `Examples`.
        problem: which problem it is.
        weights: (N,) a factor a text, or (C,) one a label where a text has several; None for ones.
        seed: of liblinear's order.
    """

    vectors: Vectors
    counts: Counts
    targets: npt.NDArray[np.float32]
    problem: Problem
    weights: Numbers | None
    seed: int

    def fit(self, rows: Rows, settings: LinearSettings) -> LinearFit:
        """Learn from some rows. Deterministic."""
        if settings.terms is None:
            idf, matrix = None, self.vectors[rows]
        else:
            idf = self.counts.idf(rows) / np.float32(settings.terms)
            matrix = dense_beside(self.vectors[rows], self.counts.matrix[rows] @ diags_array(idf))
        targets = self.targets[rows]
        if self.problem == "regression":
            coefficients, intercept = _fit_ridge(matrix, targets, settings.strength)
        elif self.problem == "single_label":
            weights = None if self.weights is None else self.weights[rows]
            coefficients, intercept = self._fit_single(matrix, targets.argmax(axis=1), settings, weights)
        else:
            coefficients, intercept = self._fit_multiple(matrix, targets > 0, settings)
        if idf is not None:
            coefficients[self.vectors.shape[1] :] *= idf[:, None]
        return LinearFit(self.vectors, self.counts, coefficients, intercept)

    def _fit_single(
        self,
        matrix: csr_array | Vectors,
        classes: npt.NDArray[np.int64],
        settings: LinearSettings,
        weights: Numbers | None,
    ) -> tuple[Numbers, Numbers]:
        machine = self._machine(settings)
        with _quiet():
            machine.fit(matrix, classes, sample_weight=weights)
        coefficients, intercept = machine.coef_.T, machine.intercept_
        if len(machine.classes_) == 2:  # liblinear gives the margin of the second alone
            coefficients = np.hstack([-coefficients, coefficients])
            intercept = np.concatenate([-intercept, intercept])
        return coefficients, intercept

    def _fit_multiple(
        self, matrix: csr_array | Vectors, members: npt.NDArray[np.bool_], settings: LinearSettings
    ) -> tuple[Numbers, Numbers]:
        """Fit each label by itself; one that all rows have, or none, gets its odds."""
        n_rows, n_labels = members.shape
        coefficients = np.zeros((matrix.shape[1], n_labels))
        n_members = members.sum(axis=0)
        intercept = np.log((n_members + 0.5) / (n_rows - n_members + 0.5))
        for label in np.flatnonzero((n_members > 0) & (n_members < n_rows)):
            factor: Mapping[bool, float] | None = None
            if self.weights is not None:
                factor = {True: float(self.weights[label])}
            machine = self._machine(settings, class_weight=factor)
            with _quiet():
                machine.fit(matrix, members[:, label])
            coefficients[:, label], intercept[label] = machine.coef_[0], machine.intercept_[0]
        return coefficients, intercept

    def _machine(
        self, settings: LinearSettings, *, class_weight: Mapping[bool, float] | None = None
    ) -> LinearSVC | LogisticRegression:
        """Give a machine of squared hinges, one label against the rest (Hsieh et al. 2008), or another."""
        if settings.logistic:
            return LogisticRegression(C=settings.strength, max_iter=_MOST_PASSES, class_weight=class_weight)
        return LinearSVC(
            C=settings.strength,
            tol=_TOLERANCE,
            max_iter=_MOST_PASSES,
            dual=True,
            random_state=self.seed,
            class_weight=class_weight,
        )


def _fit_ridge(
    matrix: csr_array | Vectors, targets: npt.NDArray[np.float32], strength: float
) -> tuple[Numbers, Numbers]:
    ridge = Ridge(alpha=1 / strength, solver="sparse_cg", tol=1e-4)
    ridge.fit(matrix, targets)
    return ridge.coef_.reshape(targets.shape[1], -1).T, np.atleast_1d(ridge.intercept_)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let the passes end where they end: held-out texts say what the result is worth."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes")  # a note of ours says it
        yield
