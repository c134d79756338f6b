"""Weights of tokens by how frequent they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.distill.vocabulary import Vocabulary
from m2v_onnx.fit.frequencies import frequency_weights, token_frequencies
from m2v_onnx.fit.words import packaged_words, read_word_counts
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.tokenizer.special_tokens import bare_copy


def vocabulary_weights(vocabulary: Vocabulary, recipe: Recipe) -> npt.NDArray[np.float64]:
    """Give (V,) float64, the weight of each token of a vocabulary.

    Raises:
        ArgumentError: for a file of frequencies that cannot be read.
    """
    n_tokens = len(vocabulary.teacher_ids)
    if recipe.weighting != "sif" or recipe.sif_coefficient is None or recipe.frequencies == "zipf":
        return weigh_tokens(n_tokens, recipe)
    if recipe.frequencies == "words":
        lists = packaged_words()
    else:
        lists = {"en": read_word_counts(Path(recipe.frequencies))}
    tokenizer = bare_copy(vocabulary.tokenizer)
    return frequency_weights(token_frequencies(tokenizer, lists, n_tokens), recipe.sif_coefficient)


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
    return frequency_weights(inverse_rank / inverse_rank.sum(), recipe.sif_coefficient)
