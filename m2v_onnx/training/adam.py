"""Adam (Kingma and Ba 2015) on some rows of a table: the others, and their moments, stay as they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.vectors import Vectors

_FIRST, _SECOND = 0.9, 0.99
_LEAST = 1e-8


class RowAdam:
    """The moments of an array, and its steps.

    Args:
        array: any shape, float32; changed in place.
        rate: the learning rate at the begin.
    """

    def __init__(self, array: npt.NDArray[np.float32], rate: float) -> None:
        self._array = array
        self._rate = rate
        self._means = np.zeros_like(array)
        self._squares = np.zeros_like(array)
        self._n_steps = 0

    def step(self, gradient: Vectors, *, share: float, rows: npt.NDArray[np.integer] | None = None) -> None:
        """Move rows against their gradient.

        Args:
            gradient: of the rows.
            share: of the learning rate.
            rows: which rows, each once; None for all.
        """
        place = slice(None) if rows is None else rows
        self._n_steps += 1
        means = _FIRST * self._means[place] + (1 - _FIRST) * gradient
        squares = _SECOND * self._squares[place] + (1 - _SECOND) * np.square(gradient)
        self._means[place], self._squares[place] = means, squares
        first, second = 1 - _FIRST**self._n_steps, 1 - _SECOND**self._n_steps
        self._array[place] -= (
            np.float32(share * self._rate / first) * means / (np.sqrt(squares / second) + _LEAST)
        ).astype(np.float32)
