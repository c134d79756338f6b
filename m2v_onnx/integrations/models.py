"""Models that are given themselves, or by their names."""

from __future__ import annotations

from pathlib import Path

from m2v_onnx.shared_models import load_shared
from m2v_onnx.static_model import StaticModel

AnyModel = StaticModel | str | Path


def as_model(model: AnyModel) -> StaticModel:
    """Give a model that was given itself, or by the name of its folder or repository.

    Raises:
        FolderError: when there is no such model, or it is damaged.
    """
    return model if isinstance(model, StaticModel) else load_shared(model)
