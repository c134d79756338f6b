"""The way to ask of Text Embeddings Inference: POST /embed, GET /info."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from m2v_onnx.serve.errors import RefusedError
from m2v_onnx.serve.inputs import read_dims, read_flag, read_object, read_texts
from m2v_onnx.serve.models import ModelStore, ServedModel
from m2v_onnx.serve.settings import Limits
from m2v_onnx.version import __version__


@dataclass(frozen=True)
class EmbedRequest:
    """What POST /embed is asked.

    Attributes:
        served: the model, the first of the server's.
        texts: the texts.
        dims: columns of each vector; None for all.
        normalize: whether to give unit vectors.
        truncate: whether to cut texts beyond the model's limit, or to refuse them.
    """

    served: ServedModel
    texts: list[str]
    dims: int | None
    normalize: bool
    truncate: bool

    @classmethod
    def read(cls, body: bytes, store: ModelStore, limits: Limits) -> EmbedRequest:
        """Read a body.

        Raises:
            RefusedError: when it asks for a field or a model that does not exist.
        """
        content = read_object(body)
        served = store.find(None)
        texts = read_texts(content, "inputs", limits)
        for field, accepted in (("prompt_name", ()), ("truncation_direction", ("Right", "right"))):
            if content.get(field) is not None and content[field] not in accepted:
                raise RefusedError(
                    400, f"expected no {field}, found {content[field]!r:.60}: leave it out", param=field
                )
        return cls(
            served,
            texts,
            read_dims(content, served.static_model.dim),
            normalize=read_flag(content, "normalize", default=True),
            truncate=read_flag(content, "truncate", default=True),
        )

    def answer(self) -> tuple[bytes, int]:
        """Give the body of the answer, and how many tokens were averaged.

        Raises:
            RefusedError: for a text that is too long, where none may be cut.
        """
        counts = self.served.static_model.count_tokens(self.texts)
        if not self.truncate:
            self._refuse_long()
        vectors = self.served.embed(self.texts, dims=self.dims, normalize=self.normalize)
        return orjson.dumps(vectors, option=orjson.OPT_SERIALIZE_NUMPY), int(counts.sum())

    def _refuse_long(self) -> None:
        limit = self.served.static_model.config.max_length
        counts = self.served.static_model.count_tokens(self.texts, max_length=None)
        if limit is not None and counts.max() > limit:
            raise RefusedError(
                413,
                f"expected texts of up to {limit} tokens, found {counts.max()} in inputs[{counts.argmax()}]: "
                "shorten it, or leave out truncate",
                param="inputs",
            )


def describe_server(store: ModelStore, limits: Limits) -> bytes:
    """Give the body of GET /info, which is about the first model."""
    served = store.find(None)
    model = served.static_model
    return orjson.dumps(
        {
            "model_id": served.name,
            "model_sha": None,
            "model_dtype": model.table.dtype.name,
            "model_type": {"embedding": {"pooling": "mean"}},
            "max_concurrent_requests": limits.max_connections,
            "max_input_length": model.config.max_length,
            "max_client_batch_size": limits.max_inputs,
            "auto_truncate": True,
            "version": __version__,
        }
    )
