"""A static model as the embedding of LlamaIndex."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import PrivateAttr

from m2v_onnx.integrations.models import AnyModel, as_model
from m2v_onnx.static_model import StaticModel

# LlamaIndex' own default of 10 makes a call of ten texts, which are worth a few microseconds each.
_BATCH_SIZE = 2048


class StaticEmbedding(BaseEmbedding):  # type: ignore[misc]  # not installed where types are checked
    """Embeds texts and queries alike.

    Args:
        model: a static model, its folder or Hub id.
        **options: LlamaIndex' own.
    """

    _model: StaticModel = PrivateAttr()

    def __init__(self, model: AnyModel, **options: Any) -> None:  # noqa: ANN401
        options = {"embed_batch_size": _BATCH_SIZE, "model_name": str(model), **options}
        super().__init__(**options)
        self._model = as_model(model)

    @classmethod
    def class_name(cls) -> str:
        """Give the name that LlamaIndex knows it by."""
        return "m2v_onnx.StaticEmbedding"

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._model.encode(texts).tolist()  # type: ignore[no-any-return]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._model.encode(text).tolist()  # type: ignore[no-any-return]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)
