"""Better search and similarity from pairs of texts that belong together."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.static_model import StaticModel
from m2v_onnx.tokenizer.token_ids import TokenIds
from m2v_onnx.training.adam import RowAdam
from m2v_onnx.training.contrast import contrast, reciprocal_ranks
from m2v_onnx.training.features import Rows, read_all
from m2v_onnx.training.options import PairOptions
from m2v_onnx.training.table import with_rows
from m2v_onnx.training.token_batches import draw_batches, drop, mean_shares, renumber, to_unit, unit_gradient

logger = logging.getLogger(__name__)

_DEFAULTS = PairOptions()
_LEAST_PAIRS = 20
_MOST_HELD_OUT = 2_000
_BATCH_PAIRS = 128
_DROPOUT = 0.1
_WARM_UP = 0.1
# Of the root mean square of the table; of the logarithm of a token's weight.
_RATE_OF_TABLE, _RATE_OF_WEIGHTS = 0.008, 5e-2


@dataclass(frozen=True, eq=False)
class PairTraining:
    """What training from pairs gave.

    Attributes:
        model: the trained model, or the old one where that is better.
        mrr_before: mean reciprocal rank of the held-out partners among each other, from 0 to 1.
        mrr_after: the same after training.
        n_pairs: pairs that were learned from.
        n_held_out: pairs that were held out.
    """

    model: StaticModel
    mrr_before: float
    mrr_after: float
    n_pairs: int
    n_held_out: int


def train_pairs(
    model: StaticModel, texts: Iterable[str], others: Iterable[str], *, options: PairOptions = _DEFAULTS
) -> StaticModel:
    """Train a static model from pairs of texts that belong together, such as titles and bodies.

    Each text learns to find its partner among the others of a batch, both ways: InfoNCE (Oord et al. 2018).
    What is learned is a weight for each token, and its row. A share of the pairs is held out; where partners
    are not found better there than before, the old model comes back. Deterministic.

    Args:
        model: the static model; not changed.
        texts: N texts.
        others: the partner of each.
        options: more choices.

    Returns:
        A model of the same tokens and dimensions.

    Raises:
        ArgumentError: for lengths that differ, fewer than 20 pairs, and anything that is no text.
        FolderError: when the model's table is not finite.
    """
    return train_and_score_pairs(model, texts, others, options=options).model


def train_and_score_pairs(
    model: StaticModel, texts: Iterable[str], others: Iterable[str], *, options: PairOptions = _DEFAULTS
) -> PairTraining:
    """Do the same as `train_pairs`, and tell how partners are found before and after."""
    both = _check_pairs(texts, others)
    too_wide = [dim for dim in options.dims if dim > model.dim]
    if too_wide:
        raise ArgumentError(f"dims must be {model.dim} columns or fewer, found {too_wide[0]}: leave it out")
    with threadpool_limits(1):
        pairs = _Pairs.read(model, *both)
        order = np.random.default_rng(options.seed).permutation(len(pairs))
        n_held = int(np.clip(len(pairs) * options.held_out, 2, _MOST_HELD_OUT))
        held, learned = order[:n_held], order[n_held:]
        table = model.token_vectors(pairs.tokens)
        before = pairs.score(table, held)
        trained = _learn(pairs, table.copy(), learned, options)
        after = pairs.score(trained, held)
    scores = (before, after, len(learned), len(held))
    if after <= before:
        logger.warning(
            "held-out partners are not found better (MRR %.3f, was %.3f): the model stays as it is",
            after,
            before,
        )
        return PairTraining(model, *scores)
    return PairTraining(StaticModel.of(with_rows(model, pairs.tokens, trained)), *scores)


def _check_pairs(texts: Iterable[str], others: Iterable[str]) -> tuple[list[str], list[str]]:
    for name, side in (("texts", texts), ("others", others)):
        if isinstance(side, str):
            raise ArgumentError(f"{name} must be a list of texts, found one text: put it into a list")
    sides = list(texts), list(others)
    if len(sides[0]) != len(sides[1]):
        raise ArgumentError(
            f"expected a partner for each text, found {len(sides[0])} texts and {len(sides[1])} partners: "
            "pass both from the same rows"
        )
    for row, pair in enumerate(zip(*sides, strict=True)):
        for text in pair:
            if not isinstance(text, str):
                raise ArgumentError(f"expected two texts in row {row}, found {text!r:.40}: drop the row")
    return sides


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Pairs of texts as the tokens that count.

    Attributes:
        tokens: (P,) the ids of the tokens that some text shows.
        sides: the places among them of each text, and of each partner.
        names: (N,) each, equal where texts are.
    """

    tokens: npt.NDArray[np.int32]
    sides: tuple[TokenIds, TokenIds]
    names: tuple[Rows, Rows]

    def __len__(self) -> int:
        return len(self.sides[0])

    @classmethod
    def read(cls, model: StaticEmbedding, texts: list[str], others: list[str]) -> _Pairs:
        """Tokenise pairs; those of which a side has no known token are left out, with a note."""
        found = [
            read_all(model, side, n_rows=0).tokens if side else TokenIds.of([]) for side in (texts, others)
        ]
        kept = np.flatnonzero((found[0].lengths > 0) & (found[1].lengths > 0))
        if len(kept) < len(texts):
            logger.warning(
                "%d pairs have a text without known tokens: they are left out", len(texts) - len(kept)
            )
        if len(kept) < _LEAST_PAIRS:
            raise ArgumentError(
                f"expected {_LEAST_PAIRS} pairs or more to learn from, found {len(kept)}: add some"
            )
        first, second = (side.take(kept) for side in found)
        tokens = np.unique(np.concatenate([first.ids, second.ids]))
        names: dict[str, int] = {}
        numbers = [[names.setdefault(side[row], len(names)) for row in kept] for side in (texts, others)]
        return cls(
            tokens,
            (renumber(first, tokens), renumber(second, tokens)),
            (np.array(numbers[0]), np.array(numbers[1])),
        )

    def score(self, table: Vectors, rows: Rows) -> float:
        """Give the mean reciprocal rank of the partners of rows, among all of these."""
        first, second = (_embed(table, side.take(rows)) for side in self.sides)
        return float(reciprocal_ranks(first, second, self.names[1][rows]).mean())


def _embed(table: Vectors, tokens: TokenIds) -> Vectors:
    shares, used = mean_shares(tokens)
    return to_unit(shares @ table[used])[0]


def _learn(pairs: _Pairs, table: Vectors, rows: Rows, options: PairOptions) -> Vectors:
    """Give the trained rows; `table` is overwritten on the way."""
    rng = np.random.default_rng(options.seed + 1)
    logs = np.zeros((len(table), 1), np.float32)
    size = float(np.sqrt(np.mean(np.square(table)))) or 1.0
    rows_adam, logs_adam = RowAdam(table, _RATE_OF_TABLE * size), RowAdam(logs, _RATE_OF_WEIGHTS)
    dims = sorted({table.shape[1], *options.dims})
    n_steps = options.n_epochs * ceil(len(rows) / _BATCH_PAIRS)
    for step, batch in enumerate(draw_batches(rows, _BATCH_PAIRS, options.n_epochs, rng)):
        share = min(1.0, (step + 1) / (_WARM_UP * n_steps)) * (1 - step / n_steps)
        both = TokenIds.joined([side.take(batch) for side in pairs.sides])
        means, used = mean_shares(drop(both, _DROPOUT, rng))
        factors = np.exp(logs[used])
        weighed = table[used] * factors
        is_same = _same(pairs.names[0][batch], pairs.names[1][batch])
        gradient = means.T @ _slope(means @ weighed, is_same, dims)
        rows_adam.step(gradient * factors, share=share, rows=used)
        logs_adam.step((gradient * weighed).sum(axis=1, keepdims=True), share=share, rows=used)
    return np.asarray(table * np.exp(logs), np.float32)


def _slope(vectors: Vectors, is_same: npt.NDArray[np.bool_], dims: Sequence[int]) -> Vectors:
    """Give (2 B, D), the slope of the mean loss over the first columns, of texts and then of partners."""
    slope = np.zeros_like(vectors)
    half = len(vectors) // 2
    for dim in dims:
        unit, lengths = to_unit(vectors[:, :dim])
        of_unit = np.concatenate(contrast(unit[:half], unit[half:], is_same))
        slope[:, :dim] += unit_gradient(of_unit, unit, lengths) / np.float32(len(dims))
    return slope


def _same(first: Rows, second: Rows) -> npt.NDArray[np.bool_]:
    """Give (B, B): which partners are none to be told apart from a text's own, being the same text."""
    return np.asarray((first[:, None] == first) | (second[:, None] == second) | (first[:, None] == second))
