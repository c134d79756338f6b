"""The fast `encode`: batches of texts, tokenised and pooled side by side on every core."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count, islice
from typing import Literal

import numpy as np

from m2v_onnx.config import Precision
from m2v_onnx.cores import count_cores
from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.model import StaticModel, Vectors
from m2v_onnx.progress import track
from m2v_onnx.runtime.engines import EngineChoice, ReferenceEngine, choose_engine
from m2v_onnx.runtime.flat_ids import FlatIds
from m2v_onnx.runtime.pooling import CompiledPooling, Pooling, RowPooling
from m2v_onnx.runtime.tokenization import tokenize_batch
from m2v_onnx.side_by_side import map_side_by_side

MaxLength = int | Literal["model"] | None

# So few texts are faster row by row.
_FEW_TEXTS = 8
# And so many, in all calls so far, are done before the fast engine and scipy are loaded: half a second.
_COLD_TEXTS = 1000
# How far a graph's vectors may be from the table's, as a share of the largest number.
_GRAPH_TOLERANCES: dict[Precision, float] = {"fp32": 1e-3, "fp16": 1e-2, "int8": 0.1, "int4": 1.0}


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
        for name in ("batch_size", "n_threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ArgumentError(f"{name} must be 1 or more, found {value}")


class Encoder:
    """A static model ready to run. Thread-safe; equal to `StaticModel.encode_reference` up to rounding.

    Args:
        model: the model; engines and graph are loaded with the first batch of more than a few texts.
    """

    def __init__(self, model: StaticModel) -> None:
        self._model = model
        self._n_texts = 0

    def encode(
        self, texts: str | Iterable[str], batching: Batching, *, show_progress_bar: bool = False
    ) -> Vectors:
        """Embed texts: see `StaticModel.encode`."""
        all_texts = [texts] if isinstance(texts, str) else list(texts)
        vectors: Vectors = np.empty((len(all_texts), self._model.dim), np.float32)
        with track("Encoding", total=len(all_texts), unit="texts", show=show_progress_bar) as advance:
            for block in self._blocks(all_texts, batching, out=vectors):
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
        return tokenize_batch(self._model, self._reference, list(texts), max_length=limit).to_lists()

    @cached_property
    def engine_choice(self) -> EngineChoice:
        """Which engine tokenises batches, and why."""
        return choose_engine(self._model)

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

        rest = iter(texts)
        batches = zip(
            count(0, batching.batch_size), iter(lambda: list(islice(rest, batching.batch_size)), [])
        )
        n_workers = 1 if out is not None and len(out) <= batching.batch_size else batching.n_threads
        if n_workers == 1:
            return map(embed, batches)
        return map_side_by_side(embed, batches, n_workers=n_workers or count_cores())

    def _are_few(self, n_texts: int) -> bool:
        """Tell whether to encode texts by what is loaded; counts them."""
        self._n_texts += n_texts
        return n_texts <= _FEW_TEXTS or self._n_texts <= _COLD_TEXTS

    def _embed(self, texts: list[str], start: int, out: Vectors, *, limit: int | None, few: bool) -> None:
        is_cold = few and "engine_choice" not in self.__dict__
        engine = self._reference if is_cold else self.engine_choice.engine
        found = tokenize_batch(self._model, engine, texts, max_length=limit, first_index=start)
        (self._row_pooling if few and self._model.precision is None else self._pooling).pool(found, out)

    def _limit(self, max_length: MaxLength) -> int | None:
        return self._model.config.max_length if max_length == "model" else max_length

    @cached_property
    def _reference(self) -> ReferenceEngine:
        return ReferenceEngine(self._model)

    @cached_property
    def _row_pooling(self) -> RowPooling:
        return RowPooling(self._model)

    @cached_property
    def _pooling(self) -> Pooling:
        """What pools batches: the graph when its precision was asked for, else the fastest that is there."""
        if self._model.precision is None and CompiledPooling.is_available():
            return CompiledPooling(self._model)
        if self._model.graph_path is None:
            return self._row_pooling
        from m2v_onnx.runtime.graph_pooling import GraphPooling

        graph = GraphPooling(self._model.graph_path, table=self._model.table)
        self._check_graph(graph)
        return graph

    def _check_graph(self, graph: Pooling) -> None:
        """Refuse a graph of another model: an old one, or one that came after the table was loaded."""
        n_tokens = self._model.n_tokens
        probes = FlatIds.of([[i] for i in (n_tokens // 3, n_tokens // 2, n_tokens - 1)])
        expected, found = np.empty((2, len(probes), self._model.dim), np.float32)
        probes = probes.keep(self._model.counting_ids)
        self._row_pooling.pool(probes, expected)
        graph.pool(probes, found)
        tolerance = _GRAPH_TOLERANCES[self._model.precision or "fp32"]
        if not np.allclose(found, expected, atol=tolerance * np.abs(expected).max(initial=0)):
            raise FolderError(
                f"expected the table's vectors from {self._model.graph_path}, found others: they are of two "
                "models; load the folder again, or write it again with `m2v-onnx export`"
            )
