"""What tokenises, and the `tokenizers` library, which is the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from m2v_onnx.model import StaticModel
from m2v_onnx.runtime.flat_ids import FlatIds

# What fast engines raise for a text that they cannot take; the reference then says what is wrong with it.
TEXT_ERRORS = (TypeError, ValueError)


class TokenEngine(Protocol):
    """Texts to token ids, without special tokens around them.

    Attributes:
        name: of the library.
        suits_few: whether a call costs little, so that it is the fastest for one text, too.
    """

    name: str
    suits_few: bool

    def encode(self, texts: Sequence[str]) -> FlatIds:
        """Give the ids of texts.

        Raises:
            TypeError, ValueError: for what is no text.
        """
        ...


class ReferenceEngine:
    """The `tokenizers` library."""

    name = "tokenizers"
    suits_few = True

    def __init__(self, model: StaticModel) -> None:
        self._tokenizer = model.tokenizer

    def encode(self, texts: Sequence[str]) -> FlatIds:
        """See `TokenEngine`."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return FlatIds.of([encoding.ids for encoding in encodings])
