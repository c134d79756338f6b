"""Texts to token ids, for whole batches."""

from __future__ import annotations

from collections.abc import Sequence

from m2v_onnx.errors import ArgumentError
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.runtime.batch_tokenizer import BatchTokenizer
from m2v_onnx.tokenizer.texts import check_strings, check_unicode
from m2v_onnx.tokenizer.token_ids import TokenIds


def tokenize_batch(
    model: StaticEmbedding,
    tokenizer: BatchTokenizer,
    texts: Sequence[str],
    *,
    max_length: int | None,
    first_index: int = 0,
) -> TokenIds:
    """Give the token ids of each text, unknown and special tokens included.

    The text is cut to its first `character_limit` characters, tokenised, and cut to `max_length` tokens, and
    what does not count is dropped from these: the order of model2vec 0.10.0.

    Args:
        model: whose limits to use.
        tokenizer: what tokenises.
        texts: the texts.
        max_length: tokens that count; None for all.
        first_index: the number of the first text, for messages.

    Raises:
        ArgumentError: for anything that is not valid text, and for `max_length` below 1.
    """
    if max_length is not None and max_length < 1:
        raise ArgumentError(f"max_length must be 1 or more, or None for no limit, found {max_length}")
    check_strings(texts, first_index=first_index)
    # No token is shorter than one character on the median, so most texts need no look at that median.
    longest = max(map(len, texts), default=0)
    if max_length is not None and longest > max_length:
        n_characters = model.character_limit(max_length)
        if n_characters is not None and longest > n_characters:
            texts = [text[:n_characters] for text in texts]
    try:
        found = tokenizer.tokenize(texts)
    except TypeError as error:
        check_unicode(texts, first_index=first_index)
        raise ArgumentError("the tokenizer refused these texts: expected strings") from error
    return found if max_length is None else found.truncate(max_length)
