"""The texts nearest to a query: exact, one block of vectors after the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from m2v_onnx.errors import check_positive
from m2v_onnx.model.vectors import Vectors, to_unit


@dataclass(frozen=True)
class Match:
    """A text that was found.

    Attributes:
        score: the cosine of its vector and the query's; 0 where one of them is zeros.
        number: its place among all texts, from 1.
        text: the text.
    """

    score: float
    number: int
    text: str


def find_nearest(query: Vectors, blocks: Iterable[tuple[list[str], Vectors]], *, top: int) -> list[Match]:
    """Give the texts whose vectors have the largest cosine with a query's, largest first.

    Of equal ones the first stands first. Only what is best so far is kept.

    Args:
        query: (D,) float32.
        blocks: texts, and the (B, D) float32 of each block's vectors.
        top: how many to give, at most.

    Raises:
        ArgumentError: when `top` is below 1.
    """
    check_positive(top=top)
    direction = to_unit(query[None])[0]
    best: list[Match] = []
    n_before = 0
    for texts, vectors in blocks:
        scores = np.clip(to_unit(vectors) @ direction, -1, 1)  # rounding goes a little beyond
        order = np.argsort(-scores, kind="stable")[:top]
        found = [Match(float(scores[i]), n_before + int(i) + 1, texts[i]) for i in order]
        best = sorted([*best, *found], key=lambda match: -match.score)[:top]
        n_before += len(texts)
    return best
