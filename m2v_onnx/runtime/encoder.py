"""The fast `encode`: the tokenizers library and onnxruntime, in batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np

from m2v_onnx.errors import ArgumentError
from m2v_onnx.model import StaticModel, Vectors
from m2v_onnx.progress import track
from m2v_onnx.runtime.pooling import GraphPooling, TablePooling
from m2v_onnx.runtime.tokenization import tokenize_batch


class Encoder:
    """A static model ready to run. Thread-safe; equal to `StaticModel.encode_reference` up to rounding.

    Args:
        model: the model; its graph is loaded here, once.

    Raises:
        FolderError: when the graph is damaged.
    """

    def __init__(self, model: StaticModel) -> None:
        self._model = model
        self._pooling: GraphPooling | TablePooling
        if model.graph_path is None:
            self._pooling = TablePooling(model)
        else:
            self._pooling = GraphPooling(model.graph_path, dim=model.dim)

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
            one: Vectors = self.encode([texts], batch_size=1, max_length=max_length, show_progress_bar=False)[
                0
            ]
            return one
        all_texts = list(texts)
        limit = self._model.config.max_length if max_length == "model" else max_length
        vectors = np.zeros((len(all_texts), self._model.dim), np.float32)
        with track("Encoding", total=len(all_texts), unit="texts", show=show_progress_bar) as advance:
            for start in range(0, len(all_texts), batch_size):
                batch = all_texts[start : start + batch_size]
                token_ids = tokenize_batch(self._model, batch, max_length=limit, first_index=start)
                self._pooling.pool(token_ids, out=vectors[start : start + batch_size])
                advance(len(batch))
        return vectors

    def tokenize(self, texts: Iterable[str], *, max_length: int | Literal["model"] | None) -> list[list[int]]:
        """Give the known tokens' ids: see `StaticModel.tokenize`."""
        limit = self._model.config.max_length if max_length == "model" else max_length
        return tokenize_batch(self._model, list(texts), max_length=limit)
