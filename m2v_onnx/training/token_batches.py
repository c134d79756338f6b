"""Some of many texts, as a sparse matrix over the rows that they show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from m2v_onnx.model.vectors import Vectors
from m2v_onnx.tokenizer.token_ids import TokenIds, offsets_of
from m2v_onnx.training.features import Rows


def draw_batches(rows: Rows, size: int, n_epochs: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Give rows in batches, in another random order in each epoch."""
    for _ in range(n_epochs):
        order = rng.permutation(rows)
        yield from (order[start : start + size] for start in range(0, len(order), size))


def drop(tokens: TokenIds, share: float, rng: np.random.Generator) -> TokenIds:
    """Leave out a random share of the ids; one of each text stays."""
    kept = rng.random(len(tokens.ids)) >= share
    filled = np.flatnonzero(tokens.lengths)
    kept[tokens.offsets[filled] + (rng.random(len(filled)) * tokens.lengths[filled]).astype(np.int64)] = True
    return TokenIds(tokens.ids[kept], offsets_of(kept)[tokens.offsets])


def shares(tokens: TokenIds, factors: npt.NDArray[np.float32]) -> tuple[csr_array, npt.NDArray[np.int32]]:
    """Give a matrix (B, P) with a text's factor for each of its ids, and the P ids that are its columns."""
    used, places = np.unique(tokens.ids, return_inverse=True)
    data = np.repeat(factors, tokens.lengths)
    shape = (len(tokens), len(used))
    return csr_array((data, places.astype(np.int32), tokens.offsets.astype(np.int32)), shape=shape), used


def mean_shares(tokens: TokenIds) -> tuple[csr_array, npt.NDArray[np.int32]]:
    """Give `shares` whose product with rows is the mean of each text's rows."""
    return shares(tokens, (1 / np.maximum(tokens.lengths, 1)).astype(np.float32))


def root_shares(tokens: TokenIds, n_known: npt.NDArray[np.int64]) -> tuple[csr_array, npt.NDArray[np.int32]]:
    """Give `shares` whose product with rows is their sum over the root of a number for each text."""
    return shares(tokens, (1 / np.sqrt(np.maximum(n_known, 1))).astype(np.float32))


def renumber(tokens: TokenIds, used: npt.NDArray[np.int32]) -> TokenIds:
    """Give the places of ids among some, which are sorted and hold them all.

    >>> renumber(TokenIds.of([[7, 5], [9]]), np.array([5, 7, 9], np.int32)).to_lists()
    [[1, 0], [2]]
    """
    return TokenIds(np.searchsorted(used, tokens.ids).astype(np.int32), tokens.offsets)


def to_unit(vectors: Vectors) -> tuple[Vectors, Vectors]:
    """Give (B, D) vectors of length 1, and (B, 1) the lengths that they had, 1 for zeros."""
    lengths = np.sqrt(np.einsum("bd,bd->b", vectors, vectors))[:, None]
    lengths[lengths == 0] = 1
    return vectors / lengths, lengths


def unit_gradient(gradient: Vectors, unit: Vectors, lengths: Vectors) -> Vectors:
    """Give the gradient of vectors whose unit vectors have the given one: (g - h (h g)) / |x|."""
    along = np.einsum("bd,bd->b", gradient, unit)[:, None]
    return np.asarray((gradient - unit * along) / lengths, np.float32)
