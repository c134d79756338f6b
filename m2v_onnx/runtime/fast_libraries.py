"""Faster tokenizers of other libraries, from the extra `fast`."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.runtime.batch_tokenizer import ReferenceTokenizer
from m2v_onnx.tokenizer.token_ids import TokenIds, offsets_of

_WORD_START = "\u2581"


class GigatokenTokenizer:
    """gigatoken, for BPE, byte-level or with byte fallback."""

    name = "gigatoken"
    suits_few = False  # 0.2 ms a call

    def __init__(self, model: StaticEmbedding) -> None:
        self._tokenizer = importlib.import_module("gigatoken").Tokenizer.from_json(model.tokenizer.to_str())

    def tokenize(self, texts: Sequence[str]) -> TokenIds:
        """See `BatchTokenizer`."""
        layout = self._tokenizer.encode_batch(list(texts), parallel=False).layout
        offsets = np.asarray(layout.offsets, np.int64)
        return TokenIds(np.asarray(layout.content.data)[: offsets[-1]].astype(np.int32), offsets)


class TokieTokenizer:
    """tokie, for Unigram.

    It differs on texts of nothing but blanks, for which it gives a lone word start, and on some texts with
    unk: those texts go to the reference.
    """

    name = "tokie"
    suits_few = False

    def __init__(self, model: StaticEmbedding) -> None:
        self._reference = ReferenceTokenizer(model)
        self._unk_id = model.unk_token_id
        self._word_start_id = model.tokenizer.token_to_id(_WORD_START)
        self._normalizer = model.tokenizer.normalizer
        self._tokens = model.tokenizer.get_vocab().keys()
        self._partly_known = {character for token in self._tokens for character in token} - self._tokens
        with tempfile.TemporaryDirectory() as folder:  # it reads files only
            path = Path(folder, "tokenizer.json")
            path.write_text(model.tokenizer.to_str(), encoding="utf-8")
            self._tokenizer = importlib.import_module("tokie").Tokenizer.from_json(str(path))

    def tokenize(self, texts: Sequence[str]) -> TokenIds:
        """See `BatchTokenizer`."""
        ids, lengths = self._tokenizer.encode_batch_flat(list(texts), add_special_tokens=False)
        found = TokenIds(ids.astype(np.int32), offsets_of(lengths.astype(np.int64)))
        unsure = [row for row in _rows_with(self._unk_id, found).tolist() if not self._is_sure(texts[row])]
        doubtful = np.union1d(np.array(unsure, np.int64), _lone(self._word_start_id, found))
        if not len(doubtful):
            return found
        return found.replace_rows(doubtful, self._reference.tokenize([texts[index] for index in doubtful]))

    def _is_sure(self, text: str) -> bool:
        """Tell whether unk is right in a text: where its characters are in no token, and stay what they are.

        A character that only longer tokens have may be left to unk, or not, as the rest of its word goes: two
        ways can be as likely. And what the normalizer replaces, tokie may miss (the N-apostrophe under NFKC).
        """
        normalized = text if self._normalizer is None else self._normalizer.normalize_str(text)
        replaced = set(text).difference(normalized)
        return bool(replaced <= self._tokens) and self._partly_known.isdisjoint(_WORD_START + normalized)


def _rows_with(token_id: int | None, found: TokenIds) -> npt.NDArray[np.int64]:
    """Give the indices of the texts with a token."""
    counts = offsets_of(found.ids == (-1 if token_id is None else token_id))[found.offsets]
    rows: npt.NDArray[np.int64] = np.flatnonzero(counts[1:] > counts[:-1])
    return rows


def _lone(token_id: int | None, found: TokenIds) -> npt.NDArray[np.int64]:
    """Give the indices of the texts of one token alone."""
    rows = np.flatnonzero(found.lengths == 1)
    is_it = found.ids[found.offsets[rows]] == (-1 if token_id is None else token_id)
    lone: npt.NDArray[np.int64] = rows[is_it]
    return lone
