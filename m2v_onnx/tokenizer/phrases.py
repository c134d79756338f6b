r"""Phrases between word boundaries: the first from the left, of those that begin together the longest.

As an added token (`single_word`) a phrase could hide others: the library takes the longest, and gives the
place up when that one turns out to stand beside a word character. So phrases are tokens like any other, and
the pre-tokenizer is one regular expression that cuts them out in one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, takewhile
from typing import Any

from tokenizers import pre_tokenizers

Json = dict[str, Any]

# What `\w` is to the tokenizers library; that of Oniguruma differs. JavaScript can read it, too.
_WORD = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\u200c\u200d"
_SYNTAX = str.maketrans({character: f"\\{character}" for character in r"\.^$|()[]{}*+?"})
_MOST_NESTED = 100


def phrase_splitter(phrases: Sequence[str]) -> Json:
    r"""Write the pre-tokenizer that cuts phrases out, and splits the rest as `Whitespace` does.

    A phrase counts where no word character is before and none behind. Between phrases, words are `\w+` and
    `[^\w\s]+`.

    Args:
        phrases: one or more, as the normalizer writes them, without white space at their ends.

    Returns:
        Its JSON form; equal for the same phrases in another order.
    """
    ordered = sorted(set(phrases))
    marked = [phrase for phrase in ordered if _splits(f"a{phrase[0]}")]
    # A phrase may begin inside a run of marks.
    begins = f"(?!{_between_words(marked)})" if marked else ""
    pattern = f"{_between_words(ordered)}|[{_WORD}]+|(?:{begins}[^{_WORD}\\s])+"
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": True}


def find_phrases(pre_tokenizer: Json | None, tokens: Sequence[str]) -> list[str]:
    """Give those of a tokenizer's tokens that its pre-tokenizer, in JSON form, cuts out as phrases."""
    if pre_tokenizer is None or pre_tokenizer["type"] != "Split":
        return []
    phrases = [token for token in tokens if _splits(token)]
    return phrases if phrases and phrase_splitter(phrases) == pre_tokenizer else []


def _splits(token: str) -> bool:
    return len(pre_tokenizers.Whitespace().pre_tokenize_str(token)) > 1


def _between_words(phrases: Sequence[str]) -> str:
    return f"(?<![{_WORD}]){_match_any(phrases, 0, 0)}(?![{_WORD}])"


def _match_any(phrases: Sequence[str], start: int, n_nested: int) -> str:
    """Match one of some phrases from a place on, longer ones first.

    Args:
        phrases: sorted; equal before the place.
        start: the place.
        n_nested: groups around this one.
    """
    if n_nested == _MOST_NESTED:
        longest_first = sorted(phrases, key=len, reverse=True)
        return f"(?:{'|'.join(phrase[start:].translate(_SYNTAX) for phrase in longest_first)})"
    pairs = zip(phrases[0], phrases[-1], strict=False)
    shared = "".join(first for first, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    head = shared[start:].translate(_SYNTAX)
    is_end = phrases[0] == shared
    rest = phrases[1:] if is_end else phrases
    if not rest:
        return head
    groups = [list(group) for _, group in groupby(rest, key=lambda phrase: phrase[len(shared)])]
    groups.sort(key=len, reverse=True)  # the likely ones first
    branches = "|".join(_match_any(group, len(shared), n_nested + 1) for group in groups)
    return f"{head}(?:{branches}){'?' if is_end else ''}"
