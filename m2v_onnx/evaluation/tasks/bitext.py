"""Translations of sentences, found among all others."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from m2v_onnx.evaluation.tasks.data import read_columns
from m2v_onnx.evaluation.tasks.metrics import nearest
from m2v_onnx.evaluation.tasks.task import EvaluatedModel, Score, Task

_VERSION = "1"


def find_bitext(data: Path) -> list[Task]:
    """Give a task for each TSV file with languages, sentences and their English translations."""
    return [
        Task(f"bitext/{path.stem}", (path,), _VERSION, partial(score_bitext, path))
        for path in sorted((data / "bitext").glob("*.tsv"))
    ]


def score_bitext(path: Path, model: EvaluatedModel) -> Score:
    """Give the share, in percent, of sentences whose nearest English sentence is their translation.

    Looked for among the English sentences of the same language's pairs; each language counts the same.
    """
    languages, texts, english = (
        np.array(column) for column in read_columns(path, ("lang", "text", "english"))
    )
    accuracies = []
    for language in sorted(set(languages)):
        own = languages == language
        found = nearest(model.embed(texts[own].tolist()), model.embed(english[own].tolist()))
        accuracies.append(np.mean(english[own][found] == english[own]))
    return Score(100 * float(np.mean(accuracies)))
