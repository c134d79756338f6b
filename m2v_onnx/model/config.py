"""What a static model knows about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from m2v_onnx.model.recipe import Recipe

DEFAULT_MAX_LENGTH = 512
UnknownTokens = Literal["skip", "count"]


@dataclass(frozen=True)
class ModelConfig:
    """How a static model encodes, and where it came from.

    Attributes:
        normalize: whether `encode` gives unit vectors.
        max_length: tokens of a text that count; None for all.
        cut_characters: whether a text is first cut to the characters that `max_length` tokens have on the
            median, as model2vec does; sentence-transformers does not.
        unknown: whether unknown and special tokens are left out of the mean (`skip`, as in model2vec) or
            `count` like any other, as in a StaticEmbedding that sentence-transformers trained.
        teacher: the name of the model it was distilled from.
        recipe: the choices it was distilled with; None for a model made elsewhere.
    """

    normalize: bool = False
    max_length: int | None = DEFAULT_MAX_LENGTH
    cut_characters: bool = True
    unknown: UnknownTokens = "skip"
    teacher: str | None = None
    recipe: Recipe | None = None
