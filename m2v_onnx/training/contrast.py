"""InfoNCE, and how well partners are found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.vectors import Vectors

_TEMPERATURE = np.float32(0.05)
_BLOCK_ROWS = 512


def contrast(first: Vectors, second: Vectors, is_same: npt.NDArray[np.bool_]) -> tuple[Vectors, Vectors]:
    """Give the slope of the loss of finding each partner, both ways: two of (B, D).

    Source: Oord et al. 2018, with cosines over a temperature of 0.05, both ways as in CLIP.

    Args:
        first: (B, D) unit vectors.
        second: (B, D) unit vectors of their partners.
        is_same: (B, B) where two texts are the same, and need not be told apart; the diagonal does not count.
    """
    n_pairs = len(first)
    cosines = first @ second.T / _TEMPERATURE
    hidden = is_same.copy()
    np.fill_diagonal(hidden, val=False)
    cosines[hidden | hidden.T] = -np.inf
    slope = (_softmax(cosines) + _softmax(cosines.T).T) / 2
    slope[np.diag_indices(n_pairs)] -= 1
    slope /= n_pairs * _TEMPERATURE
    return slope @ second, slope.T @ first


def reciprocal_ranks(
    first: Vectors, second: Vectors, names: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Give (B,) one over the rank of each partner by cosine among all partners.

    >>> eye = np.eye(2, dtype=np.float32)
    >>> reciprocal_ranks(eye, eye[::-1], np.arange(2)).tolist()
    [0.5, 0.5]

    Args:
        first: (B, D) unit vectors.
        second: (B, D) unit vectors of their partners.
        names: (B,) of the partners, equal where these are: the same text has the same rank.
    """
    ranks = []
    for start in range(0, len(first), _BLOCK_ROWS):
        rows = np.arange(start, min(start + _BLOCK_ROWS, len(first)))
        cosines = first[rows] @ second.T
        own = cosines[np.arange(len(rows)), rows][:, None]
        is_other = names[rows][:, None] != names
        ranks.append(1 + ((cosines >= own) & is_other).sum(axis=1))
    return np.asarray(1 / np.concatenate(ranks), np.float64)


def _softmax(logits: Vectors) -> Vectors:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
