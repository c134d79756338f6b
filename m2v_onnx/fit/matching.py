"""Targets as long as what a static model can give."""

from __future__ import annotations

import numpy as np

from m2v_onnx.fit.shares import Shares
from m2v_onnx.model.vectors import Vectors


def encode(shares: Shares, table: Vectors) -> Vectors:
    """Give A E, (N, D) float32: the texts' vectors, not normalised."""
    vectors = np.empty((len(shares), table.shape[1]), np.float32)
    for rows, block in shares.blocks():
        vectors[rows] = block @ table
    return vectors


def match_lengths(targets: Vectors, vectors: Vectors) -> None:
    """Give each target the length of its text's vector, in place.

    A static model's vectors are compared by their directions: no effort should go into lengths. They are
    those of the vectors after the one factor that brings them nearest to the targets.

    Args:
        targets: (N, D) float32, overwritten.
        vectors: (N, D) float32, what the table gives now.
    """
    lengths = best_factor(vectors, targets) * np.linalg.norm(vectors, axis=1)
    own = np.linalg.norm(targets, axis=1)
    targets *= (lengths / np.maximum(own, np.finfo(np.float32).tiny))[:, None]


def best_factor(vectors: Vectors, targets: Vectors) -> np.float32:
    """Give the c for which c Z is nearest to Y, <Y, Z> / <Z, Z>.

    >>> vectors = np.array([[1.0, 2.0]], np.float32)
    >>> float(best_factor(vectors, 3 * vectors))
    3.0
    """
    across = np.einsum("nd,nd->n", vectors, targets).sum(dtype=np.float64)
    own = np.einsum("nd,nd->n", vectors, vectors).sum(dtype=np.float64)
    factor: np.float32 = np.float32(across / own)
    return factor
