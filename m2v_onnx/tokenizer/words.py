"""A tokenizer of whole words, and the forms in which a tokenizer meets a list of words in a text."""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

logger = logging.getLogger(__name__)

UNK_TOKEN = "[UNK]"
PAD_TOKEN = "[PAD]"
_LEAST_SHARE = 0.01


@dataclass(frozen=True)
class WordForms:
    """The entries of a list of words as a tokenizer meets them in a text.

    Attributes:
        words: every new form that stays in one piece, and the index of its first entry.
        phrases: every form that is split, and the index of its first entry.
        n_duplicates: entries whose form is a known token or that of an entry before.
        n_empty: entries of which normalisation leaves nothing.
    """

    words: dict[str, int]
    phrases: dict[str, int]
    n_duplicates: int
    n_empty: int


def make_word_tokenizer(words: Sequence[str]) -> Tokenizer:
    """Make the tokenizer that a list of words wants; it holds the special tokens alone.

    Whole words by white space and punctuation, after NFKC; `[UNK]` is 0, `[PAD]` is 1. Case counts where at
    least one in a hundred of the words with letters of two cases has a capital; else texts are lower-cased,
    and the capitals that there are, counted in the log, are so as well. Compatibility characters such as
    U+216B are no capitals. Source: the vocabulary mode of model2vec 0.1, to which one capital was enough.
    """
    special = (UNK_TOKEN, PAD_TOKEN)
    own = [word for word in words if word.strip() not in special]
    normalized = [unicodedata.normalize("NFKC", word) for word in own]
    n_lowered = sum(word != word.lower() for word in normalized)
    n_capital = sum(map(_has_capital, own)) if n_lowered else 0
    n_cased = sum(word.lower() != word.upper() for word in own) if n_capital else 0
    case_counts = n_capital > 0 and n_capital >= _LEAST_SHARE * n_cased
    if n_lowered and not case_counts:
        logger.warning(
            "%d of %d words have capitals, too few for a list in which case counts: they are lower-cased",
            *(n_lowered, len(own)),
        )
    steps = [normalizers.NFKC()] if case_counts else [normalizers.NFKC(), normalizers.Lowercase()]
    vocabulary = {token: token_id for token_id, token in enumerate(special)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNK_TOKEN))
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(list(special))
    return tokenizer


def find_word_forms(
    tokenizer: Tokenizer, entries: Sequence[str], *, known: Collection[str] = ()
) -> WordForms:
    """Give each entry in the form in which the tokenizer meets it in a text, the first of equal ones.

    Args:
        tokenizer: whose normalizer and pre-tokenizer to use; its added tokens count as known.
        entries: words and phrases.
        known: tokens that are there already.
    """
    added = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    words: dict[str, int] = {}
    phrases: dict[str, int] = {}
    n_empty = n_duplicates = 0
    for index, entry in enumerate(entries):
        normalized, pieces = _split(tokenizer, entry)
        phrase = normalized.strip()
        if not pieces:
            n_empty += 1
        elif entry.strip() in added or phrase in added:
            n_duplicates += 1
        elif len(pieces) > 1:
            n_duplicates += phrase in phrases
            phrases.setdefault(phrase, index)
        elif pieces[0] in known or pieces[0] in words:
            n_duplicates += 1
        else:
            words[pieces[0]] = index
    return WordForms(words, phrases, n_duplicates, n_empty)


def _has_capital(word: str) -> bool:
    return word != word.lower() and any(c != c.lower() and unicodedata.is_normalized("NFKC", c) for c in word)


def _split(tokenizer: Tokenizer, word: str) -> tuple[str, list[str]]:
    """Give a word as the tokenizer's normalizer writes it, and the pieces that its pre-tokenizer makes."""
    normalized = word if tokenizer.normalizer is None else tokenizer.normalizer.normalize_str(word)
    if tokenizer.pre_tokenizer is None or not normalized:
        return normalized, [normalized] if normalized else []
    return normalized, [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normalized)]
