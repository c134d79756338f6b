"""How fast a model embeds texts of many lengths."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from m2v_onnx.cores import count_cores
from m2v_onnx.evaluation.data import read_columns
from m2v_onnx.evaluation.task import EvaluatedModel, Score, Task

_VERSION = "1"
_N_TEXTS = 2048
_SECONDS = 2.0
_THREADS = Path("/proc/self/task")


def find_speed(data: Path) -> list[Task]:
    """Give the tasks with all cores of this machine and, where threads can be bound to one (Linux), with it.

    They take their texts from the sets of `classification`: the first of each, 2,048 together.
    """
    files = tuple(sorted((data / "classification").glob("*_test.tsv")))
    if not files:
        return []
    # A speed of another machine, or with other cores, is another one.
    version = f"{_VERSION} {platform.node()} {platform.machine()} {count_cores()}"
    tasks = [Task("speed/all_cores", files, version, partial(measure_speed, files))]
    if _THREADS.exists():
        tasks.append(Task("speed/one_core", files, version, partial(measure_speed_on_one_core, files)))
    return tasks


def measure_speed(files: tuple[Path, ...], model: EvaluatedModel) -> Score:
    """Give texts per second: the best of the passes over 2,048 texts that begin within two seconds.

    The best, because all that disturbs a pass makes it slower.
    """
    texts = _read_texts(files)
    model.embed(texts[:64])  # what is loaded at first use is no part of the speed
    best, end = 0.0, time.perf_counter() + _SECONDS
    while best == 0 or time.perf_counter() < end:
        start = time.perf_counter()
        model.embed(texts)
        best = max(best, len(texts) / (time.perf_counter() - start))
    return Score(best)


def measure_speed_on_one_core(files: tuple[Path, ...], model: EvaluatedModel) -> Score:
    """Give the same as `measure_speed` with every thread of this process on one core."""
    with _one_core():
        return measure_speed(files, model)


def _read_texts(files: tuple[Path, ...]) -> list[str]:
    share = -(-_N_TEXTS // len(files))
    texts = [text for path in files for text in read_columns(path, ("text",))[0][:share]]
    if len(texts) < _N_TEXTS:  # small files are read again and again
        texts *= -(-_N_TEXTS // len(texts))
    return texts[:_N_TEXTS]


@contextmanager
def _one_core() -> Iterator[None]:
    """Bind every thread that there is, and so every new one, to one core."""
    cores = os.sched_getaffinity(0)
    _bind_threads({min(cores)})
    try:
        yield
    finally:
        _bind_threads(cores)


def _bind_threads(cores: set[int]) -> None:
    for thread in _THREADS.iterdir():
        try:
            os.sched_setaffinity(int(thread.name), cores)
        except ProcessLookupError:  # ended since it was listed
            continue
