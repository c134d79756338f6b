"""Rows of their own for the tokens that texts show: ridge regression around a table."""

from __future__ import annotations

import numpy as np

from m2v_onnx.fit.matching import best_factor
from m2v_onnx.fit.shares import Shares
from m2v_onnx.fit.targets import Targets
from m2v_onnx.model.vectors import Vectors

_N_STEPS = 8
_BLOCK_COLUMNS = 64


def refine_rows(shares: Shares, targets: Targets, table: Vectors, *, strength: float) -> None:
    """Move a table, in place, to the E of least |A E - Y|^2 + strength |E - E0|^2.

    E0 is the table times the factor that fits the targets best. Eight steps of conjugate gradient with the
    diagonal as preconditioner, each column by itself. A token that no text holds keeps its row of E0.

    Args:
        shares: A, (N, V).
        targets: Y, (N, D).
        table: (V, D) float32, overwritten.
        strength: how strongly rows are held where they are.
    """
    table *= best_factor(targets, shares, table)
    preconditioner = (1 / (shares.squared_sums() + strength)).astype(np.float32)[:, None]
    for start in range(0, table.shape[1], _BLOCK_COLUMNS):
        columns = slice(start, start + _BLOCK_COLUMNS)
        residual = _residual(shares, targets, np.ascontiguousarray(table[:, columns]), columns)
        table[:, columns] += _solve(shares, residual, preconditioner, strength)


def _residual(shares: Shares, targets: Targets, table: Vectors, columns: slice) -> Vectors:
    """Give A'(Y - A E) of some columns, (V, d) float32."""
    residual = np.zeros_like(table)
    for rows, block in shares.blocks():
        residual += block.T @ (targets.rows(rows, columns) - block @ table)
    return residual


def _solve(shares: Shares, residual: Vectors, preconditioner: Vectors, strength: float) -> Vectors:
    """Solve (A'A + strength I) moved = residual, which is overwritten, by conjugate gradient."""
    moved = np.zeros_like(residual)
    direction = preconditioner * residual
    size = _products(residual, direction)
    for _ in range(_N_STEPS):
        image = np.float32(strength) * direction
        for _, block in shares.blocks():
            image += block.T @ (block @ direction)
        step = size / np.maximum(_products(direction, image), np.finfo(np.float32).tiny)
        moved += step * direction
        residual -= step * image
        steepest = preconditioner * residual
        new_size = _products(residual, steepest)
        direction *= new_size / np.maximum(size, np.finfo(np.float32).tiny)
        direction += steepest
        size = new_size
    return moved


def _products(left: Vectors, right: Vectors) -> Vectors:
    """Give (D,) float32, the scalar product of each two columns."""
    products: Vectors = np.einsum("vd,vd->d", left, right)
    return products
