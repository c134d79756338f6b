"""WordPiece behind BERT's normalizer and pre-tokenizer, in C code of our own."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from operator import itemgetter

import numpy as np
from tokenizers import models, normalizers, pre_tokenizers

from m2v_onnx.model import StaticModel
from m2v_onnx.runtime.flat_ids import FlatIds
from m2v_onnx.runtime.token_engine import ReferenceEngine

_PAGE = 256
_SURROGATES = range(0xD800, 0xE000)
# A letter that no normalizer changes, to put a character between two of them.
_LETTER = "x"
_ACCENTED = "\u00e9"
# A mark of the highest class that marks can have, and one of the lowest: NFD moves others around them.
_HIGHEST_MARK, _LOWEST_MARK = "\u0345", "\u0334"


class _Kind(IntEnum):
    """What a character does: see `word_piece.c`."""

    GAP = 0
    WORD = 1
    ALONE = 2
    REFUSED = 3


class WordPieceEngine:
    """C code of our own, `word_piece.c`.

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

    def __init__(self, model: StaticModel) -> None:
        from m2v_onnx.runtime._word_piece import WordPiece

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
        self._reference = ReferenceEngine(model)
        self._normalizer, self._pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer
        self._word_piece = WordPiece(
            dict(sorted(vocab.items(), key=itemgetter(1))),  # frequent tokens first: they are found at once
            word_piece.continuing_subword_prefix,
            vocab[word_piece.unk_token],
            word_piece.max_input_chars_per_word,
            [token.content for token in added],
        )
        self._learn(0)

    def encode(self, texts: Sequence[str]) -> FlatIds:
        """See `TokenEngine`."""
        ids, offsets, refused, missing = self._word_piece.encode(texts)
        if missing:
            for page in missing:
                self._learn(page)
            ids, offsets, refused, _ = self._word_piece.encode(texts)
        found = FlatIds(np.frombuffer(ids, np.int32), np.frombuffer(offsets, np.int64))
        if not refused:
            return found
        rest = self._reference.encode([texts[index] for index in refused])
        return found.replace_rows(np.array(refused), rest)

    def _learn(self, page: int) -> None:
        """Ask the tokenizers library about 256 code points."""
        found = [self._look_at(point) for point in range(page * _PAGE, (page + 1) * _PAGE)]
        moving = self._find_moving({character for _, form in found for character in form})
        self._word_piece.learn(
            page,
            [
                (_Kind.REFUSED, b"") if moving.intersection(form) else (kind, form.encode())
                for kind, form in found
            ],
        )

    def _look_at(self, point: int) -> tuple[_Kind, str]:
        """Give what a character does, and the form that it leaves behind."""
        if point in _SURROGATES:
            return _Kind.REFUSED, ""
        normalized = self._normalizer.normalize_str(f"{_LETTER}{chr(point)}{_LETTER}")
        pieces = [piece for piece, _ in self._pre_tokenizer.pre_tokenize_str(normalized)]
        if len(pieces) == 1:
            return _Kind.WORD, pieces[0][1:-1]
        if pieces == [_LETTER, _LETTER]:
            return _Kind.GAP, ""
        if len(pieces) == 3 and pieces[0] == pieces[2] == _LETTER:
            return _Kind.ALONE, pieces[1]
        return _Kind.REFUSED, ""

    def _find_moving(self, characters: set[str]) -> set[str]:
        """Give those of normalised characters whose place among marks is for the normalizer to say."""
        if self._normalizer.normalize_str(_ACCENTED) == _ACCENTED:
            return set()  # it does not decompose
        order = normalizers.NFD().normalize_str
        around = {c: f"{_HIGHEST_MARK}{c}{_LETTER}{c}{_LOWEST_MARK}" for c in characters if not c.isascii()}
        joined = _LETTER.join(around.values())
        if order(joined) == joined:
            return set()
        return {c for c, marked in around.items() if order(marked) != marked}
