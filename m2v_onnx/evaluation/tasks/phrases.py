"""Names and short phrases, after the tasks of PEARL: fuzzy joins and clusters of entities."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from m2v_onnx.errors import DataError
from m2v_onnx.evaluation.tasks.clustering import clustering_task
from m2v_onnx.evaluation.tasks.data import line_of, read_columns, read_header, require
from m2v_onnx.evaluation.tasks.metrics import nearest
from m2v_onnx.evaluation.tasks.task import EvaluatedModel, Score, Task

_VERSION = "1"
_JOIN_COLUMNS = ("task", "side", "id", "title", "gold_left_id")


def find_phrases(data: Path) -> list[Task]:
    """Give a task for each TSV file: fuzzy joins by the columns of one, else clusters of phrases."""
    tasks = []
    for path in sorted((data / "phrase").glob("*.tsv")):
        if "gold_left_id" in read_header(path):
            tasks.append(Task(f"phrase/{path.stem}", (path,), _VERSION, partial(score_joins, path)))
        else:
            tasks.append(clustering_task("phrase", path))
    return tasks


def score_joins(path: Path, model: EvaluatedModel) -> Score:
    """Give the share, in percent, of right titles whose nearest left title is the one they belong to.

    Each join (`task`) of the file counts the same. Right titles that belong to none are left out.
    """
    rows = list(zip(*read_columns(path, _JOIN_COLUMNS), strict=True))
    left: dict[str, dict[str, str]] = {}
    for join, side, identifier, title, _ in rows:
        if side == "left":
            left.setdefault(join, {})[identifier] = title
    right: dict[str, list[tuple[str, str]]] = {}
    for index, (join, side, _, title, gold) in enumerate(rows):
        if side == "right" and gold:
            if gold not in left.get(join, {}):
                raise DataError(
                    f"expected a left title with the id {gold!r} in the join {join}, named by line "
                    f"{line_of(index)} of {path}, found none: mend the file"
                )
            right.setdefault(join, []).append((title, left[join][gold]))
    require(len(right) > 0, path, "a right title with a gold_left_id")
    return Score(100 * float(np.mean([_score_join(model, left[join], right[join]) for join in right])))


def _score_join(model: EvaluatedModel, left: dict[str, str], right: list[tuple[str, str]]) -> float:
    titles = list(left.values())
    found = nearest(model.embed([title for title, _ in right]), model.embed(titles))
    hits = [titles[place] == gold for place, (_, gold) in zip(found, right, strict=True)]
    return float(np.mean(hits))
