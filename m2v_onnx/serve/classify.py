"""Labels of texts: POST /v1/classify, in the form of vLLM's path of that name, with the labels beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from m2v_onnx.classifier import Classifier
from m2v_onnx.serve.errors import RefusedError
from m2v_onnx.serve.inputs import read_object, read_texts
from m2v_onnx.serve.models import ModelStore, ServedModel
from m2v_onnx.serve.settings import Limits


@dataclass(frozen=True)
class ClassifyRequest:
    """What POST /v1/classify is asked.

    Attributes:
        served: the model.
        classifier: its classifier.
        texts: the texts.
    """

    served: ServedModel
    classifier: Classifier
    texts: list[str]

    @classmethod
    def read(cls, body: bytes, store: ModelStore, limits: Limits) -> ClassifyRequest:
        """Read a body; without a model's name, the first classifier answers.

        Raises:
            RefusedError: when it asks for a field or a model that does not exist.
        """
        content = read_object(body)
        name = content.get("model")
        classifiers = [served for served in store.all() if served.classifier is not None]
        served = classifiers[0] if name is None and classifiers else store.find(name)
        if served.classifier is None:
            names = ", ".join(one.name for one in classifiers) or "none here"
            raise RefusedError(
                400, f"expected a classifier ({names}), found the model {served.name}", param="model"
            )
        return cls(served, served.classifier, read_texts(content, "input", limits))

    def answer(self) -> tuple[bytes, int]:
        """Give the body of the answer, and how many tokens were averaged."""
        outputs = self.classifier.predict_proba(self.texts)
        n_tokens = int(self.served.static_model.count_tokens(self.texts).sum())
        if self.classifier.head.problem == "regression":
            data: list[dict[str, Any]] = [{"values": row} for row in outputs]
        else:
            labels = self.classifier.labels_of(outputs)
            n_labels = outputs.shape[1]
            data = [
                {"label": label, "probs": row, "num_classes": n_labels}
                for label, row in zip(labels, outputs, strict=True)
            ]
        answer = {
            "object": "list",
            "data": [{"index": index, **entry} for index, entry in enumerate(data)],
            "labels": list(self.classifier.labels),
            "model": self.served.name,
            "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
        }
        return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY), n_tokens
