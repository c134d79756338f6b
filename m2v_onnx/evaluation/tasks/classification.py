"""Classification of texts: by a linear model on frozen vectors, or by what is a classifier already."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from m2v_onnx.errors import DataError
from m2v_onnx.evaluation.tasks.data import line_of, read_columns
from m2v_onnx.evaluation.tasks.metrics import mean_score
from m2v_onnx.evaluation.tasks.task import SEED, EvaluatedModel, Score, Task

_VERSION = "1"
_COLUMNS = ("label", "text")
_HELD_OUT = re.compile("(.+)_(test|dev|val)")


def find_classification(data: Path) -> list[Task]:
    """Give a task for each set: NAME_test.tsv (or _dev, _val) beside NAME_train….tsv, or NAME_all.tsv.

    Raises:
        DataError: for a set to test on without one to train on.
    """
    tasks = []
    for path in sorted((data / "classification").glob("*.tsv")):
        name = f"classification/{path.stem}"
        if path.stem.endswith("_all"):
            tasks.append(Task(name, (path,), _VERSION, partial(score_split, path)))
        elif match := _HELD_OUT.fullmatch(path.stem):
            train = _find_train(path, match[1])
            tasks.append(Task(name, (train, path), _VERSION, partial(score_classification, train, path)))
    return tasks


def score_classification(train: Path, test: Path, model: EvaluatedModel) -> Score:
    """Give the accuracy, in percent, on one file of a logistic regression that was fitted on the other.

    A classifier that knows the labels answers itself; it learned from what it learned from.
    """
    train_labels, train_texts = read_columns(train, _COLUMNS)
    labels, texts = read_columns(test, _COLUMNS)
    right = model.classify(texts, labels)
    if right is not None:
        return mean_score(right)
    known = set(train_labels)
    for index, label in enumerate(labels):
        if label not in known:
            raise DataError(
                f"expected labels that {train} holds, too, found {label!r} in line {line_of(index)} of "
                f"{test}: nothing can learn it; mend one of the files"
            )
    return _score_probe(model.embed(train_texts), train_labels, model.embed(texts), labels)


def score_split(path: Path, model: EvaluatedModel) -> Score:
    """Give the same as `score_classification` for a random fifth of a file, fitted on the rest of it.

    A classifier that knows the labels answers itself, whatever it learned from.
    """
    labels, texts = read_columns(path, _COLUMNS)
    parts = train_test_split(np.arange(len(texts)), labels, test_size=0.2, random_state=SEED)
    train_rows, test_rows, train_labels, test_labels = parts
    right = model.classify([texts[row] for row in test_rows], test_labels)
    if right is not None:
        return mean_score(right)
    lost = sorted(set(test_labels) - set(train_labels))
    if lost:
        raise DataError(
            f"expected every label of {path} in the four fifths to learn from, found {lost[0]!r} in the rest "
            "alone: it is too rare; leave it out, or split the file yourself"
        )
    vectors = model.embed(texts)
    return _score_probe(vectors[train_rows], train_labels, vectors[test_rows], test_labels)


def _find_train(path: Path, name: str) -> Path:
    found = sorted(path.parent.glob(f"{name}_train*.tsv"))
    if len(found) != 1:
        raise DataError(
            f"expected one file {name}_train.tsv beside {path}, found {len(found)}: add the texts to learn "
            "from, or name the file …_all.tsv to have it split"
        )
    return found[0]


def _score_probe(
    train_vectors: np.ndarray, train_labels: Sequence[str], vectors: np.ndarray, labels: Sequence[str]
) -> Score:
    """Fit and score as the tables of Model2Vec were made: standardised columns, C = 1."""
    if len(set(train_labels)) < 2:
        raise DataError(f"expected two labels or more to tell apart, found {train_labels[0]!r} alone")
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    with threadpool_limits(1):  # more threads than quiet cores take ten times the time
        probe.fit(train_vectors, train_labels)
        return mean_score(probe.predict(vectors) == np.array(labels))
