"""Smaller models out of larger ones: fewer columns, fewer rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from m2v_onnx.errors import ArgumentError, MissingExtraError, check_positive
from m2v_onnx.model.static_embedding import StaticEmbedding

_SEED = 42

Embedding = TypeVar("Embedding", bound=StaticEmbedding)


def cut_dimensions(model: Embedding, dims: int) -> Embedding:
    """Keep the first columns of a table: of a distilled one the principal components that explain most.

    Args:
        model: any static model.
        dims: how many columns to keep.

    Returns:
        A model with a view into the same table.

    Raises:
        ArgumentError: when there are fewer columns.
    """
    check_positive(dims=dims)
    if dims > model.dim:
        raise ArgumentError(f"dims must lie between 1 and the model's {model.dim}, found {dims}")
    return replace(model, table=model.table[:, :dims])


def quantize_vocabulary(model: Embedding, n_clusters: int) -> Embedding:
    """Let tokens of like direction share a row: k-means over the rows, and a weight for each token.

    Source: `quantize_vocabulary` of model2vec 0.10.0. A token's weight is the length of its own row, so that
    lengths are kept exactly. Deterministic on one machine.

    Args:
        model: a static model without `weights` and `mapping`.
        n_clusters: rows of the new table.

    Returns:
        A model with an (n_clusters, D) float32 table, `mapping` and `weights`.

    Raises:
        ArgumentError: when there are not so many tokens, or the model shares rows already.
        MissingExtraError: when scikit-learn is not installed.
    """
    if model.mapping is not None or model.weights is not None:
        raise ArgumentError("quantize_vocabulary needs a model with a row for each token, found shared rows")
    if not 1 <= n_clusters < model.n_tokens:
        raise ArgumentError(
            f"quantize_vocabulary must lie between 1 and the number of tokens, {model.n_tokens}, "
            f"found {n_clusters}"
        )
    try:
        from sklearn.cluster import KMeans  # an extra
    except ImportError as error:
        raise MissingExtraError("scikit-learn", "distill") from error
    table = model.table.astype(np.float32)
    weights = np.linalg.norm(table, axis=1)
    directions = table / np.where(weights > 0, weights, 1)[:, None]
    clustering = KMeans(n_clusters, init="random", n_init=1, random_state=_SEED).fit(directions)
    return replace(
        model,
        table=clustering.cluster_centers_.astype(np.float32),
        weights=weights,
        mapping=clustering.labels_.astype(np.int32),
    )
