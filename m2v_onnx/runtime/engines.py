"""Faster tokenizers, and when they take the place of the `tokenizers` library.

A fast engine is taken for the family that it proved exact on, over all text of the benchmark
`benchmarks.token_engines`, and only when it gives the reference's ids for HARD_TEXTS, too.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.goldens import HARD_TEXTS
from m2v_onnx.model import StaticModel
from m2v_onnx.runtime.flat_ids import FlatIds, offsets_of
from m2v_onnx.runtime.token_engine import ReferenceEngine, TokenEngine
from m2v_onnx.runtime.word_piece import WordPieceEngine

_WORD_START = "\u2581"


@dataclass(frozen=True)
class EngineChoice:
    """An engine, and why it was chosen."""

    engine: TokenEngine
    reason: str


class GigatokenEngine:
    """gigatoken, for BPE, byte-level or with byte fallback."""

    name = "gigatoken"
    suits_few = False  # 0.2 ms a call

    def __init__(self, model: StaticModel) -> None:
        self._tokenizer = importlib.import_module("gigatoken").Tokenizer.from_json(model.tokenizer.to_str())

    def encode(self, texts: Sequence[str]) -> FlatIds:
        """See `TokenEngine`."""
        layout = self._tokenizer.encode_batch(list(texts), parallel=False).layout
        offsets = np.asarray(layout.offsets, np.int64)
        return FlatIds(np.asarray(layout.content.data)[: offsets[-1]].astype(np.int32), offsets)


class TokieEngine:
    """tokie, for Unigram.

    It differs on texts of nothing but blanks, for which it gives a lone word start, and on some texts with
    unk: those texts go to the reference.
    """

    name = "tokie"
    suits_few = False

    def __init__(self, model: StaticModel) -> None:
        self._reference = ReferenceEngine(model)
        self._unk_id = model.unk_token_id
        self._word_start_id = model.tokenizer.token_to_id(_WORD_START)
        self._normalizer = model.tokenizer.normalizer
        self._tokens = model.tokenizer.get_vocab().keys()
        self._partly_known = {character for token in self._tokens for character in token} - self._tokens
        with tempfile.TemporaryDirectory() as folder:  # it reads files only
            path = Path(folder, "tokenizer.json")
            path.write_text(model.tokenizer.to_str(), encoding="utf-8")
            self._tokenizer = importlib.import_module("tokie").Tokenizer.from_json(str(path))

    def encode(self, texts: Sequence[str]) -> FlatIds:
        """See `TokenEngine`."""
        ids, lengths = self._tokenizer.encode_batch_flat(list(texts), add_special_tokens=False)
        found = FlatIds(ids.astype(np.int32), offsets_of(lengths.astype(np.int64)))
        unsure = [row for row in _rows_with(self._unk_id, found).tolist() if not self._is_sure(texts[row])]
        doubtful = np.union1d(np.array(unsure, np.int64), _lone(self._word_start_id, found))
        if not len(doubtful):
            return found
        return found.replace_rows(doubtful, self._reference.encode([texts[index] for index in doubtful]))

    def _is_sure(self, text: str) -> bool:
        """Tell whether unk is right in a text: where its characters are in no token, and stay what they are.

        A character that only longer tokens have may be left to unk, or not, as the rest of its word goes: two
        ways can be as likely. And what the normalizer replaces, tokie may miss (the N-apostrophe under NFKC).
        """
        normalized = text if self._normalizer is None else self._normalizer.normalize_str(text)
        replaced = set(text).difference(normalized)
        return bool(replaced <= self._tokens) and self._partly_known.isdisjoint(_WORD_START + normalized)


FAST_ENGINES: dict[str, Callable[[StaticModel], TokenEngine]] = {
    "WordPiece": WordPieceEngine,
    "BPE": GigatokenEngine,
    "Unigram": TokieEngine,
}


def choose_engine(model: StaticModel) -> EngineChoice:
    """Take the fast engine of a model's tokenizer family, when it is there and proves exact.

    Args:
        model: whose tokenizer to run.
    """
    reference = ReferenceEngine(model)
    family = type(model.tokenizer.model).__name__
    if family not in FAST_ENGINES:
        return EngineChoice(reference, f"no fast engine for {family}")
    try:
        fast = FAST_ENGINES[family](model)
    except ImportError as error:
        name = str(error.name)
        if name.startswith("m2v_onnx."):
            return EngineChoice(reference, "m2v-onnx was installed without a C compiler")
        return EngineChoice(reference, f'{name} is not installed: `pip install "m2v-onnx[fast]"`')
    except ValueError as error:  # a component that the engine does not know
        return EngineChoice(reference, f"the fast engine refuses this tokenizer: {error}")
    expected, found = (engine.encode(HARD_TEXTS).to_lists() for engine in (reference, fast))
    for text, one, other in zip(HARD_TEXTS, expected, found, strict=True):
        if one != other:
            return EngineChoice(reference, f"{fast.name} gives other tokens for {text!r:.40}")
    return EngineChoice(fast, f"equal to tokenizers on {len(HARD_TEXTS)} hard texts")


def _rows_with(token_id: int | None, found: FlatIds) -> npt.NDArray[np.int64]:
    """Give the indices of the texts with a token."""
    counts = offsets_of(found.ids == (-1 if token_id is None else token_id))[found.offsets]
    rows: npt.NDArray[np.int64] = np.flatnonzero(counts[1:] > counts[:-1])
    return rows


def _lone(token_id: int | None, found: FlatIds) -> npt.NDArray[np.int64]:
    """Give the indices of the texts of one token alone."""
    rows = np.flatnonzero(found.lengths == 1)
    is_it = found.ids[found.offsets[rows]] == (-1 if token_id is None else token_id)
    lone: npt.NDArray[np.int64] = rows[is_it]
    return lone
