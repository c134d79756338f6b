"""A static model as the embeddings of LangChain."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings

from m2v_onnx.integrations.models import AnyModel, as_model


class StaticEmbeddings(Embeddings):  # type: ignore[misc]  # not installed where types are checked
    """Embeds documents and queries alike.

    Args:
        model: a static model, its folder or Hub id.
    """

    def __init__(self, model: AnyModel) -> None:
        self.model = as_model(model)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed documents."""
        return self.model.encode(texts).tolist()  # type: ignore[no-any-return]

    def embed_query(self, text: str) -> list[float]:
        """Embed a query."""
        return self.model.encode(text).tolist()  # type: ignore[no-any-return]
