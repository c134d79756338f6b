"""OpenAI's way to ask: POST /v1/embeddings, GET /v1/models."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import orjson

from m2v_onnx.serve.errors import RefusedError
from m2v_onnx.serve.inputs import read_dims, read_object, read_texts
from m2v_onnx.serve.models import ModelStore, ServedModel
from m2v_onnx.serve.settings import Limits


@dataclass(frozen=True)
class EmbeddingRequest:
    """What POST /v1/embeddings is asked.

    Attributes:
        served: the model.
        texts: the texts.
        dims: columns of each vector; None for all.
        is_base64: whether vectors go as the base64 of little-endian float32.
    """

    served: ServedModel
    texts: list[str]
    dims: int | None
    is_base64: bool

    @classmethod
    def read(cls, body: bytes, store: ModelStore, limits: Limits) -> EmbeddingRequest:
        """Read a body.

        Raises:
            RefusedError: when it asks for a field or a model that does not exist.
        """
        content = read_object(body)
        served = store.find(content.get("model"))
        texts = read_texts(content, "input", limits)
        encoding = content.get("encoding_format")
        if encoding not in (None, "float", "base64"):
            raise RefusedError(
                400,
                f"expected encoding_format to be float or base64, found {encoding!r:.60}",
                param="encoding_format",
            )
        dims = read_dims(content, served.static_model.dim)
        return cls(served, texts, dims, encoding == "base64")

    def answer(self) -> tuple[bytes, int]:
        """Give the body of the answer, and how many tokens were averaged."""
        vectors = self.served.embed(self.texts, dims=self.dims)
        n_tokens = int(self.served.static_model.count_tokens(self.texts).sum())
        embeddings: list[Any] = list(vectors)
        if self.is_base64:
            embeddings = [base64.b64encode(row).decode() for row in vectors.astype("<f4", copy=False)]
        data = [
            {"object": "embedding", "index": index, "embedding": embedding}
            for index, embedding in enumerate(embeddings)
        ]
        usage = {"prompt_tokens": n_tokens, "total_tokens": n_tokens}
        answer = {"object": "list", "data": data, "model": self.served.name, "usage": usage}
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), n_tokens


def list_models(store: ModelStore) -> bytes:
    """Give the body of GET /v1/models."""
    return orjson.dumps({"object": "list", "data": [_describe(served) for served in store.all()]})


def describe_model(store: ModelStore, name: str) -> bytes:
    """Give the body of GET /v1/models/NAME.

    Raises:
        RefusedError: when there is none of this name.
    """
    return orjson.dumps(_describe(store.find(name)))


def _describe(served: ServedModel) -> dict[str, Any]:
    return {"id": served.name, "object": "model", "created": served.loaded_at, "owned_by": "m2v-onnx"}
