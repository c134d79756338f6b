"""Texts to token ids, for whole batches."""

from __future__ import annotations

from collections.abc import Sequence

from m2v_onnx.errors import ArgumentError
from m2v_onnx.model import StaticModel
from m2v_onnx.runtime.engines import TEXT_ERRORS, ReferenceEngine, TokenEngine
from m2v_onnx.runtime.flat_ids import FlatIds


def tokenize_batch(
    model: StaticModel,
    engine: TokenEngine,
    texts: Sequence[str],
    *,
    max_length: int | None,
    first_index: int = 0,
) -> FlatIds:
    """Give the ids of the known tokens of each text.

    The text is cut to `max_length` median tokens' characters, tokenised, cut to `max_length` tokens, and
    only then loses its unknown and special tokens: the order of model2vec 0.10.0.

    Args:
        model: whose limits to use.
        engine: what tokenises; the reference takes over for a batch that it refuses.
        texts: the texts.
        max_length: tokens that count; None for all.
        first_index: the number of the first text, for messages.

    Raises:
        ArgumentError: for anything that is not valid text, and for `max_length` below 1.
    """
    if max_length is not None and max_length < 1:
        raise ArgumentError(f"max_length must be 1 or more, or None for no limit, found {max_length}")
    for index, text in enumerate(texts, first_index):
        if not isinstance(text, str):
            raise ArgumentError(f"texts[{index}] must be a string, found {type(text).__name__}: {text!r:.40}")
    # No token is shorter than one character on the median, so most texts need no look at that median.
    if max_length is not None and max(map(len, texts), default=0) > max_length:
        n_characters = max_length * model.median_token_length
        texts = [text[:n_characters] for text in texts]
    try:
        found = _encode(model, engine, texts)
    except TypeError as error:
        raise _text_error(texts, first_index) from error
    if max_length is not None:
        found = found.truncate(max_length)
    return found.keep(model.counting_ids)


def _encode(model: StaticModel, engine: TokenEngine, texts: Sequence[str]) -> FlatIds:
    if not isinstance(engine, ReferenceEngine):
        try:
            return engine.encode(texts)
        except TEXT_ERRORS:
            engine = ReferenceEngine(model)
    return engine.encode(texts)


def _text_error(texts: Sequence[str], first_index: int) -> ArgumentError:
    """Name the text that the tokenizer refused: one that has no UTF-8 form."""
    for index, text in enumerate(texts, first_index):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            return ArgumentError(
                f"texts[{index}] must be valid Unicode, found a lone surrogate at character {error.start}: "
                "replace it, for instance by text.encode('utf-8', 'replace').decode()"
            )
    return ArgumentError("the tokenizer refused these texts: expected strings")
