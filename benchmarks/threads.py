"""Eight threads on one model: `python -m benchmarks.threads SHARED [SECONDS]`.

For a minute, or SECONDS, with each tokenizer family, every thread encodes stretches of news, of one text to
thousands, and compares each vector with `encode_reference`. The exit code is 1 when a thread fails or a
vector differs by more than 1e-6.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.throughput import BOUND, read_sets, write_models
from m2v_onnx import StaticModel
from m2v_onnx.model.vectors import Vectors

N_THREADS = 8


@dataclass(frozen=True)
class Work:
    """What a thread did."""

    n_calls: int
    n_texts: int
    largest_difference: float


def encode_until(stop: float, model: StaticModel, texts: list[str], expected: Vectors, *, seed: int) -> Work:
    rng = np.random.default_rng(seed)
    n_calls = n_texts = 0
    largest = 0.0
    while time.perf_counter() < stop:
        start = int(rng.integers(len(texts)))
        size = int(10 ** rng.uniform(0, np.log10(len(texts))))
        n_threads = [None, 1, 2][rng.integers(3)]
        vectors = model.encode(texts[start : start + size], n_threads=n_threads)
        largest = max(largest, float(np.abs(vectors - expected[start : start + size]).max()))
        n_calls, n_texts = n_calls + 1, n_texts + len(vectors)
    return Work(n_calls, n_texts, largest)


def main() -> None:
    shared = Path(sys.argv[1])
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60
    texts = read_sets(shared)["news"]
    worst = 0.0
    print("| model | calls | texts | largest difference |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        for family, folder in write_models(shared, Path(scratch)).items():
            model = StaticModel.from_pretrained(folder)
            expected = model.encode_reference(texts)
            stop = time.perf_counter() + seconds
            with ThreadPoolExecutor(N_THREADS) as pool:
                threads = [
                    pool.submit(encode_until, stop, model, texts, expected, seed=seed)
                    for seed in range(N_THREADS)
                ]
                done = [thread.result() for thread in threads]
            largest = max(work.largest_difference for work in done)
            worst = max(worst, largest)
            n_calls, n_texts = sum(work.n_calls for work in done), sum(work.n_texts for work in done)
            print(f"| {family} | {n_calls:,} | {n_texts:,} | {largest:.1e} |", flush=True)
    sys.exit(0 if worst <= BOUND else 1)


if __name__ == "__main__":
    main()
