"""What tokenises, and the `tokenizers` library, which is the reference."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.tokenizer.library import guarded
from m2v_onnx.tokenizer.token_ids import TokenIds

logger = logging.getLogger(__name__)


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
        encode = self._tokenizer.encode_batch_fast
        encodings = guarded(encode, list(texts), add_special_tokens=False)
        return TokenIds.of([encoding.ids for encoding in encodings])


class WatchedTokenizer:
    """A fast tokenizer, until its first error: the reference then takes its place for good.

    Texts that the reference refuses as well are no error of the fast one.

    Args:
        fast: what tokenises.
        model: whose reference takes over.
    """

    def __init__(self, fast: BatchTokenizer, model: StaticEmbedding) -> None:
        self._reference = ReferenceTokenizer(model)
        self._use(fast)

    def tokenize(self, texts: Sequence[str]) -> TokenIds:
        """See `BatchTokenizer`."""
        tokenizer = self._tokenizer
        if tokenizer is self._reference:
            return tokenizer.tokenize(texts)
        try:
            return tokenizer.tokenize(texts)
        except BaseException as error:
            if not is_failure(error):
                raise
            found = self._reference.tokenize(texts)
            logger.warning(
                "%s failed, tokenizers takes its place: %s", tokenizer.name, describe_failure(error)
            )
            self._use(self._reference)
            return found

    def _use(self, tokenizer: BatchTokenizer) -> None:
        self._tokenizer = tokenizer
        self.name, self.suits_few = tokenizer.name, tokenizer.suits_few


def is_failure(error: BaseException) -> bool:
    """Tell whether an error is one of the library that raised it, and not the end of the program.

    A panic of Rust code comes as a `PanicException`, which is no `Exception`.
    """
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def describe_failure(error: BaseException) -> str:
    """Give an error's type and the first line of its message."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]:.200}"
