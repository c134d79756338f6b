"""Weights of tokens by how frequent Zipf's law says they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.recipe import Recipe


def weigh_tokens(n_tokens: int, recipe: Recipe) -> npt.NDArray[np.float64]:
    """Give (V,) float64, the factor of each row of a table in order of falling frequency.

    `sif` is smooth inverse frequency, a / (a + p) (Arora et al. 2017), with p by Zipf's law: proportional
    to 1 / rank, ranks from 2 (model2vec 0.10.0). `zipf` is log(1 + rank), ranks from 0 (model2vec 0.1).

    >>> weigh_tokens(2, Recipe("doc", sif_coefficient=0.4)).round(3)  # p is 0.6 and 0.4
    array([0.4, 0.5])
    >>> weigh_tokens(3, Recipe("doc", weighting="zipf")).round(3)
    array([0.   , 0.693, 1.099])
    >>> weigh_tokens(2, Recipe("doc", weighting="none"))
    array([1., 1.])
    """
    if recipe.weighting == "zipf":
        return np.log1p(np.arange(n_tokens))
    if recipe.weighting == "none" or recipe.sif_coefficient is None:
        return np.ones(n_tokens)
    inverse_rank = 1 / np.arange(2, n_tokens + 2)
    probability = inverse_rank / inverse_rank.sum()
    weights: npt.NDArray[np.float64] = recipe.sif_coefficient / (recipe.sif_coefficient + probability)
    return weights
