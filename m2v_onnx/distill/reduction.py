"""Principal component analysis of token vectors."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from m2v_onnx.errors import ArgumentError, require_module
from m2v_onnx.model.recipe import PcaDims, Recipe
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.system.row_blocks import row_blocks

logger = logging.getLogger(__name__)


def reduce_dimensions(vectors: Vectors, *, pca_dims: PcaDims) -> Vectors:
    """Project vectors onto their first principal components.

    Components fall in variance; in each column the value of largest magnitude is made positive, so that
    the result does not depend on the solver's choice of signs. Deterministic. Source: scikit-learn's PCA,
    eigendecomposition of the covariance; sign rule of model2vec 0.10.0.

    Args:
        vectors: (V, d) float32, contiguous, no view; overwritten, and cut to (V, D).
        pca_dims: see `Recipe.pca_dims`.

    Returns:
        (V, D) float32, `vectors` itself.

    Raises:
        ArgumentError: when there are fewer columns or rows than `pca_dims` asks for.
        MissingExtraError: when scikit-learn is not installed.
    """
    if pca_dims is None:
        return vectors
    check_dims(pca_dims, n_rows=len(vectors), width=vectors.shape[1])
    if pca_dims == "auto":
        pca_dims = vectors.shape[1]
    from sklearn.decomposition import PCA  # large: loaded when the teacher is gone

    # Centred first, and in place: with means left in, this solver's float32 covariance loses three digits.
    vectors -= vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    pca = PCA(n_components=pca_dims, svd_solver="covariance_eigh", copy=False).fit(vectors)
    _project_in_place(vectors, pca.components_.astype(np.float32, copy=False))
    vectors *= np.where(-vectors.min(axis=0) > vectors.max(axis=0), -1, 1).astype(vectors.dtype)
    return vectors


def check_dims(pca_dims: PcaDims, *, n_rows: int, width: int, rows: str = "tokens") -> None:
    """Refuse what `reduce_dimensions` cannot do, before hours of work lead up to it.

    Raises:
        ArgumentError: when there are fewer columns or rows than `pca_dims` asks for.
        MissingExtraError: when scikit-learn is not installed.
    """
    if pca_dims is None:
        return
    n_components = width if pca_dims == "auto" else pca_dims
    if n_components > width:
        raise ArgumentError(
            f"pca_dims must be at most the teacher's width, {width}, found {pca_dims}: "
            "choose fewer, or 'auto' for all of them"
        )
    if n_rows <= n_components:
        raise ArgumentError(
            f"pca_dims must be less than the number of {rows}, {n_rows}, found {pca_dims}: "
            "choose fewer, or None (`--pca-dims none`) for no PCA"
        )
    # Imported when the teacher is gone: both are large.
    require_module("sklearn", package="scikit-learn", extra="distill")


def _project_in_place(vectors: Vectors, components: Vectors) -> None:
    """Turn the (V, d) vectors into the (V, D) scores: no second table, however long the vocabulary.

    Row i of the scores ends where row i of the vectors ends, at the latest, so that nothing is overwritten
    before it was read.
    """
    n_rows, n_components = len(vectors), len(components)
    flat = vectors.reshape(-1)
    for rows in row_blocks(vectors):
        block = vectors[rows] @ components.T
        flat[rows.start * n_components :][: block.size] = block.reshape(-1)
    del flat
    vectors.resize((n_rows, n_components), refcheck=False)  # the rest of the memory is given back


def settle_dims(recipe: Recipe, width: int, n_rows: int, *, is_default: bool, rows: str = "tokens") -> Recipe:
    """Give a recipe whose number of columns can be had.

    The recipe's own number, which nobody asked for, is lowered to what there is.

    Args:
        recipe: the recipe.
        width: the columns of what is reduced.
        n_rows: its rows.
        rows: what they are, for messages.
        is_default: whether nobody asked for the number of columns.

    Raises:
        ArgumentError: when more are asked for than there are.
        MissingExtraError: when scikit-learn is not installed.
    """
    dims = recipe.pca_dims
    if is_default and isinstance(dims, int) and (dims > width or dims >= n_rows):
        fitting = width if width < n_rows else None
        logger.warning(
            "pca_dims %d of recipe %s is too many for %d %s of width %d; using %s",
            *(dims, recipe.name, n_rows, rows, width, fitting),
        )
        recipe = replace(recipe, pca_dims=fitting)
    check_dims(recipe.pca_dims, n_rows=n_rows, width=width, rows=rows)
    return recipe
