"""How a call encodes: settled before its first text, by its options and by how much text there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from m2v_onnx.errors import ArgumentError, check_positive
from m2v_onnx.runtime.batch_tokenizer import BatchTokenizer
from m2v_onnx.runtime.parts import PartStore
from m2v_onnx.runtime.row_mean import RowMean
from m2v_onnx.system.cores import count_cores

MaxLength = int | Literal["model"] | None

# Not worth a call of a tokenizer that takes long to begin: 0.2 ms.
_FEW_CHARACTERS = 1_000
# The reference tokenizer is done with them in a millisecond; for more, the fast parts are loaded.
_COLD_CHARACTERS = 5_000
# No worker is set to work for fewer.
_LEAST_CHARACTERS = 100_000


@dataclass(frozen=True)
class Batching:
    """How texts are cut into batches: see `StaticModel.encode`.

    Raises:
        ArgumentError: when a number is out of its range.
    """

    batch_size: int
    max_length: MaxLength
    n_threads: int | None

    def __post_init__(self) -> None:
        if self.batch_size is None:
            raise ArgumentError("batch_size must be a whole number, found None: leave it out")
        check_positive(batch_size=self.batch_size, n_threads=self.n_threads)
        if self.max_length != "model":
            check_positive(max_length=self.max_length)


@dataclass(frozen=True)
class Plan:
    """How one call encodes.

    Attributes:
        tokenizer: what tokenises its batches.
        row_mean: what averages them.
        batch_size: texts in a batch, at most.
        n_workers: batches at work side by side, at most.
        max_length: tokens of each text that count; None for all.
    """

    tokenizer: BatchTokenizer
    row_mean: RowMean
    batch_size: int
    n_workers: int
    max_length: int | None


def plan_texts(
    texts: Sequence[str], batching: Batching, store: PartStore, *, model_limit: int | None
) -> Plan:
    """Plan for texts that are at hand; many of them load the fast parts.

    Batches are equal, not larger than asked for, and as many for every worker that is worth its start.
    """
    n_characters = _count_characters(texts, most=2 * _LEAST_CHARACTERS)
    if n_characters > _COLD_CHARACTERS:
        store.warm_up()
    parts = store.for_few() if n_characters <= _FEW_CHARACTERS else store.for_many()
    is_for_many = n_characters >= 2 * _LEAST_CHARACTERS
    n_workers = _count_workers(texts, batching.n_threads) if is_for_many else 1
    n_batches = -(-len(texts) // (batching.batch_size * n_workers)) * n_workers
    batch_size = max(1, -(-len(texts) // max(1, n_batches)))
    limit = token_limit(batching.max_length, model_limit)
    return Plan(parts.tokenizer, parts.row_mean, batch_size, n_workers, limit)


def plan_stream(batching: Batching, store: PartStore, *, model_limit: int | None) -> Plan:
    """Plan for texts that are still to come, as for many."""
    store.warm_up()
    parts = store.for_many()
    n_workers = batching.n_threads or count_cores()
    limit = token_limit(batching.max_length, model_limit)
    return Plan(parts.tokenizer, parts.row_mean, batching.batch_size, n_workers, limit)


def token_limit(max_length: MaxLength, model_limit: int | None) -> int | None:
    """Give how many tokens of a text count; None for all."""
    return model_limit if max_length == "model" else max_length


def _count_workers(texts: Sequence[str], n_threads: int | None) -> int:
    """Give how many workers have enough to do."""
    most = min(n_threads or count_cores(), len(texts))
    return min(most, _count_characters(texts, most=most * _LEAST_CHARACTERS) // _LEAST_CHARACTERS)


def _count_characters(texts: Sequence[str], *, most: int) -> int:
    """Count the characters of texts until there are as many as `most`; give 0 for what is no text."""
    n_characters = 0
    try:
        for n_characters in accumulate(map(len, texts)):
            if n_characters >= most:
                break
    except TypeError:  # the tokenizer says which it is
        return 0
    return n_characters
