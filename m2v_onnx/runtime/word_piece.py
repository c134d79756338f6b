"""WordPiece behind BERT's normalizer and pre-tokenizer, in C code of our own."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import numpy as np
from tokenizers import models, normalizers, pre_tokenizers

from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.runtime.batch_tokenizer import ReferenceTokenizer
from m2v_onnx.tokenizer.characters import SURROGATES, Kind, find_marks, normalize_all, probe_kinds
from m2v_onnx.tokenizer.token_ids import TokenIds

_PAGE = 256
# What a character does, as word_piece.c numbers it.
_GAP, _WORD, _ALONE, _REFUSED = range(4)
# What its form does: lists of `Kind`. BERT's normalizer puts spaces around Chinese characters.
_IS_SPACE, _IS_WORD, _IS_ALONE = {int(Kind.SPACE)}, {int(Kind.WORD)}, [int(Kind.ALONE)]
_IS_CHINESE = [int(Kind.SPACE), int(Kind.WORD), int(Kind.SPACE)]
_MOVES = -1  # beside the kinds: a mark that is ordered among others
_ACCENTED = "\u00e9"


class CompiledWordPiece:
    """C code of our own, `native/word_piece.c`.

    It takes what BERT's normalizer and pre-tokenizer do to each character from the tokenizers library, which
    also does the texts that hold an added token, or marks that change places.

    Args:
        model: the model.

    Raises:
        ImportError: when the C code was not compiled.
        ValueError: for a tokenizer of other parts.
    """

    name = "compiled C"
    suits_few = True

    def __init__(self, model: StaticEmbedding) -> None:
        from m2v_onnx.native._word_piece import WordPiece  # optional: there only where a C compiler was

        tokenizer, word_piece = model.tokenizer, model.tokenizer.model
        added = tokenizer.get_added_tokens_decoder().values()
        if not (
            isinstance(word_piece, models.WordPiece)
            and isinstance(tokenizer.normalizer, normalizers.BertNormalizer)
            and isinstance(tokenizer.pre_tokenizer, pre_tokenizers.BertPreTokenizer)
        ):
            raise ValueError("it takes BertNormalizer and BertPreTokenizer alone")
        if any(token.normalized for token in added):
            raise ValueError("it takes no added tokens that are searched in normalised text")
        vocab = tokenizer.get_vocab(with_added_tokens=False)
        if word_piece.unk_token not in vocab:
            raise ValueError("it needs an unknown token")
        self._reference = ReferenceTokenizer(model)
        self._normalizer, self._pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
        self._word_piece = WordPiece(
            dict(sorted(vocab.items(), key=itemgetter(1))),  # frequent tokens first: they are found at once
            word_piece.continuing_subword_prefix,
            vocab[word_piece.unk_token],
            word_piece.max_input_chars_per_word,
            [token.content for token in added],
        )
        self._learn(0)

    def tokenize(self, texts: Sequence[str]) -> TokenIds:
        """See `BatchTokenizer`."""
        ids, offsets, refused, missing = self._word_piece.tokenize(texts)
        if missing:
            for page in missing:
                self._learn(page)
            ids, offsets, refused, _ = self._word_piece.tokenize(texts)
        found = TokenIds(np.frombuffer(ids, np.int32), np.frombuffer(offsets, np.int64))
        if not refused:
            return found
        rest = self._reference.tokenize([texts[index] for index in refused])
        return found.replace_rows(np.array(refused), rest)

    def _learn(self, page: int) -> None:
        """Ask the tokenizers library about 256 code points."""
        start = page * _PAGE
        characters = [(_REFUSED, b"")] * _PAGE
        if start not in SURROGATES:
            forms = normalize_all(self._normalizer, list(map(chr, range(start, start + _PAGE))))
            alphabet = sorted(set().union(*forms))
            found = probe_kinds(self._pre_tokenizer, alphabet)[list(map(ord, alphabet))]
            kinds = dict(zip(alphabet, found.tolist(), strict=True))
            kinds.update(dict.fromkeys(self._find_moving(alphabet), _MOVES))
            characters = [_describe(form, [kinds[character] for character in form]) for form in forms]
        self._word_piece.learn(page, characters)

    def _find_moving(self, characters: list[str]) -> list[str]:
        """Give those of normalised characters whose place among marks is for the normalizer to say."""
        if self._normalizer.normalize_str(_ACCENTED) == _ACCENTED:
            return []  # it does not decompose
        return find_marks([character for character in characters if not character.isascii()])


def _describe(form: str, kinds: list[int]) -> tuple[int, bytes]:
    """Give what a character does whose normalised form has these kinds, and the form that it leaves."""
    if _IS_WORD.issuperset(kinds):
        return _WORD, form.encode()
    if _IS_SPACE.issuperset(kinds):
        return _GAP, b""
    if kinds == _IS_ALONE:
        return _ALONE, form.encode()
    if kinds == _IS_CHINESE:
        return _ALONE, form[1].encode()
    return _REFUSED, b""
