"""Arrays of vectors: their types, and their lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Table = npt.NDArray[Any]
# In tables and weights: a sum of a hundred million such values is a float32.
MOST_VALUE = 1e30


def row_norms(vectors: Vectors) -> Vectors:
    """Give (B,) float32, the length of each row, and 1e-32 for zeros: they stay zeros when divided by it."""
    norms: Vectors = np.sqrt(np.einsum("bd,bd->b", vectors, vectors)) + np.float32(1e-32)
    return norms


def to_unit(vectors: Vectors) -> Vectors:
    """Divide each row by its length; zeros stay zeros, so that their cosine with anything is 0."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    unit: Vectors = vectors / lengths
    return unit
