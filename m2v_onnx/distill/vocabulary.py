"""The static model's vocabulary: which tokens it has, and what the teacher is fed for each."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tokenizers import Tokenizer

from m2v_onnx.distill.tokenizer_json import Affixes, TokenizerJson
from m2v_onnx.errors import ArgumentError
from m2v_onnx.fit.words import WordList
from m2v_onnx.model.recipe import Recipe, WordPadding
from m2v_onnx.teacher.loading import Teacher
from m2v_onnx.tokenizer.token_ids import TokenIds
from m2v_onnx.tokenizer.words import find_word_forms, make_word_tokenizer

logger = logging.getLogger(__name__)

# Words are far shorter; this only keeps a line that is no word inside the teacher's positions.
_MAX_WORD_TOKENS = 128
_ENCODE_CHUNK = 1_000


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a static model.

    Attributes:
        tokenizer_json: the static model's tokenizer, ids 0 to V - 1: as text, a tenth of its memory.
        teacher_ids: for each of the V tokens, what the teacher is fed, special tokens included.
        affixes: what of this stands around each token, where words are not padded.
        counts: words of the user with their frequencies, where they brought some.
    """

    tokenizer_json: str
    teacher_ids: TokenIds
    affixes: Affixes
    counts: WordList | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        """The static model's tokenizer, read anew."""
        return Tokenizer.from_str(self.tokenizer_json)

    def pieces(self) -> TokenIds:
        """Give what the teacher is fed for each token, without the affixes."""
        n_before, n_behind = len(self.affixes.prefix), len(self.affixes.suffix)
        ids, offsets = self.teacher_ids.ids, self.teacher_ids.offsets.tolist()
        return TokenIds.of(
            ids[start + n_before : max(start + n_before, stop - n_behind)].tolist()
            for start, stop in pairwise(offsets)
        )


def build_vocabulary(teacher: Teacher, recipe: Recipe, words: Sequence[str] | None = None) -> Vocabulary:
    """Settle the tokens of a static model, and what the teacher is fed for each.

    Args:
        teacher: whose tokenizer to start from.
        recipe: what to remove, and what the words do.
        words: the user's own words, most frequent first.

    Raises:
        ArgumentError: when no token, or none of the words, is left.
        TeacherError: when two tokens of the teacher's tokenizer share an id.
    """
    if recipe.vocabulary_mode == "only":
        return _word_vocabulary(teacher, recipe, words or [])
    return _subword_vocabulary(teacher, recipe, words or [])


def _subword_vocabulary(teacher: Teacher, recipe: Recipe, words: Sequence[str]) -> Vocabulary:
    """Take the teacher's vocabulary without the tokens of no use, and extend it. Source: model2vec 0.10.0.

    Tokens that match the recipe's pattern go, and so do added tokens but the padding and the unknown one.
    The order stays; ids are renumbered without gaps. Words follow in their order, phrases behind them.
    """
    editable = TokenizerJson(teacher.tokenizer)
    affixes = _affixes(editable, teacher, recipe)
    teacher_ids = teacher.tokenizer.get_vocab()
    _remove_tokens(editable, teacher, recipe)
    editable.strip_to_model(prefix_space=recipe.prefix_space)
    if words:
        _add_words(editable, words, recipe, known=teacher_ids.keys())
    new_tokens = [token for token in editable.tokens if token not in teacher_ids]
    encoded = _encode(teacher.tokenizer, new_tokens, recipe, padding=recipe.word_padding)
    sequences = (
        [*affixes.prefix, teacher_ids[token], *affixes.suffix] if token in teacher_ids else next(encoded)
        for token in editable.tokens
    )
    return Vocabulary(editable.to_tokenizer().to_str(), TokenIds.of(sequences), affixes)


def _affixes(editable: TokenizerJson, teacher: Teacher, recipe: Recipe) -> Affixes:
    """Give what the teacher is fed around a token: its special tokens, and the prompt's before it."""
    affixes = editable.affixes()
    if recipe.affixes == "swapped":
        affixes = Affixes(affixes.suffix, affixes.prefix)
    if recipe.prompt is None:
        return affixes
    prompt_ids = teacher.tokenizer.encode(recipe.prompt, add_special_tokens=False).ids
    return Affixes((*affixes.prefix, *prompt_ids), affixes.suffix)


def _remove_tokens(editable: TokenizerJson, teacher: Teacher, recipe: Recipe) -> None:
    kept_special = _settle_special_tokens(editable, teacher)
    if recipe.keep_special_tokens:
        kept_special.update(editable.special_tokens)
    ordinary = set(editable.added_tokens) - set(editable.special_tokens) - kept_special
    removed = set(editable.special_tokens) - kept_special
    if recipe.added_tokens == "remove" and ordinary:
        removed |= ordinary
        logger.warning(
            "vocabulary: %d of the teacher's added tokens removed (%s): added_tokens='keep' (--added-tokens "
            "keep) keeps them",
            *(len(ordinary), ", ".join(sorted(ordinary)[:3]) + " …" * (len(ordinary) > 3)),
        )
    if recipe.token_remove_pattern is not None:
        pattern = re.compile(recipe.token_remove_pattern)
        removed |= {token for token in editable.tokens if pattern.match(token)} - {editable.unk_token}
    n_tokens = len(editable.tokens)
    editable.remove(removed)
    if not set(editable.tokens) - kept_special:
        raise ArgumentError(
            f"token_remove_pattern must leave some tokens, {recipe.token_remove_pattern!r} removes "
            f"all {n_tokens}: narrow it, or pass None (`none`) to remove nothing"
        )
    logger.info("vocabulary: %d of the teacher's %d tokens kept", len(editable.tokens), n_tokens)


def _settle_special_tokens(editable: TokenizerJson, teacher: Teacher) -> set[str]:
    """Settle which tokens stand for unknown pieces and for padding, and make them special; give them."""
    editable.unk_token = teacher.unk_token or editable.unk_token
    pad_token = teacher.pad_token or editable.padding_token
    if pad_token is None:  # no configuration says it: the names that everybody uses
        pad_token = next((token for token in ("[PAD]", "<pad>") if token in editable.added_tokens), None)
    kept = {token for token in (editable.unk_token, pad_token) if token is not None}
    for token in sorted(kept):
        editable.set_special(token)
    return kept


def _add_words(
    editable: TokenizerJson, words: Sequence[str], recipe: Recipe, *, known: Collection[str]
) -> None:
    """Append the user's words, each in the form in which the tokenizer meets it in a text."""
    only = recipe.vocabulary_mode == "only"
    pattern = re.compile(recipe.token_remove_pattern) if recipe.token_remove_pattern and not only else None
    forms = find_word_forms(editable.to_tokenizer(), words, known=known)
    new_words = [word for word in forms.words if pattern is None or not pattern.match(word)]
    n_removed = len(forms.words) - len(new_words)
    skipped = (
        f"{forms.n_duplicates} duplicates, {n_removed} that the pattern removes, {forms.n_empty} empty ones"
    )
    logger.log(
        logging.INFO if forms.n_duplicates + n_removed + forms.n_empty == 0 else logging.WARNING,
        "vocabulary: %d words and %d phrases added of %d entries; skipped: %s",
        *(len(new_words), len(forms.phrases), len(words), skipped),
    )
    # A phrase that the teacher has as one token could never be met: its row moves to the phrases.
    editable.remove([phrase for phrase in forms.phrases if phrase in known])
    editable.append(new_words)
    editable.append_phrases(list(forms.phrases), between_words=only)


def _word_vocabulary(teacher: Teacher, recipe: Recipe, words: Sequence[str]) -> Vocabulary:
    """Make a tokenizer of exactly the given words. Source: the vocabulary mode of model2vec 0.1.

    Entries of several words are found as phrases between word boundaries.
    """
    editable = TokenizerJson(make_word_tokenizer(words))
    _add_words(editable, words, recipe, known=())
    if len(editable.tokens) == 2:
        raise ArgumentError(
            f"the vocabulary must hold words, found that none of its {len(words)} entries is left after "
            "normalisation: check the file"
        )
    encoded = _encode(teacher.tokenizer, editable.tokens, recipe, padding="none")
    affixes = _affixes(TokenizerJson(teacher.tokenizer), teacher, recipe)
    return Vocabulary(editable.to_str(), TokenIds.of(encoded), affixes)


def _encode(
    tokenizer: Tokenizer, texts: Sequence[str], recipe: Recipe, *, padding: WordPadding
) -> Iterator[list[int]]:
    """Give the teacher's own ids of each text behind the prompt, special tokens included."""
    prompt = recipe.prompt or ""
    own = Tokenizer.from_str(tokenizer.to_str())
    own.enable_truncation(_MAX_WORD_TOKENS)
    is_fixed = own.padding is not None and own.padding["length"] is not None
    if padding == "none" or not is_fixed:  # padding to the longest would mix a word with its neighbours
        own.no_padding()
    elif texts:
        logger.warning(
            "the teacher's tokenizer pads: words are averaged with their padding, as in model2vec 0.10; "
            "word_padding='none' (--word-padding none) gives better vectors, faster"
        )
    for start in range(0, len(texts), _ENCODE_CHUNK):
        for encoding in own.encode_batch([prompt + text for text in texts[start : start + _ENCODE_CHUNK]]):
            yield encoding.ids
