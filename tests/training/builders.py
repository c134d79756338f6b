"""A model with words to tell apart, and texts of them."""

from __future__ import annotations

import numpy as np

from m2v_onnx import StaticModel
from m2v_onnx.model.config import ModelConfig
from tests.builders import word_piece

WORDS = ("good", "great", "fine", "bad", "awful", "poor", "not", "the", "film", "was", "plot", "song")
TOKENS = ("[PAD]", "[UNK]", *WORDS, "##s")
GOOD, BAD = ("good", "great", "fine"), ("bad", "awful", "poor")


def word_model(*, normalize: bool = True) -> StaticModel:
    """Make a model of random rows for WORDS, eight columns."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(len(TOKENS), 8)).astype(np.float32)
    return StaticModel(table, word_piece(TOKENS), ModelConfig(normalize=normalize))


def reviews(n_texts: int, *, seed: int = 0) -> tuple[list[str], list[str]]:
    """Draw texts about films and songs, each with a word that says whether it is liked."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(n_texts):
        is_good = bool(rng.integers(2))
        opinion = rng.choice(GOOD if is_good else BAD)
        thing = rng.choice(("film", "plot", "song"))
        texts.append(f"the {thing} was {opinion}")
        labels.append("liked" if is_good else "disliked")
    return texts, labels


def turned_reviews(n_texts: int) -> tuple[list[str], list[str]]:
    """Draw texts whose label only pairs of words tell: `not good` is bad, `good not` is good."""
    texts, labels = reviews(n_texts)
    rng = np.random.default_rng(1)
    turned = []
    for index, text in enumerate(texts):
        opinion = text.split()[-1]
        is_turned = bool(rng.integers(2))
        turned.append(f"not {opinion} film" if is_turned else f"{opinion} not film")
        if is_turned:
            labels[index] = "disliked" if labels[index] == "liked" else "liked"
    return turned, labels
