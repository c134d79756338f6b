"""What a token's row is made of: the teacher's states of the token, weighted by how rare it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.vectors import Vectors

_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class TokenFeatures:
    """X, (V, k + 1): the states of each token without their mean, and 1, times the weight of the token.

    Attributes:
        states: (V, k) float16 or float32.
        mean: (k,) float32.
        weights: (V,) float32.
    """

    states: npt.NDArray[np.floating]
    mean: Vectors
    weights: Vectors

    @classmethod
    def of(cls, states: npt.NDArray[np.floating], weights: npt.NDArray[np.floating]) -> TokenFeatures:
        """Take states of tokens, which are not copied, and their weights."""
        mean = states.mean(axis=0, dtype=np.float64).astype(np.float32)
        return cls(states, mean, weights.astype(np.float32))

    @property
    def width(self) -> int:
        """The columns of X, k + 1."""
        return int(self.states.shape[1]) + 1

    def rows(self, token_ids: npt.NDArray[np.int64] | slice) -> Vectors:
        """Give the (n, k + 1) float32 rows of n tokens."""
        weights = self.weights[token_ids]
        rows = np.empty((len(weights), self.width), np.float32)
        np.subtract(self.states[token_ids], self.mean, out=rows[:, :-1])
        rows[:, -1] = 1
        rows *= weights[:, None]
        return rows

    def map(self, matrix: Vectors) -> Vectors:
        """Give X W, (V, D) float32, of a (k + 1, D) matrix."""
        mapped = np.empty((len(self.weights), matrix.shape[1]), np.float32)
        for start in range(0, len(mapped), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            np.matmul(self.rows(block), matrix, out=mapped[block])
        return mapped
