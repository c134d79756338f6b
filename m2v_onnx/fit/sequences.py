"""Sequences that are no language: random token ids, and bags of words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from m2v_onnx.fit.words import WordList
from m2v_onnx.tokenizer.token_ids import TokenIds

# Words are drawn with a probability proportional to this power of their frequency: rare ones come up, too.
_FLATTENED = 0.5
_STOPPED = 0.6  # the share of bags with a full stop behind
_ENGLISH = 0.4  # the share of English words in a bag of two languages


@dataclass(frozen=True)
class Lengths:
    """How long sequences are: log-uniform, so that short ones are as frequent as long ones.

    Attributes:
        shortest: tokens, or words, at least.
        longest: at most.
    """

    shortest: int = 4
    longest: int = 30

    def draw(self, n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Give (n,) int64 lengths."""
        logs = rng.uniform(np.log(self.shortest), np.log(self.longest + 1), n)
        return np.minimum(np.exp(logs).astype(np.int64), self.longest)


def draw_tokens(
    token_ids: npt.NDArray[np.int64], n: int, lengths: Lengths, rng: np.random.Generator
) -> TokenIds:
    """Give n sequences of tokens, each drawn from `token_ids` with the same probability.

    Args:
        token_ids: (K,) int64, the tokens that count.
        n: how many sequences.
        lengths: how long.
        rng: where chance comes from: the same state gives the same sequences.
    """
    drawn = lengths.draw(n, rng)
    offsets = np.concatenate([[0], np.cumsum(drawn)])
    ids = token_ids[rng.integers(len(token_ids), size=int(offsets[-1]))]
    return TokenIds(ids.astype(np.int32), offsets)


def join_pieces(tokens: TokenIds, pieces: TokenIds) -> TokenIds:
    """Put in place of each token the ids that a teacher has for it.

    >>> tokens, pieces = TokenIds.of([[0, 1], [1]]), TokenIds.of([[7], [8, 9]])
    >>> joined = join_pieces(tokens, pieces)
    >>> joined.ids.tolist(), joined.offsets.tolist()
    ([7, 8, 9, 8, 9], [0, 3, 5])

    Args:
        tokens: N sequences of tokens.
        pieces: for each of V tokens, the ids.
    """
    fed = pieces.take(tokens.ids)
    return TokenIds(fed.ids, fed.offsets[tokens.offsets])


def draw_bags(words: WordList, n: int, lengths: Lengths, rng: np.random.Generator) -> list[str]:
    """Give n texts of words of one language, drawn independently.

    Args:
        words: what to draw from, by the square root of their frequency.
        n: how many texts.
        lengths: how many words a text.
        rng: where chance comes from.
    """
    drawn = lengths.draw(n, rng)
    picked = iter(_pick(words, int(drawn.sum()), rng))
    return _join([[next(picked) for _ in range(length)] for length in drawn.tolist()], rng)


def draw_mixed_bags(
    lists: Mapping[str, WordList], n: int, lengths: Lengths, rng: np.random.Generator
) -> list[str]:
    """Give n texts of English words and of those of another language, each drawn at random.

    Args:
        lists: words by language; `en` and others.
        n: how many texts.
        lengths: how many words a text.
        rng: where chance comes from.
    """
    others = [language for language in sorted(lists) if language != "en"]
    drawn = lengths.draw(n, rng)
    languages = rng.integers(len(others), size=n)
    n_english = rng.binomial(drawn, _ENGLISH)
    english = iter(_pick(lists["en"], int(n_english.sum()), rng))
    other = [
        iter(_pick(lists[language], int((drawn - n_english)[languages == index].sum()), rng))
        for index, language in enumerate(others)
    ]
    bags = []
    for length, n_first, language in zip(drawn.tolist(), n_english.tolist(), languages.tolist(), strict=True):
        bag = [next(english) for _ in range(n_first)]
        bag += [next(other[language]) for _ in range(length - n_first)]
        bags.append([bag[index] for index in rng.permutation(length)])
    return _join(bags, rng)


def _pick(words: WordList, n: int, rng: np.random.Generator) -> list[str]:
    steps = np.cumsum(words.frequencies**_FLATTENED)
    picked = np.searchsorted(steps, rng.uniform(0, steps[-1], n), side="right")
    return [words.words[index] for index in picked.tolist()]


def _join(bags: list[list[str]], rng: np.random.Generator) -> list[str]:
    stops = rng.uniform(size=len(bags)) < _STOPPED
    return [" ".join(bag) + "." * stop for bag, stop in zip(bags, stops.tolist(), strict=True)]
