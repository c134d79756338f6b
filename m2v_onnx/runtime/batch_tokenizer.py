"""What tokenises, and the `tokenizers` library, which is the reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.tokenizer.token_ids import TokenIds

# What fast tokenizers raise for a text that they cannot take; the reference then says what is wrong with it.
TEXT_ERRORS = (TypeError, ValueError)


class BatchTokenizer(Protocol):
    """Texts to token ids, without special tokens around them.

    Attributes:
        name: of the library.
        suits_few: whether a call costs little, so that it is the fastest for one text, too.
    """

    name: str
    suits_few: bool

    def tokenize(self, texts: Sequence[str]) -> TokenIds:
        """Give the ids of texts.

        Raises:
            TypeError, ValueError: for what is no text.
        """
        ...


class ReferenceTokenizer:
    """The `tokenizers` library."""

    name = "tokenizers"
    suits_few = True

    def __init__(self, model: StaticEmbedding) -> None:
        self._tokenizer = model.tokenizer

    def tokenize(self, texts: Sequence[str]) -> TokenIds:
        """See `BatchTokenizer`."""
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return TokenIds.of([encoding.ids for encoding in encodings])
