"""Every family of tasks, and the choice among the tasks of a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from m2v_onnx.errors import ArgumentError, DataError
from m2v_onnx.evaluation.tasks.bitext import find_bitext
from m2v_onnx.evaluation.tasks.classification import find_classification
from m2v_onnx.evaluation.tasks.clustering import find_clustering
from m2v_onnx.evaluation.tasks.pairs import find_pairs
from m2v_onnx.evaluation.tasks.phrases import find_phrases
from m2v_onnx.evaluation.tasks.reranking import find_reranking
from m2v_onnx.evaluation.tasks.retrieval import find_retrieval
from m2v_onnx.evaluation.tasks.similarity import find_similarity
from m2v_onnx.evaluation.tasks.speed import find_speed
from m2v_onnx.evaluation.tasks.task import Task

FAMILIES: dict[str, Callable[[Path], list[Task]]] = {
    "sts": partial(find_similarity, family="sts", columns=("sentence1", "sentence2")),
    "sts_multi": partial(find_similarity, family="sts_multi", columns=("sentence1", "sentence2")),
    "classification": find_classification,
    "clustering": find_clustering,
    "pair": find_pairs,
    "retrieval": find_retrieval,
    "rerank": find_reranking,
    "wordsim": partial(find_similarity, family="wordsim", columns=("word1", "word2")),
    "phrase": find_phrases,
    "bitext": find_bitext,
    "speed": find_speed,
}


def find_tasks(data: Path, *, names: Sequence[str] | None = None) -> list[Task]:
    """Give the tasks of a data folder, in the order of FAMILIES.

    Args:
        data: a folder with one folder for each family; see `FAMILIES` and the modules of their tasks.
        names: families, or single tasks (`sts/stsb_dev`); None for everything there is. A set to tune on
            (`_dev`, `_val`) is left out where it stands beside one to test on, unless it is named.

    Raises:
        ArgumentError: for an unknown name.
        DataError: when the folder, or a family in `names`, holds no task.
    """
    known = [task for find in FAMILIES.values() for task in find(data)]
    if not known:
        raise DataError(
            f"expected a folder with the files of some of {', '.join(FAMILIES)} at {data}, found none: "
            "name the folder that holds, say, sts/stsb_test.tsv"
        )
    if names is None:
        names = list(FAMILIES)
    else:
        _check_names(names, known)
    all_names = {task.name for task in known}
    return [
        task
        for task in known
        if task.name in names or (task.family in names and not _is_for_tuning(task.name, all_names))
    ]


def _check_names(names: Sequence[str], known: list[Task]) -> None:
    there = {task.family for task in known} | {task.name for task in known}
    for name in names:
        if name in FAMILIES and name not in there:
            raise DataError(f"expected the files of {name} in the data folder, found none: add them")
        if name not in there:
            raise ArgumentError(
                f"expected tasks among {', '.join(FAMILIES)}, or one of them such as {known[0].name}, found "
                f"{name!r}; single tasks here: {', '.join(task.name for task in known)}"
            )


def _is_for_tuning(name: str, all_names: set[str]) -> bool:
    """Tell whether a set is one to tune on, beside one to test on.

    >>> _is_for_tuning("sts/a_dev", {"sts/a_dev", "sts/a_test"}), _is_for_tuning("sts/b_dev", {"sts/b_dev"})
    (True, False)
    """
    stem, _, part = name.rpartition("_")
    return part in ("dev", "val") and f"{stem}_test" in all_names
