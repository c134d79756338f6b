"""Weights of tokens by how frequent they are."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from m2v_onnx.distill.vocabulary import Vocabulary
from m2v_onnx.fit.frequencies import FREQUENCIES_VERSION, count_tokens, frequency_weights, token_frequencies
from m2v_onnx.fit.words import WordList, packaged_words, read_word_counts
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.system.cache import cache_folder, save_array
from m2v_onnx.system.records.reading import read_texts
from m2v_onnx.tokenizer.special_tokens import bare_copy

# Before the name of a file of texts in which tokens are counted.
_CORPUS = "corpus:"


def vocabulary_weights(vocabulary: Vocabulary, recipe: Recipe) -> npt.NDArray[np.float64]:
    """Give (V,) float64, the weight of each token of a vocabulary; see `token_weights`."""
    if _is_by_rank(recipe):
        return weigh_tokens(len(vocabulary.teacher_ids), recipe)
    return token_weights(vocabulary.tokenizer, recipe, own=vocabulary.counts)


def token_weights(
    tokenizer: Tokenizer, recipe: Recipe, *, own: WordList | None = None
) -> npt.NDArray[np.float64]:
    """Give (V,) float64, the weight of each token of a tokenizer.

    Args:
        tokenizer: the static model's.
        recipe: how to weigh, and where frequencies come from.
        own: words of a user with their frequencies, which count as those of the package's lists do.

    Raises:
        ArgumentError: for a file of frequencies that cannot be read.
    """
    n_tokens = tokenizer.get_vocab_size()
    if _is_by_rank(recipe) or recipe.sif_coefficient is None:
        return weigh_tokens(n_tokens, recipe)
    bare = bare_copy(tokenizer)
    if recipe.frequencies == "words":
        frequencies = _packaged_frequencies(bare, n_tokens)
        if own is not None:
            frequencies = np.maximum(frequencies, token_frequencies(bare, {"en": own}, n_tokens))
    elif recipe.frequencies.startswith(_CORPUS):
        texts = read_texts(Path(recipe.frequencies.removeprefix(_CORPUS)).expanduser())
        frequencies = count_tokens(bare, texts, n_tokens)
    else:
        counts = read_word_counts(Path(recipe.frequencies).expanduser())
        frequencies = token_frequencies(bare, {"en": counts}, n_tokens)
    return frequency_weights(frequencies, recipe.sif_coefficient)


def _is_by_rank(recipe: Recipe) -> bool:
    return recipe.weighting != "sif" or recipe.frequencies == "zipf"


def _packaged_frequencies(tokenizer: Tokenizer, n_tokens: int) -> npt.NDArray[np.float64]:
    """Give the frequencies by the package's word lists, which the cache holds for each tokenizer."""
    digest = hashlib.blake2b(tokenizer.to_str().encode(), digest_size=16)
    digest.update(f"{n_tokens} {FREQUENCIES_VERSION}".encode())
    path = cache_folder() / "frequencies" / f"{digest.hexdigest()}.npy"
    with suppress(OSError, ValueError, EOFError):  # none yet, or damaged
        found: npt.NDArray[np.float64] = np.load(path)
        if found.shape == (n_tokens,):
            return found
    frequencies = token_frequencies(tokenizer, packaged_words(), n_tokens)
    with suppress(OSError):  # they are made anew each time, where the cache cannot be written
        save_array(path, frequencies)
    return frequencies


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
