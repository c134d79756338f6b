"""The fast `encode`: batches of texts, tokenised and averaged side by side on every core."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice
from pathlib import Path
from typing import Literal

import numpy as np

from m2v_onnx.errors import ArgumentError, FolderError, check_positive
from m2v_onnx.model.quantization import MOST_INT8_TOKENS, PRECISIONS, Precision, quantize_table
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.runtime.batch_tokenizer import ReferenceTokenizer
from m2v_onnx.runtime.choice import TokenizerChoice, choose_tokenizer
from m2v_onnx.runtime.row_mean import CompiledMean, NumpyMean, RowMean
from m2v_onnx.runtime.tokenization import tokenize_batch
from m2v_onnx.system.cores import count_cores
from m2v_onnx.system.progress import track
from m2v_onnx.system.side_by_side import map_side_by_side
from m2v_onnx.tokenizer.token_ids import TokenIds

MaxLength = int | Literal["model"] | None

# So few texts are not worth a call of a tokenizer that takes long to begin.
_FEW_TEXTS = 8
# And so many, in all calls so far, are done before the fast tokenizer is loaded: a tenth of a second.
_COLD_TEXTS = 1000
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
        check_positive(batch_size=self.batch_size, n_threads=self.n_threads)


class Encoder:
    """A static model ready to run. Thread-safe; equal to `StaticEmbedding.encode_reference` up to rounding.

    Args:
        model: the model; fast tokenizer and graph are loaded with the first batch of more than a few texts.
        graph_path: its ids graph; None for none.
        precision: the number type to encode with; None for whatever is fastest and exact.
    """

    def __init__(
        self, model: StaticEmbedding, *, graph_path: Path | None = None, precision: Precision | None = None
    ) -> None:
        self._model = model
        self._graph_path = graph_path
        self._precision = precision
        self._n_texts = 0

    def encode(
        self, texts: str | Iterable[str], batching: Batching, *, show_progress_bar: bool = False
    ) -> Vectors:
        """Embed texts: see `StaticModel.encode`."""
        all_texts = [texts] if isinstance(texts, str) else list(texts)
        vectors: Vectors = np.empty((len(all_texts), self._model.dim), np.float32)
        with track("Encoding", total=len(all_texts), unit="texts", show=show_progress_bar) as advance:
            for block in self._blocks(all_texts, _share(all_texts, batching), out=vectors):
                advance(len(block))
        return vectors.reshape(self._model.dim) if isinstance(texts, str) else vectors

    def stream(self, texts: Iterable[str], batching: Batching) -> Iterator[Vectors]:
        """Embed texts block by block: see `StaticModel.encode_stream`."""
        if isinstance(texts, str):
            raise ArgumentError("texts must be an iterable of strings, found one string: put it into a list")
        return self._blocks(texts, batching)

    def tokenize(self, texts: Iterable[str], *, max_length: MaxLength) -> list[list[int]]:
        """Give the known tokens' ids: see `StaticModel.tokenize`."""
        if isinstance(texts, str):
            raise ArgumentError("texts must be a list of strings, found one string: put it into a list")
        limit = self._limit(max_length)
        found = tokenize_batch(self._model, self._reference, list(texts), max_length=limit)
        return found.keep(self._model.counting_ids).to_lists()

    @cached_property
    def tokenizer_choice(self) -> TokenizerChoice:
        """What tokenises batches, and why."""
        return choose_tokenizer(self._model)

    def _blocks(
        self, texts: Iterable[str], batching: Batching, *, out: Vectors | None = None
    ) -> Iterator[Vectors]:
        """Give the vectors of batches in their order, in `out` if it is given."""
        few = out is not None and self._are_few(len(out))
        limit = self._limit(batching.max_length)

        def embed(numbered: tuple[int, list[str]]) -> Vectors:
            start, batch = numbered
            if out is None:
                block: Vectors = np.empty((len(batch), self._model.dim), np.float32)
            else:
                block = out[start : start + len(batch)]
            self._embed(batch, start, block, limit=limit, few=few)
            return block

        n_workers = batching.n_threads or count_cores()
        return map_side_by_side(embed, _cut(texts, batching.batch_size), n_workers=n_workers)

    def _are_few(self, n_texts: int) -> bool:
        """Tell whether to encode texts by what is loaded; counts them."""
        self._n_texts += n_texts
        return n_texts <= _FEW_TEXTS or self._n_texts <= _COLD_TEXTS

    def _embed(self, texts: list[str], start: int, out: Vectors, *, limit: int | None, few: bool) -> None:
        is_reference_best = few and not (
            "tokenizer_choice" in self.__dict__ and self.tokenizer_choice.tokenizer.suits_few
        )
        tokenizer = self._reference if is_reference_best else self.tokenizer_choice.tokenizer
        found = tokenize_batch(self._model, tokenizer, texts, max_length=limit, first_index=start)
        if self._precision == "int8":
            _check_length(found)
        (self._light_mean if few and self._precision is None else self._mean).mean(found, out)

    def _limit(self, max_length: MaxLength) -> int | None:
        return self._model.config.max_length if max_length == "model" else max_length

    @cached_property
    def _reference(self) -> ReferenceTokenizer:
        return ReferenceTokenizer(self._model)

    @cached_property
    def _light_mean(self) -> RowMean:
        """What averages a few texts: it loads neither graph nor table."""
        table = self._model.table
        is_ready = table.dtype == np.float32 and table.flags.c_contiguous
        return self._mean if CompiledMean.is_available() and is_ready else NumpyMean(self._model)

    @cached_property
    def _mean(self) -> RowMean:
        """What averages batches: the fastest that is there and has the numbers of the precision asked for."""
        model = self._model
        if self._precision is None and CompiledMean.is_available():
            return CompiledMean(model)
        if self._precision == "int8":
            encoded = quantize_table(model.table, "int8")
            if CompiledMean.takes(encoded, model):
                return CompiledMean(model, encoded)
        if self._graph_path is None:
            return NumpyMean(model)
        from m2v_onnx.runtime.graph_mean import GraphMean  # slow: onnxruntime

        graph = GraphMean(self._graph_path, table=model.table)
        self._check_graph(graph)
        return graph

    def _check_graph(self, graph: RowMean) -> None:
        """Refuse a graph of another model: an old one, or one that came after the table was loaded."""
        n_tokens = self._model.n_tokens
        probes = TokenIds.of([[i] for i in (n_tokens // 3, n_tokens // 2, n_tokens - 1)])
        expected, found = np.empty((2, len(probes), self._model.dim), np.float32)
        NumpyMean(self._model).mean(probes, expected)
        graph.mean(probes, found)
        tolerance = PRECISIONS[self._precision or "fp32"].tolerance
        if not np.allclose(found, expected, atol=tolerance * np.abs(expected).max(initial=0)):
            raise FolderError(
                f"expected the table's vectors from {self._graph_path}, found others: they are of two "
                "models; load the folder again, or write it again with `m2v-onnx export`"
            )


def _check_length(found: TokenIds) -> None:
    """Refuse texts whose sum may not fit into 32 bits.

    Raises:
        ArgumentError: naming the length.
    """
    if len(found.ids) <= MOST_INT8_TOKENS:
        return
    longest = found.lengths.max()
    if longest > MOST_INT8_TOKENS:
        raise ArgumentError(
            f"expected texts of up to {MOST_INT8_TOKENS:,} tokens for precision int8, found {longest:,}: "
            "set max_length, or take another precision"
        )


def _cut(texts: Iterable[str], batch_size: int) -> Iterator[tuple[int, list[str]]]:
    """Cut texts into batches, each with the number of its first text."""
    rest, start = iter(texts), 0
    while batch := list(islice(rest, batch_size)):
        yield start, batch
        start += len(batch)


def _share(texts: list[str], batching: Batching) -> Batching:
    """Make batches equal, not larger than asked for, and as many for every worker that is worth its start."""
    n_workers = _count_workers(texts, batching.n_threads)
    n_batches = -(-len(texts) // (batching.batch_size * n_workers)) * n_workers
    size = -(-len(texts) // max(1, n_batches))
    return Batching(max(1, size), batching.max_length, n_workers)


def _count_workers(texts: list[str], n_threads: int | None) -> int:
    """Give how many workers have enough to do."""
    try:
        if all(n_characters < 2 * _LEAST_CHARACTERS for n_characters in accumulate(map(len, texts))):
            return 1
    except TypeError:  # no texts: the tokenizer says so
        return 1
    n_workers = n_threads or count_cores()
    return n_workers if n_workers <= 2 else min(n_workers, sum(map(len, texts)) // _LEAST_CHARACTERS)
