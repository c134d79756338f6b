"""A static model as a module of torch, for losses and loops of one's own. Needs the extra `optimum`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from m2v_onnx.errors import MissingExtraError
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.static_model import StaticModel
from m2v_onnx.tokenizer.token_ids import TokenIds

try:
    import torch
except ImportError as error:
    raise MissingExtraError("torch", "optimum") from error


class TrainableModel(torch.nn.Module):  # type: ignore[misc]  # torch is not read for types
    """A static model whose table gets gradients.

    Args:
        model: the static model; not changed. Weights and mapping are folded into the table.
        sparse: give gradients of the rows alone that a batch shows, for torch.optim.SparseAdam: ten times as
            fast as dense ones.

    Attributes:
        embedding: torch.nn.EmbeddingBag; its `weight` is the table, (V, D) float32.
    """

    def __init__(self, model: StaticModel, *, sparse: bool = False) -> None:
        super().__init__()
        self._model = model
        table = torch.from_numpy(model.token_vectors(np.arange(model.n_tokens)))
        self.embedding = torch.nn.EmbeddingBag.from_pretrained(
            table, freeze=False, mode="mean", sparse=sparse
        )

    @classmethod
    def from_pretrained(cls, path_or_id: str | Path, *, sparse: bool = False) -> TrainableModel:
        """Load a static model from a folder or the Hub; errors are those of `StaticModel.from_pretrained`."""
        return cls(StaticModel.from_pretrained(path_or_id), sparse=sparse)

    def tokenize(self, sentences: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Give the ids of the known tokens of B sentences, and where each sentence begins.

        Returns:
            (N,) int64 ids and (B,) int64 offsets, on the device of the table.

        Raises:
            ArgumentError: for anything that is not valid text.
        """
        found = TokenIds.of(self._model.tokenize(sentences))
        device = self.embedding.weight.device
        ids = torch.from_numpy(found.ids.astype(np.int64))
        return ids.to(device), torch.from_numpy(found.offsets[:-1].copy()).to(device)

    def forward(self, ids: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        """Give (B, D) float32, what `StaticModel.encode` gives, with a gradient.

        A sentence without a known token gives zeros.
        """
        vectors = self.embedding(ids, offsets)
        return torch.nn.functional.normalize(vectors, dim=1) if self._model.config.normalize else vectors

    def encode(self, sentences: Sequence[str]) -> torch.Tensor:
        """Give the same of sentences."""
        return self(*self.tokenize(sentences))

    def to_static_model(self) -> StaticModel:
        """Give a static model with a copy of today's table; it saves and exports as any other."""
        table = self.embedding.weight.detach().cpu().numpy().copy()
        model = self._model
        config = replace(model.config, recipe=None)
        return StaticModel.of(StaticEmbedding(table=table, tokenizer=model.tokenizer, config=config))
