"""What a static model knows about itself."""

from __future__ import annotations

from dataclasses import dataclass

from m2v_onnx.model.recipe import Recipe

DEFAULT_MAX_LENGTH = 512


@dataclass(frozen=True)
class ModelConfig:
    """How a static model encodes, and where it came from.

    Attributes:
        normalize: whether `encode` gives unit vectors.
        max_length: tokens of a text that count; None for all.
        teacher: the name of the model it was distilled from.
        recipe: the choices it was distilled with; None for a model made elsewhere.
    """

    normalize: bool = False
    max_length: int | None = DEFAULT_MAX_LENGTH
    teacher: str | None = None
    recipe: Recipe | None = None
