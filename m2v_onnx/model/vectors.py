"""Arrays of vectors: their types, and their lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Table = npt.NDArray[Any]
# In tables and weights: a sum of a hundred million such values is a float32.
MOST_VALUE = 1e30


# The largest number of a vector that counts as zeros; graphs and C code have the same.
LEAST_VALUE = np.float32(1e-30)


def row_norms(vectors: Vectors) -> npt.NDArray[np.float64]:
    """Give (B,) float64, what makes a unit vector of each row that is divided by it.

    Rows whose numbers are all below 1e-30 become zeros: theirs is infinite. The squares are those of float64:
    in float32, numbers below 1e-23 would have none, and above 1e19 infinite ones.
    """
    wide = vectors.astype(np.float64)
    norms: npt.NDArray[np.float64] = np.sqrt(np.einsum("bd,bd->b", wide, wide))
    norms[np.abs(vectors).max(axis=1, initial=0) < LEAST_VALUE] = np.inf
    return norms


def to_unit(vectors: Vectors) -> Vectors:
    """Divide each row by its length; zeros stay zeros, so that their cosine with anything is 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    unit: Vectors = vectors / lengths
    return unit
