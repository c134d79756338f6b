"""A static model as the embeddings of Chonkie's chunkers."""

from __future__ import annotations

from chonkie.embeddings import BaseEmbeddings
from tokenizers import Tokenizer

from m2v_onnx.integrations.models import AnyModel, as_model
from m2v_onnx.model.vectors import Vectors


class StaticEmbeddings(BaseEmbeddings):  # type: ignore[misc]  # not installed where types are checked
    """Embeds chunks.

    Args:
        model: a static model, its folder or Hub id.
    """

    def __init__(self, model: AnyModel) -> None:
        super().__init__()
        self.model = as_model(model)

    def embed(self, text: str) -> Vectors:
        """Embed a text."""
        return self.model.encode(text)

    def embed_batch(self, texts: list[str]) -> list[Vectors]:
        """Embed texts."""
        return list(self.model.encode(texts))

    @property
    def dimension(self) -> int:
        """D, the number of columns of every vector."""
        return self.model.dim

    def get_tokenizer(self) -> Tokenizer:
        """Give the model's tokenizer, by which chunks are measured."""
        return self.model.tokenizer
