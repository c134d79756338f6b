"""Clusters of vectors against known groups."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import v_measure_score
from threadpoolctl import threadpool_limits

from m2v_onnx.evaluation.tasks.data import read_columns, require
from m2v_onnx.evaluation.tasks.task import SEED, EvaluatedModel, Score, Task

_VERSION = "1"
_N_RUNS = 5


def find_clustering(data: Path) -> list[Task]:
    """Give a task for each TSV file with labels and texts."""
    return [clustering_task("clustering", path) for path in sorted((data / "clustering").glob("*.tsv"))]


def clustering_task(family: str, path: Path) -> Task:
    """Give the task of a file with labels and texts."""
    return Task(f"{family}/{path.stem}", (path,), _VERSION, partial(score_clustering, path))


def score_clustering(path: Path, model: EvaluatedModel) -> Score:
    """Give the V-measure, in percent, of mini-batch k-means with as many clusters as there are labels.

    The V-measure is the harmonic mean of homogeneity and completeness, and equals the normalised mutual
    information. The mean of five runs, as one depends on where it begins.
    """
    labels, texts = read_columns(path, ("label", "text"))
    n_clusters = len(set(labels))
    require(n_clusters >= 2, path, "a second label")
    vectors = model.embed(texts)
    with threadpool_limits(1):  # more threads than quiet cores take ten times the time
        runs = [
            MiniBatchKMeans(n_clusters, n_init=1, random_state=SEED + run).fit_predict(vectors)
            for run in range(_N_RUNS)
        ]
    return Score(100 * float(np.mean([v_measure_score(labels, clusters) for clusters in runs])))
