"""What texts' vectors should be: a teacher's sentence vectors in few columns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from m2v_onnx.fit.stored_rows import StoredRows
from m2v_onnx.model.vectors import Vectors

# Columns that hardly vary are not blown up to noise: their variance counts as this share of the first one's.
_LEAST_VARIANCE = 1e-4


@dataclass(frozen=True)
class Targets:
    """Y, (N, D): sentence vectors on their principal components, each times a factor of its own.

    Attributes:
        sentence_vectors: (N, d), each of length 1.
        mean: (d,) float32, what is taken off.
        projection: (d, D) float32.
        variances: (D,) float64, falling.
        factors: (N,) float32.
    """

    sentence_vectors: StoredRows
    mean: Vectors
    projection: Vectors
    variances: npt.NDArray[np.float64]
    factors: Vectors

    @property
    def n_columns(self) -> int:
        """D."""
        return int(self.projection.shape[1])

    def rows(self, texts: slice, columns: slice = slice(None)) -> Vectors:
        """Give the float32 targets of some texts, in some columns."""
        vectors = self.sentence_vectors.rows(texts.start, texts.stop)
        vectors -= self.mean
        rows: Vectors = vectors @ self.projection[:, columns]
        rows *= self.factors[texts, None]
        return rows

    def of(self, sentence_vectors: StoredRows) -> Targets:
        """Give what other sentence vectors are on the same components."""
        return replace(
            self, sentence_vectors=sentence_vectors, factors=np.ones(len(sentence_vectors), np.float32)
        )


def reduce_targets(sentence_vectors: StoredRows, n_columns: int | float | None) -> Targets:
    """Centre sentence vectors, and project them onto their first principal components.

    In each component the weight of largest magnitude is positive, whatever the solver's choice of signs.
    Deterministic, whatever the number of threads. Memory does not grow with N, but for 4 bytes a text.

    Args:
        sentence_vectors: (N, d), each of length 1.
        n_columns: D; a fraction in (0, 1) for the fewest that explain that share of the variance; None for d.
    """
    from threadpoolctl import threadpool_limits  # an extra

    with threadpool_limits(1, user_api="blas"):
        return _reduce(sentence_vectors, n_columns)


def _reduce(sentence_vectors: StoredRows, n_columns: int | float | None) -> Targets:
    n_texts, width = len(sentence_vectors), sentence_vectors.width
    total = np.zeros(width)
    for block in sentence_vectors.each():
        total += block.sum(axis=0, dtype=np.float64)
    mean = (total / n_texts).astype(np.float32)
    covariance = np.zeros((width, width))
    for block in sentence_vectors.each():
        centred = block - mean
        covariance += centred.T @ centred
    variances, components = np.linalg.eigh(covariance / n_texts)
    variances, components = np.maximum(variances[::-1], 0), components[:, ::-1]
    if isinstance(n_columns, float):
        explained = np.cumsum(variances) / variances.sum()
        n_columns = int(np.searchsorted(explained, n_columns)) + 1
    components = components[:, :n_columns]
    largest = components[np.abs(components).argmax(axis=0), np.arange(components.shape[1])]
    projection = (components * np.sign(largest)).astype(np.float32)
    factors = np.ones(n_texts, np.float32)
    return Targets(sentence_vectors, mean, projection, variances[: projection.shape[1]], factors)


def column_scales(variances: npt.NDArray[np.float64], exponent: float) -> Vectors:
    """Give (D,) float32, the factor of each column: its variance to the power of `-exponent`.

    >>> column_scales(np.array([16.0, 1.0, 0.0]), 0.25).round(2).tolist()  # the last as if it were 0.0016
    [0.5, 1.0, 5.0]
    """
    floored = np.maximum(variances, _LEAST_VARIANCE * (variances[0] or 1.0))  # 0 where all texts are one
    scales: Vectors = (floored**-exponent).astype(np.float32)
    return scales
