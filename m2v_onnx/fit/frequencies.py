"""How frequent tokens are: words whose frequency is known, as a tokenizer splits them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from m2v_onnx.errors import ArgumentError
from m2v_onnx.fit.words import WordList

# A text of another language is rarer than an English one.
_OTHER_LANGUAGES = 0.3
# Word lists leave punctuation out. Shares of the tokens of a text.
PUNCTUATION = {
    **dict.fromkeys(",.", 0.05),
    **dict.fromkeys("'’", 0.015),
    **dict.fromkeys('"“”', 0.01),
    "-": 0.005,
    **dict.fromkeys("():;?!", 0.003),
    **dict.fromkeys("[]/", 0.002),
}
_BLOCK_WORDS = 4096
# Raise it when other frequencies would be found for the same tokenizer: they are kept.
FREQUENCIES_VERSION = 1


def token_frequencies(
    tokenizer: Tokenizer, lists: Mapping[str, WordList], n_tokens: int
) -> npt.NDArray[np.float64]:
    """Give (V,) float64, the share of each token among the words of a text; 0 for one in no word.

    A token has the frequency of the words that hold it, summed within a language, and the largest of the
    languages, where those but English count less. Punctuation, which word lists leave out, has a frequency
    of its own, at the start of a text and behind a word.

    Args:
        tokenizer: adds no special tokens, pads and truncates nothing.
        lists: words by language.
        n_tokens: V.
    """
    largest = np.zeros(n_tokens)
    for language, words in lists.items():
        share = 1.0 if language == "en" else _OTHER_LANGUAGES
        found = _sum_frequencies(tokenizer, list(words.words), words.frequencies, n_tokens)
        np.maximum(largest, share * found, out=largest)
    for mark, frequency in PUNCTUATION.items():
        for text in (mark, f"a{mark}"):  # byte-level and SentencePiece tokenizers tell the two apart
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            if ids:
                largest[ids[-1]] = max(largest[ids[-1]], frequency)
    return largest


def count_tokens(tokenizer: Tokenizer, texts: Iterable[str], n_tokens: int) -> npt.NDArray[np.float64]:
    """Give (V,) float64, the share of each token among the tokens of a corpus; read once.

    Args:
        tokenizer: adds no special tokens, pads and truncates nothing.
        texts: the corpus.
        n_tokens: V.

    Raises:
        ArgumentError: when there is no token in it.
    """
    counts = np.zeros(n_tokens)
    iterator = iter(texts)
    while block := list(islice(iterator, _BLOCK_WORDS)):
        counts += _sum_frequencies(tokenizer, block, np.ones(len(block)), n_tokens)
    if not counts.any():
        raise ArgumentError("expected texts to count tokens in, found none with a token: name another file")
    shares: npt.NDArray[np.float64] = counts / counts.sum()
    return shares


def _sum_frequencies(
    tokenizer: Tokenizer, words: list[str], frequencies: npt.NDArray[np.float64], n_tokens: int
) -> npt.NDArray[np.float64]:
    sums = np.zeros(n_tokens)
    for start in range(0, len(words), _BLOCK_WORDS):
        block = tokenizer.encode_batch_fast(words[start : start + _BLOCK_WORDS], add_special_tokens=False)
        rows = [encoding.ids for encoding in block]
        ids = np.fromiter((token_id for row in rows for token_id in row), np.int64)
        repeats = np.repeat(frequencies[start : start + _BLOCK_WORDS], [len(row) for row in rows])
        sums += np.bincount(ids, repeats, n_tokens)
    return sums


def frequency_weights(frequencies: npt.NDArray[np.float64], coefficient: float) -> npt.NDArray[np.float64]:
    """Give (V,) float64, a / (a + p): smooth inverse frequency (Arora et al. 2017).

    >>> frequency_weights(np.array([0.0, 0.003, 0.027]), 0.003).tolist()
    [1.0, 0.5, 0.1]
    """
    weights: npt.NDArray[np.float64] = coefficient / (coefficient + frequencies)
    return weights
