"""The measures, on arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap, spearmanr
from sklearn.metrics import average_precision_score, ndcg_score

from m2v_onnx.evaluation.tasks.task import SEED, Score
from m2v_onnx.model.vectors import Vectors, to_unit

# Enough for the ends of a 95% interval to a tenth of its width, and a second per set at most.
_N_RESAMPLES = 300
_BLOCK_QUERIES = 1024
_wanted = ContextVar("wanted", default=True)


def cosines(first: Vectors, second: Vectors) -> Vectors:
    """Give (B,) float32, the cosine of each row of `first` with the same row of `second`, (B, D) each.

    >>> cosines(np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[6.0, 8.0], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    found: Vectors = np.einsum("bd,bd->b", to_unit(first), to_unit(second))
    return found


def nearest(queries: Vectors, targets: Vectors) -> npt.NDArray[np.int64]:
    """Give (Q,) int64, the row of `targets` (T, D) with the greatest cosine for each of `queries` (Q, D).

    The first of equals.

    >>> nearest(np.array([[0.0, 2.0]]), np.array([[9.0, 9.0], [0.0, 1.0], [0.0, 5.0]])).tolist()
    [1]
    """
    queries, targets = to_unit(queries), to_unit(targets)
    blocks = [queries[i : i + _BLOCK_QUERIES] @ targets.T for i in range(0, len(queries), _BLOCK_QUERIES)]
    return np.concatenate([block.argmax(axis=1) for block in blocks])


def spearman(expected: npt.ArrayLike, found: npt.ArrayLike) -> float:
    """Give Spearman's rank correlation; 0 where one side is constant, which ranks nothing.

    >>> round(spearman([1, 2, 3, 4], [10, 20, 40, 30]), 12)  # 1 - 6 * (0 + 0 + 1 + 1) / (4 * 15)
    0.8
    """
    if np.ptp(expected) == 0 or np.ptp(found) == 0:
        return 0.0
    return float(spearmanr(expected, found).statistic)


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Give the precision at each relevant item of the ranking, averaged.

    >>> average_precision([True, False, True], [0.9, 0.8, 0.7])  # (1/1 + 2/3) / 2
    0.8333333333333333
    """
    return float(average_precision_score(labels, scores))


def ndcg_at_10(grades: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Give the normalised discounted cumulative gain of the first ten: sum of grade / log2(1 + rank).

    Items with the same score share the mean of their gains.

    >>> round(ndcg_at_10([0, 1, 0], [0.9, 0.8, 0.7]), 4)  # 1 / log2(3), at best 1
    0.6309
    """
    return float(ndcg_score([grades], [scores], k=10))


def mean_score(shares: Sequence[float] | npt.NDArray[np.bool_]) -> Score:
    """Give the mean of values from 0 to 1, in percent, with its bootstrap interval.

    >>> mean_score([1.0, 1.0, 1.0])
    Score(value=100.0, low=100.0, high=100.0)
    """
    return bootstrapped(np.mean, np.asarray(shares, np.float64))


@contextmanager
def intervals(*, wanted: bool) -> Iterator[None]:
    """Have scores with or without their intervals, which take most of the time, inside the block."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def bootstrapped(statistic: Callable[..., float], *samples: npt.NDArray[np.generic]) -> Score:
    """Give 100 x a statistic of samples of one length, with its 95% percentile bootstrap interval.

    Rows are drawn with replacement, by a fixed seed. A single row has no interval; see `intervals`.
    """
    value = 100 * float(statistic(*samples))
    if len(samples[0]) < 2 or not _wanted.get():
        return Score(value)
    low, high = bootstrap(
        samples,
        statistic,
        n_resamples=_N_RESAMPLES,
        paired=len(samples) > 1,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return Score(value, 100 * float(low), 100 * float(high))
