"""The fast `encode`: the tokenizers library and onnxruntime, in batches."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.model import StaticModel, Vectors
from m2v_onnx.progress import track
from m2v_onnx.runtime.tokenization import tokenize_batch

if TYPE_CHECKING:
    from m2v_onnx.runtime.pooling import GraphPooling

# So few texts are pooled in NumPy as fast, and without loading onnxruntime and the graph: a first vector
# then takes half the memory.
_FEW_TEXTS = 8


class Encoder:
    """A static model ready to run. Thread-safe; equal to `StaticModel.encode_reference` up to rounding.

    Args:
        model: the model; its graph is loaded with the first batch of more than a few texts.
    """

    def __init__(self, model: StaticModel) -> None:
        self._model = model

    def encode(
        self,
        texts: str | Iterable[str],
        *,
        batch_size: int,
        max_length: int | Literal["model"] | None,
        show_progress_bar: bool,
    ) -> Vectors:
        """Embed texts: see `StaticModel.encode`."""
        if batch_size < 1:
            raise ArgumentError(f"batch_size must be 1 or more, found {batch_size}")
        if isinstance(texts, str):
            rows = self.encode([texts], batch_size=1, max_length=max_length, show_progress_bar=False)
            return rows.reshape(self._model.dim)
        all_texts = list(texts)
        limit = self._model.config.max_length if max_length == "model" else max_length
        vectors = np.zeros((len(all_texts), self._model.dim), np.float32)
        with track("Encoding", total=len(all_texts), unit="texts", show=show_progress_bar) as advance:
            for start in range(0, len(all_texts), batch_size):
                batch = all_texts[start : start + batch_size]
                token_ids = tokenize_batch(self._model, batch, max_length=limit, first_index=start)
                self._pool(token_ids, vectors[start : start + batch_size])
                advance(len(batch))
        return vectors

    def tokenize(self, texts: Iterable[str], *, max_length: int | Literal["model"] | None) -> list[list[int]]:
        """Give the known tokens' ids: see `StaticModel.tokenize`."""
        if isinstance(texts, str):
            raise ArgumentError("texts must be a list of strings, found one string: put it into a list")
        limit = self._model.config.max_length if max_length == "model" else max_length
        return tokenize_batch(self._model, list(texts), max_length=limit)

    def _pool(self, token_ids: list[list[int]], out: Vectors) -> None:
        if len(token_ids) > _FEW_TEXTS and self._graph is not None:
            self._graph.pool(token_ids, out)
        else:
            pool_rows(self._model, token_ids, out)

    @cached_property
    def _graph(self) -> GraphPooling | None:
        if self._model.graph_path is None:
            return None
        from m2v_onnx.runtime.pooling import GraphPooling

        graph = GraphPooling(self._model.graph_path, table=self._model.table)
        self._check_graph(graph)
        return graph

    def _check_graph(self, graph: GraphPooling) -> None:
        """Refuse a graph of another model: an old one, or one that came after the table was loaded."""
        n_tokens = self._model.n_tokens
        probes = [
            [i] for i in (n_tokens // 3, n_tokens // 2, n_tokens - 1) if i not in self._model.masked_ids
        ]
        expected, found = np.zeros((2, len(probes), self._model.dim), np.float32)
        pool_rows(self._model, probes, expected)
        graph.pool(probes, found)
        if not np.allclose(found, expected, atol=1e-3 * np.abs(expected).max(initial=0)):
            raise FolderError(
                f"expected the table's vectors from {self._model.graph_path}, found others: they are of two "
                "models; load the folder again, or write it again with `m2v-onnx export`"
            )


def pool_rows(model: StaticModel, token_ids: list[list[int]], out: Vectors) -> None:
    """Write the (B, D) vectors of B texts' token ids into `out`, in NumPy."""
    for index, ids in enumerate(token_ids):
        if ids:
            model.token_vectors(ids).mean(axis=0, out=out[index])
    if model.config.normalize:
        out /= np.linalg.norm(out, axis=1, keepdims=True) + np.float32(1e-32)
