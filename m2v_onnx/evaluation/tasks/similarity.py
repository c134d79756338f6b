"""Similarity of sentences and of words, as people judged it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from m2v_onnx.evaluation.tasks.data import parse_numbers, read_columns
from m2v_onnx.evaluation.tasks.metrics import bootstrapped, cosines, spearman
from m2v_onnx.evaluation.tasks.task import EvaluatedModel, Score, Task

_VERSION = "1"


def find_similarity(data: Path, *, family: str, columns: tuple[str, str]) -> list[Task]:
    """Give a task for each TSV file with a score and two texts.

    Args:
        data: the folder of all families.
        family: the folder of this one.
        columns: those of the two texts.
    """
    return [
        Task(f"{family}/{path.stem}", (path,), _VERSION, partial(score_similarity, path, columns))
        for path in sorted((data / family).glob("*.tsv"))
    ]


def score_similarity(path: Path, columns: tuple[str, str], model: EvaluatedModel) -> Score:
    """Give 100 x Spearman's correlation of the cosine with people's scores, over all pairs of the file."""
    values, first, second = read_columns(path, ("score", *columns))
    found = cosines(model.embed(first), model.embed(second))
    return bootstrapped(spearman, np.array(parse_numbers(values, path)), found)
