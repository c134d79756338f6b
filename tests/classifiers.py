"""Small classifiers, built by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from m2v_onnx.export.write import save_classifier
from m2v_onnx.folder.classifier_files import ClassifierData
from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.static_embedding import StaticEmbedding
from tests.builders import tiny_model


def random_head(model: StaticEmbedding, **parts: object) -> ClassificationHead:
    """Make a head of small random numbers; parts replace its fields."""
    rng = np.random.default_rng(1)

    def numbers(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    whole = {
        "labels": ("no", "yes\t🙂", "ñ"),
        "weight": numbers(model.dim, 3),
        "bias": numbers(3),
        "terms": numbers(model.n_tokens, 3),
        "pairs": numbers(997, 3),
    }
    return ClassificationHead(**{**whole, **parts})


def tiny_classifier(**parts: object) -> ClassifierData:
    """Make a classifier of the tiny model; parts replace fields of its head."""
    model = tiny_model()
    training = {"learner": "terms", "temperature": 0.5, "scores": {"accuracy": 0.875}}
    return ClassifierData(model, random_head(model, **parts), training)


def save_tiny_classifier(folder: Path, *, graphs=("ids",), precisions=("fp32", "int8"), **parts) -> Path:
    """Write it."""
    save_classifier(tiny_classifier(**parts), folder, graphs=graphs, precisions=precisions)
    return folder
