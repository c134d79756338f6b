"""The fast `encode`: batches of texts, tokenised and averaged side by side on every core."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from math import isfinite
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.model.quantization import MOST_INT8_TOKENS, Precision
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.runtime.parts import PartStore
from m2v_onnx.runtime.plan import Batching, MaxLength, Plan, plan_stream, plan_texts, token_limit
from m2v_onnx.runtime.tokenization import tokenize_batch
from m2v_onnx.system.file_watch import FileWatch
from m2v_onnx.system.progress import track
from m2v_onnx.system.side_by_side import map_side_by_side
from m2v_onnx.tokenizer.token_ids import TokenIds


class Encoder:
    """A static model ready to run. Thread-safe; equal to `StaticEmbedding.encode_reference` up to rounding.

    Args:
        model: the model.
        graph_path: its ids graph; None for none.
        precision: the number type to encode with; None for whatever is fastest and exact.
        watch: the table's file, checked before each batch; None for a table in memory.
    """

    def __init__(
        self,
        model: StaticEmbedding,
        *,
        graph_path: Path | None = None,
        precision: Precision | None = None,
        watch: FileWatch | None = None,
    ) -> None:
        self._model = model
        self._precision = precision
        self._watch = watch
        self._parts = PartStore(model, graph_path=graph_path, precision=precision)

    def encode(
        self, texts: str | Iterable[str], batching: Batching, *, show_progress_bar: bool = False
    ) -> Vectors:
        """Embed texts: see `StaticModel.encode`."""
        all_texts = [texts] if isinstance(texts, str) else list(texts)
        plan = plan_texts(all_texts, batching, self._parts, model_limit=self._model.config.max_length)
        vectors: Vectors = np.empty((len(all_texts), self._model.dim), np.float32)
        if len(all_texts) <= plan.batch_size:  # threads and bars would cost one short text half of its time
            self._embed(all_texts, 0, vectors, plan=plan)
            return vectors[0] if isinstance(texts, str) else vectors
        with track("Encoding", total=len(all_texts), unit="texts", show=show_progress_bar) as advance:
            for block in self._blocks(all_texts, plan, out=vectors):
                advance(len(block))
        return vectors

    def stream(self, texts: Iterable[str], batching: Batching) -> Iterator[Vectors]:
        """Embed texts block by block: see `StaticModel.encode_stream`."""
        if isinstance(texts, str):
            raise ArgumentError("texts must be an iterable of strings, found one string: put it into a list")
        plan = plan_stream(batching, self._parts, model_limit=self._model.config.max_length)
        return self._blocks(texts, plan)

    def tokenize(self, texts: Iterable[str], *, max_length: MaxLength) -> list[list[int]]:
        """Give the known tokens' ids: see `StaticModel.tokenize`."""
        if isinstance(texts, str):
            raise ArgumentError("texts must be a list of strings, found one string: put it into a list")
        limit = token_limit(max_length, self._model.config.max_length)
        found = tokenize_batch(self._model, self._parts.light.tokenizer, list(texts), max_length=limit)
        return found.keep(self._model.counting_ids).to_lists()

    def count_tokens(self, texts: Iterable[str], *, max_length: MaxLength) -> npt.NDArray[np.int64]:
        """Count the known tokens: see `StaticModel.count_tokens`."""
        all_texts = list(texts)
        model, batching = self._model, Batching(1024, max_length, 1)
        plan = plan_texts(all_texts, batching, self._parts, model_limit=model.config.max_length)
        counts = np.empty(len(all_texts), np.int64)
        for start, batch in _cut(all_texts, plan.batch_size):
            found = tokenize_batch(
                model, plan.tokenizer, batch, max_length=plan.max_length, first_index=start
            )
            counts[start : start + len(batch)] = found.keep(model.counting_ids).lengths
        return counts

    def _blocks(self, texts: Iterable[str], plan: Plan, *, out: Vectors | None = None) -> Iterator[Vectors]:
        """Give the vectors of batches in their order, in `out` if it is given."""

        def embed(numbered: tuple[int, list[str]]) -> Vectors:
            start, batch = numbered
            if out is None:
                block: Vectors = np.empty((len(batch), self._model.dim), np.float32)
            else:
                block = out[start : start + len(batch)]
            self._embed(batch, start, block, plan=plan)
            return block

        return map_side_by_side(embed, _cut(texts, plan.batch_size), n_workers=plan.n_workers)

    def _embed(self, texts: list[str], start: int, out: Vectors, *, plan: Plan) -> None:
        if self._watch is not None:
            self._watch.check()
        found = tokenize_batch(
            self._model, plan.tokenizer, texts, max_length=plan.max_length, first_index=start
        )
        if self._precision == "int8":
            _check_length(found)
        plan.row_mean.mean(found, out)
        check_finite_vectors(out, start)


def check_finite_vectors(vectors: Vectors, start: int) -> None:
    """Refuse vectors of which one is not finite; `start` is the number of the first text.

    Raises:
        FolderError: naming the first such text.
    """
    if isfinite(np.vdot(vectors, vectors)) or np.isfinite(vectors).all():  # the first is ten times as fast
        return
    text = start + int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
    raise FolderError(
        f"expected finite vectors, found NaN or infinity for texts[{text}]: the model's table or weights are "
        "damaged; fetch or distil it again"
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
