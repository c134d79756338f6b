"""Pairs of sentences that mean the same, or do not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from m2v_onnx.evaluation.tasks.data import parse_labels, read_columns, require
from m2v_onnx.evaluation.tasks.metrics import average_precision, bootstrapped, cosines
from m2v_onnx.evaluation.tasks.task import EvaluatedModel, Score, Task

_VERSION = "1"


def find_pairs(data: Path) -> list[Task]:
    """Give a task for each TSV file with a label and two sentences."""
    return [
        Task(f"pair/{path.stem}", (path,), _VERSION, partial(score_pairs, path))
        for path in sorted((data / "pair").glob("*.tsv"))
    ]


def score_pairs(path: Path, model: EvaluatedModel) -> Score:
    """Give the average precision, in percent, of the pairs ranked by cosine."""
    values, first, second = read_columns(path, ("label", "sentence1", "sentence2"))
    labels = np.array(parse_labels(values, path))
    require(bool(labels.any()), path, "a pair with label 1")
    found = cosines(model.embed(first), model.embed(second))
    return bootstrapped(_precision_of_draw, labels, found)


def _precision_of_draw(labels: np.ndarray, found: np.ndarray) -> float:
    """Give 0 for a bootstrap draw of a tiny file that holds no pair of label 1."""
    return average_precision(labels, found) if labels.any() else 0.0
