"""Targets as long as what a static model can give."""

from __future__ import annotations

import numpy as np

from m2v_onnx.fit.shares import Shares
from m2v_onnx.fit.targets import Targets
from m2v_onnx.model.vectors import Vectors


def match_lengths(targets: Targets, shares: Shares, table: Vectors) -> None:
    """Give each target the length of what a table gives for its text, in place.

    A static model's vectors are compared by their directions: no effort should go into lengths. They are
    those of the vectors after the one factor that brings them nearest to the targets.

    Args:
        targets: Y, (N, D); their factors are overwritten.
        shares: A, (N, V).
        table: E, (V, D) float32.
    """
    given = np.empty(len(shares), np.float32)
    own = np.empty(len(shares), np.float32)
    across = square = 0.0
    for rows, block in shares.blocks():
        vectors, wanted = block @ table, targets.rows(rows)
        given[rows], own[rows] = np.linalg.norm(vectors, axis=1), np.linalg.norm(wanted, axis=1)
        across += _product(vectors, wanted)
        square += _product(vectors, vectors)
    targets.factors[:] *= _factor(across, square) * given / np.maximum(own, np.finfo(np.float32).tiny)


def best_factor(targets: Targets, shares: Shares, table: Vectors) -> np.float32:
    """Give the c for which c A E is nearest to Y: <Y, A E> / <A E, A E>."""
    across = square = 0.0
    for rows, block in shares.blocks():
        vectors = block @ table
        across += _product(vectors, targets.rows(rows))
        square += _product(vectors, vectors)
    return _factor(across, square)


def mean_cosine(targets: Targets, shares: Shares, table: Vectors) -> float:
    """Give the mean cosine of each text's vector and its target; 0 where one of the two is zero."""
    total = 0.0
    for rows, block in shares.blocks():
        vectors, wanted = block @ table, targets.rows(rows)
        lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(wanted, axis=1)
        products = np.einsum("nd,nd->n", vectors, wanted)
        total += float((products / np.maximum(lengths, np.finfo(np.float32).tiny)).sum(dtype=np.float64))
    return total / len(shares)


def _factor(across: float, square: float) -> np.float32:
    """Give the quotient; 1 for vectors that are all zero, which no factor brings nearer."""
    factor: np.float32 = np.float32(across / square if square else 1)
    return factor


def _product(left: Vectors, right: Vectors) -> float:
    return float(np.einsum("nd,nd->n", left, right).sum(dtype=np.float64))
