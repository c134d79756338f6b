"""How fast a model embeds texts of many lengths."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from m2v_onnx.evaluation.tasks.data import read_columns
from m2v_onnx.evaluation.tasks.task import EvaluatedModel, Score, Task
from m2v_onnx.system.cores import count_cores

_VERSION = "2"
_N_TEXTS = 2048
_SECONDS = 2.0
_THREADS = Path("/proc/self/task")


def find_speed(data: Path) -> list[Task]:
    """Give the tasks with one core and with all of this machine.

    They take their texts from the sets of `classification`: the first of each, 2,048 together.
    """
    files = tuple(sorted((data / "classification").glob("*_test.tsv")))
    if not files:
        return []
    # A speed of another machine, or with other cores, is another one.
    version = f"{_VERSION} {platform.node()} {platform.machine()} {count_cores()}"
    return [
        Task("speed/one_core", files, version, partial(measure_speed_of_one_core, files)),
        Task("speed/all_cores", files, version, partial(measure_speed, files)),
    ]


def measure_speed(files: tuple[Path, ...], model: EvaluatedModel) -> Score:
    """Give texts per second: the best of the passes over 2,048 texts that begin within two seconds.

    The best, because all that disturbs a pass makes it slower.
    """
    return _best_pass(model, _read_texts(files), time.perf_counter)


def measure_speed_of_one_core(files: tuple[Path, ...], model: EvaluatedModel) -> Score:
    """Give the same per second of processor time, which counts nothing that others do on this machine.

    Every thread of the process is bound to one core, where the system lets it (Linux).
    """
    with _one_core():
        return _best_pass(model, _read_texts(files), time.process_time)


def _best_pass(model: EvaluatedModel, texts: list[str], clock: Callable[[], float]) -> Score:
    model.embed(texts[:64])  # what is loaded at first use is no part of the speed
    best, end = 0.0, time.perf_counter() + _SECONDS
    while best == 0 or time.perf_counter() < end:
        start = clock()
        model.embed(texts)
        best = max(best, len(texts) / (clock() - start))
    return Score(best)


def _read_texts(files: tuple[Path, ...]) -> list[str]:
    share = -(-_N_TEXTS // len(files))
    texts = [text for path in files for text in read_columns(path, ("text",))[0][:share]]
    if len(texts) < _N_TEXTS:  # small files are read again and again
        texts *= -(-_N_TEXTS // len(texts))
    return texts[:_N_TEXTS]


@contextmanager
def _one_core() -> Iterator[None]:
    """Bind every thread that there is, and so every new one, to one core."""
    if not _THREADS.exists():
        yield
        return
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
