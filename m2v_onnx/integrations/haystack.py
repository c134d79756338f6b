"""A static model as the embedders of Haystack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from haystack import Document, component

from m2v_onnx.shared_models import load_shared


@component
class StaticTextEmbedder:
    """Embeds a query.

    Args:
        model: the folder or Hub id of a static model.
    """

    def __init__(self, model: str) -> None:
        self.model = model

    @component.output_types(embedding=list[float])  # type: ignore[untyped-decorator]
    def run(self, text: str) -> dict[str, Any]:
        """Give the vector of a text."""
        return {"embedding": load_shared(self.model).encode(text).tolist()}


@component
class StaticDocumentEmbedder:
    """Embeds documents.

    Args:
        model: the folder or Hub id of a static model.
    """

    def __init__(self, model: str) -> None:
        self.model = model

    @component.output_types(documents=list[Document])  # type: ignore[untyped-decorator]
    def run(self, documents: list[Document]) -> dict[str, Any]:
        """Give copies of the documents with their vectors."""
        vectors = load_shared(self.model).encode([document.content or "" for document in documents])
        pairs = zip(documents, vectors.tolist(), strict=True)
        return {"documents": [replace(document, embedding=vector) for document, vector in pairs]}
