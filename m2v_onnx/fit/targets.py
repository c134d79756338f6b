"""What texts' vectors should be: a teacher's sentence vectors in few columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.vectors import Vectors

_BLOCK_ROWS = 8192
# Columns that hardly vary are not blown up to noise: their variance counts as this share of the first one's.
_LEAST_VARIANCE = 1e-4


@dataclass(frozen=True)
class Targets:
    """Sentence vectors on their principal components.

    Attributes:
        vectors: (N, D) float32, centred.
        variances: (D,) float64, falling.
    """

    vectors: Vectors
    variances: npt.NDArray[np.float64]


def reduce_targets(sentence_vectors: Vectors, n_columns: int | float | None) -> Targets:
    """Centre sentence vectors, and project them onto their first principal components.

    In each component the weight of largest magnitude is positive, whatever the solver's choice of signs.
    Deterministic, whatever the number of threads.

    Args:
        sentence_vectors: (N, d) float32, each of length 1.
        n_columns: D; a fraction in (0, 1) for the fewest that explain that share of the variance; None for d.
    """
    from threadpoolctl import threadpool_limits  # an extra

    with threadpool_limits(1, user_api="blas"):
        return _reduce(sentence_vectors, n_columns)


def _reduce(sentence_vectors: Vectors, n_columns: int | float | None) -> Targets:
    blocks = [sentence_vectors[at : at + _BLOCK_ROWS] for at in range(0, len(sentence_vectors), _BLOCK_ROWS)]
    mean = sentence_vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    covariance = np.zeros((len(mean), len(mean)))
    for block in blocks:
        centred = block - mean
        covariance += centred.T @ centred
    variances, components = np.linalg.eigh(covariance / len(sentence_vectors))
    variances, components = np.maximum(variances[::-1], 0), components[:, ::-1]
    if isinstance(n_columns, float):
        explained = np.cumsum(variances) / variances.sum()
        n_columns = int(np.searchsorted(explained, n_columns)) + 1
    components = components[:, :n_columns]
    largest = components[np.abs(components).argmax(axis=0), np.arange(components.shape[1])]
    projection = (components * np.sign(largest)).astype(np.float32)
    vectors = np.empty((len(sentence_vectors), projection.shape[1]), np.float32)
    for at, block in enumerate(blocks):
        np.matmul(block - mean, projection, out=vectors[at * _BLOCK_ROWS :][: len(block)])
    return Targets(vectors, variances[: projection.shape[1]])


def column_scales(variances: npt.NDArray[np.float64], exponent: float) -> Vectors:
    """Give (D,) float32, the factor of each column: its variance to the power of `-exponent`.

    >>> column_scales(np.array([16.0, 1.0, 0.0]), 0.25).round(2).tolist()  # the last as if it were 0.0016
    [0.5, 1.0, 5.0]
    """
    floored = np.maximum(variances, _LEAST_VARIANCE * variances[0])
    scales: Vectors = (floored**-exponent).astype(np.float32)
    return scales
