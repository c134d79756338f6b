"""The learner that trains the table, too: steps of Adam on the rows that a batch shows, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil, log2
from typing import Any

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.classification_head import ClassificationHead, Problem
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.runtime.text_features import TextFeatures
from m2v_onnx.tokenizer.token_ids import TokenIds
from m2v_onnx.training.adam import RowAdam
from m2v_onnx.training.examples import Examples
from m2v_onnx.training.features import N_PAIR_ROWS, Rows
from m2v_onnx.training.token_batches import (
    draw_batches,
    drop,
    mean_shares,
    renumber,
    root_shares,
    to_unit,
    unit_gradient,
)

Numbers = npt.NDArray[np.float64]
_Slope = Callable[[Vectors, Rows], Vectors]

# What unit vectors are multiplied by, so that logits begin near 1 with W of variance 1 / (8 sqrt D)^2.
_SCALE = np.float32(8)
_DROPOUT = 0.1
_LEAST_STEPS, _LEAST_EPOCHS = 800, 10
_RATE_OF_TABLE, _RATE_OF_WEIGHT, _RATE_OF_BIAS, _RATE_OF_PAIRS = 0.0027, 1e-2 / 8, 1e-2, 3e-2


@dataclass(frozen=True, eq=False)
class TableFit:
    """What was learned: rows of the table, and a head.

    Attributes:
        features: of all texts.
        tokens: (P,) the ids of the tokens that some text shows.
        rows: (P, D) their rows.
        weight: (D, C).
        bias: (C,).
        pairs: (H, C); None for nothing.
    """

    features: TextFeatures
    tokens: npt.NDArray[np.int32]
    rows: Vectors
    weight: Vectors
    bias: Vectors
    pairs: Vectors | None

    def decide(self, rows: Rows) -> Numbers:
        """Give (N, C), what it says of N rows."""
        own = self.features.tokens.take(rows)
        shares, used = mean_shares(renumber(own, self.tokens))
        found = _SCALE * (to_unit(shares @ self.rows[used])[0] @ self.weight) + self.bias
        if self.pairs is not None:
            shares, used = root_shares(self.features.pairs.take(rows), own.lengths)
            found = found + shares @ self.pairs[used]
        return np.asarray(found, np.float64)

    def head(self, model: StaticEmbedding, examples: Examples, temperatures: Numbers) -> ClassificationHead:  # noqa: ARG002  # as linear learners have it
        """Give the head that says the same of the new table, divided by temperatures."""
        factor = (1 / temperatures).astype(np.float32)
        return ClassificationHead(
            labels=examples.labels,
            weight=_SCALE * self.weight * factor,
            bias=self.bias * factor,
            pairs=None if self.pairs is None else self.pairs * factor,
            problem=examples.problem,
        )

    def adapt(self, model: StaticEmbedding) -> StaticEmbedding:
        """Give the model with the new rows."""
        return with_rows(model, self.tokens, self.rows)


def with_rows(model: StaticEmbedding, tokens: npt.NDArray[np.int32], rows: Vectors) -> StaticEmbedding:
    """Give a model with (P, D) rows for P tokens; its weights and mapping are folded into its table."""
    table = model.token_vectors(np.arange(model.n_tokens))
    table[tokens] = rows
    return StaticEmbedding(table=table, tokenizer=model.tokenizer, config=replace(model.config, recipe=None))


@dataclass(frozen=True, eq=False)
class TableLearner:
    """Learns from rows of a set of texts.

    Attributes:
        model: where it begins.
        features: of N texts.
        targets: (N, C), see `Examples`.
        problem: which problem it is.
        weights: (N,) a factor a text, or (C,) one a label where a text has several; None for ones.
        seed: of all draws.
    """

    model: StaticEmbedding
    features: TextFeatures
    targets: npt.NDArray[np.float32]
    problem: Problem
    weights: Numbers | None
    seed: int

    def fit(self, rows: Rows, *, pairs: bool) -> TableFit:
        """Learn from some rows, with pairs of tokens or without. Deterministic."""
        rng = np.random.default_rng(self.seed)
        tokens = np.unique(self.features.tokens.ids)
        table = self.model.token_vectors(tokens)
        dim, n_outputs = self.model.dim, self.targets.shape[1]
        weight = rng.normal(0, 1 / (8 * dim**0.5), (dim, n_outputs)).astype(np.float32)
        bias = np.zeros(n_outputs, np.float32)
        pair_table = np.zeros((N_PAIR_ROWS, n_outputs), np.float32) if pairs else None
        fit = TableFit(self.features, tokens, table, weight, bias, pair_table)
        size = int(np.clip(2 ** round(log2(max(1.0, len(rows) / 150))), 8, 64))
        n_epochs = max(_LEAST_EPOCHS, ceil(_LEAST_STEPS * size / len(rows)))
        steps = _Steps(fit, renumber(self.features.tokens, tokens), self._slope, rng)
        n_steps = n_epochs * ceil(len(rows) / size)
        for step, batch in enumerate(draw_batches(rows, size, n_epochs, rng)):
            steps.step(batch, share=1 - step / n_steps)
        return fit

    def _slope(self, logits: Vectors, rows: Rows) -> Vectors:
        """Give (B, C), the slope of the mean loss: log loss, or squared error of a regression."""
        targets = self.targets[rows]
        if self.problem == "multi_label":
            slope: npt.NDArray[Any] = 0.5 * (1 + np.tanh(logits / 2)) - targets
            if self.weights is not None:
                slope *= np.where(targets > 0, self.weights, 1)
        elif self.problem == "regression":
            slope = logits - targets
        else:
            shares = np.exp(logits - logits.max(axis=1, keepdims=True))
            slope = shares / shares.sum(axis=1, keepdims=True) - targets
            if self.weights is not None:
                slope *= self.weights[rows][:, None]
        return np.asarray(slope / len(rows), np.float32)


class _Steps:
    """The steps of one fit, whose arrays they change."""

    def __init__(self, fit: TableFit, tokens: TokenIds, slope: _Slope, rng: np.random.Generator) -> None:
        self._fit, self._tokens, self._slope, self._rng = fit, tokens, slope, rng
        size = float(np.sqrt(np.mean(np.square(fit.rows)))) or 1.0
        self._rows = RowAdam(fit.rows, _RATE_OF_TABLE * size)
        self._weight = RowAdam(fit.weight, _RATE_OF_WEIGHT)
        self._bias = RowAdam(fit.bias, _RATE_OF_BIAS)
        self._pairs = None if fit.pairs is None else RowAdam(fit.pairs, _RATE_OF_PAIRS)

    def step(self, batch: Rows, *, share: float) -> None:
        """Move all that the texts of a batch show."""
        fit = self._fit
        own = self._tokens.take(batch)
        means, used = mean_shares(drop(own, _DROPOUT, self._rng))
        unit, lengths = to_unit(means @ fit.rows[used])
        logits = _SCALE * (unit @ fit.weight) + fit.bias
        if fit.pairs is not None:
            sums, places = root_shares(fit.features.pairs.take(batch), own.lengths)
            logits = logits + sums @ fit.pairs[places]
        slope = self._slope(logits, batch)
        of_unit = _SCALE * (slope @ fit.weight.T)
        self._weight.step(_SCALE * (unit.T @ slope), share=share)
        self._bias.step(slope.sum(axis=0), share=share)
        self._rows.step(means.T @ unit_gradient(of_unit, unit, lengths), share=share, rows=used)
        if self._pairs is not None:
            self._pairs.step(sums.T @ slope, share=share, rows=places)
