"""A query's own candidates, put in order."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from m2v_onnx.evaluation.tasks.data import parse_labels, read_columns, require
from m2v_onnx.evaluation.tasks.metrics import average_precision, cosines, mean_score
from m2v_onnx.evaluation.tasks.task import EvaluatedModel, Score, Task

_VERSION = "1"


def find_reranking(data: Path) -> list[Task]:
    """Give a task for each TSV file with labels, queries and candidates."""
    return [
        Task(f"rerank/{path.stem}", (path,), _VERSION, partial(score_reranking, path))
        for path in sorted((data / "rerank").glob("*.tsv"))
    ]


def score_reranking(path: Path, model: EvaluatedModel) -> Score:
    """Give the mean average precision, in percent, of each query's candidates ranked by cosine.

    Queries whose candidates are all of one label are left out: every order of them is the same.
    """
    values, queries, candidates = read_columns(path, ("label", "query", "candidate"))
    labels = np.array(parse_labels(values, path))
    found = cosines(model.embed(queries), model.embed(candidates))
    rows_by_query: dict[str, list[int]] = {}
    for row, query in enumerate(queries):
        rows_by_query.setdefault(query, []).append(row)
    precisions = [
        average_precision(labels[rows], found[rows])
        for rows in rows_by_query.values()
        if 0 < labels[rows].sum() < len(rows)
    ]
    require(len(precisions) > 0, path, "a query with candidates of both labels")
    return mean_score(precisions)
