"""Models by their names, one of each in a process."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from m2v_onnx.model.quantization import Precision
from m2v_onnx.static_model import StaticModel

# As many as a search over a grid of options holds side by side.
_MOST_MODELS = 8

AnyModel = StaticModel | str | Path


def as_model(model: AnyModel) -> StaticModel:
    """Give a model that was given itself, or by the name of its folder or repository.

    Raises:
        FolderError: when there is no such model, or it is damaged.
    """
    return model if isinstance(model, StaticModel) else load_once(str(model))


@lru_cache(_MOST_MODELS)
def load_once(
    name: str,
    *,
    precision: Precision | None = None,
    dims: int | None = None,
    normalize: bool | None = None,
) -> StaticModel:
    """Load a model: see `StaticModel.from_pretrained`. The same arguments give the same model.

    Raises:
        ArgumentError: for an option that is out of its range.
        FolderError: when there is no such model, or it is damaged.
    """
    return StaticModel.from_pretrained(name, precision=precision, dims=dims, normalize=normalize)
