"""Encode beside every other static encoder: `python -m benchmarks.throughput SHARED [ROUNDS] [PLOT]`.

Each library is a process in an environment of its own, which loads once. In turn they encode the same texts
by the same model: news, sentences of novels, film reviews, and one short text, by a distillation of
all-MiniLM-L6-v2 (29,525 x 256 float32), then by random tables behind a BPE and a Unigram tokenizer.
A pass over the texts is repeated for 0.3 seconds; figures are medians of the rounds, and "times" the median
of the ratios to the default m2v-onnx within a round. First of all the vectors are compared with
`encode_reference`; the exit code is 1 when one of ours, in float32, differs by more than 1e-6. When PLOT is
given, PLOT.svg and PLOT.png show the speed by the length of the text.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import ROOT, make_environment, minilm
from checks.tokenizers_roundtrip import static_tokenizer
from m2v_onnx import StaticModel
from m2v_onnx.distill import distill
from m2v_onnx.model.config import ModelConfig

OURS = "m2v-onnx"
BOUND = 1e-6
LENGTHS = (2, 5, 10, 20, 50, 100, 200, 350)
N_PLOT_WORDS = 60_000


@dataclass(frozen=True)
class Worker:
    """A library to run, with what options, in which of ENVIRONMENTS; None for this one."""

    library: str
    environment: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


PEERS = {
    "model2vec": Worker("model2vec", "peer"),
    "laghu": Worker("laghu", "laghu"),
    "sentence-transformers": Worker(
        "sentence-transformers", "sentence-transformers", {"batch_size": 1024, "show_progress_bar": False}
    ),
    "fastembed": Worker("fastembed", "fastembed"),
    "wordllama": Worker("wordllama", "wordllama"),
}
ALL_WORKERS = {
    OURS: Worker(OURS),
    "m2v-onnx, one thread": Worker(OURS, options={"n_threads": 1}),
    "m2v-onnx, int8": Worker(OURS, options={"precision": "int8"}),
    "m2v-onnx, base install": Worker(OURS, "base"),
    "m2v-onnx, graph fp16": Worker(OURS, options={"precision": "fp16"}),
    **PEERS,
}
EXACT_WORKERS = (OURS, "m2v-onnx, one thread", "m2v-onnx, base install")


class RunningWorker:
    """A child process that encodes on demand."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, texts: Path, **order: Path | float) -> dict[str, float]:
        """Let it encode the texts of a file; give what it answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"texts": str(texts), **order}, default=str), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self._process.args} ended with {self._process.wait()}")
        found: dict[str, float] = json.loads(answer)
        return found


@contextmanager
def start(worker: Worker, folder: Path) -> Iterator[RunningWorker]:
    """Run a worker until the block ends."""
    python = sys.executable if worker.environment is None else make_environment(worker.environment)
    options = json.dumps(worker.options)
    command = [python, "-m", "benchmarks.encode_worker", worker.library, folder, options]
    variables = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, env=variables, text=True, **pipes) as process:
        yield RunningWorker(process)
        process.stdin.close()


def read_sets(shared: Path) -> dict[str, list[str]]:
    """Give texts by what they are."""
    news = []
    for name in ("train", "test"):
        path = shared / f"eval/classification/ag_news_split_{name}.tsv"
        news += [line.split("\t")[1] for line in path.read_text("utf-8").split("\n")[1:] if line]
    novels = read_lines(shared / "corpora/english_novels_250k_sentences.txt.gz")[::25]
    reviews = read_lines(shared / "corpora/imdb_reviews_12k.txt.gz")[::12]
    return {"news": news, "novel sentences": novels, "film reviews": reviews}


def read_lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.read().removesuffix("\n").split("\n")


def sets_by_length(reviews: Sequence[str]) -> dict[str, list[str]]:
    """Cut reviews into texts of some words each."""
    words = " ".join(reviews).split()[:N_PLOT_WORDS]
    return {str(n): [" ".join(words[i : i + n]) for i in range(0, len(words) - n, n)] for n in LENGTHS}


def write_sets(sets: Mapping[str, str | list[str]], folder: Path) -> dict[str, Path]:
    folder.mkdir()
    paths = {}
    for name, texts in sets.items():
        paths[name] = folder / f"{name}.json"
        paths[name].write_text(json.dumps(texts), "utf-8")
    return paths


def write_models(shared: Path, scratch: Path) -> dict[str, Path]:
    """Write one model of each tokenizer family."""
    models = {"WordPiece": distill(minilm(), recipe="model2vec-0.10", pca_dims=256)}
    for family, name in {"BPE": "tokenizers/roberta-base", "Unigram": "teachers/e5-small-en-pt"}.items():
        tokenizer = static_tokenizer(shared / name / "tokenizer.json")
        table = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 256)).astype(np.float32)
        models[family] = StaticModel(table, tokenizer, ModelConfig(normalize=True, max_length=512))
    folders = {}
    for family, model in models.items():
        folders[family] = scratch / family
        model.save_pretrained(folders[family], precisions=["fp32", "fp16", "int8"])
    return folders


@dataclass(frozen=True)
class Timings:
    """Wall and CPU seconds of a pass, by worker, set and round."""

    wall: dict[str, dict[str, list[float]]]
    cpu: dict[str, dict[str, list[float]]]


def time_rounds(
    workers: Mapping[str, RunningWorker], paths: Mapping[str, Path], *, n_rounds: int, seconds: float = 0.3
) -> Timings:
    """Let every worker encode every set, one at a time, `n_rounds` times."""
    wall: dict[str, dict[str, list[float]]] = {name: {key: [] for key in paths} for name in workers}
    cpu: dict[str, dict[str, list[float]]] = {name: {key: [] for key in paths} for name in workers}
    for _ in range(n_rounds):
        for key, path in paths.items():
            for name, worker in workers.items():
                answer = worker.ask(path, seconds=seconds)
                wall[name][key].append(answer["seconds"])
                cpu[name][key].append(answer["cpu_seconds"])
    return Timings(wall, cpu)


def largest_differences(
    workers: Mapping[str, RunningWorker], paths: Mapping[str, Path], folder: Path
) -> dict[str, float]:
    """Compare every worker's vectors with the specification's."""
    model = StaticModel.from_pretrained(folder)
    found = dict.fromkeys(workers, 0.0)
    for path in paths.values():
        expected = model.encode_reference(json.loads(path.read_text("utf-8")))
        for name, worker in workers.items():
            vectors_path = path.with_suffix(".npy")
            worker.ask(path, vectors=vectors_path)
            found[name] = max(found[name], float(np.abs(np.load(vectors_path) - expected).max()))
    return found


def markdown(
    seconds: Mapping[str, Mapping[str, Sequence[float]]],
    sizes: Mapping[str, int],
    differences: Mapping[str, float],
) -> str:
    """Write texts a second and how many times as fast ours is."""
    head = [f"{key} texts/s | times" if sizes[key] > 1 else f"{key} µs | times" for key in sizes]
    lines = [f"| | {' | '.join(head)} | largest difference |", f"|{' --- |' * (2 * len(head) + 2)}"]
    for name, own in seconds.items():
        cells = []
        for key, size in sizes.items():
            median = statistics.median(own[key])
            ratios = [one / other for one, other in zip(own[key], seconds[OURS][key], strict=True)]
            cells.append(f"{size / median:,.0f}" if size > 1 else f"{1e6 * median:.0f}")
            cells.append(f"{statistics.median(ratios):.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} | {differences[name]:.1e} |")
    return "\n".join(lines)


def plot(timings: Timings, sizes: Mapping[str, int], path: Path, scratch: Path) -> None:
    """Draw texts a second by their length."""
    lines = {
        name: [sizes[key] / statistics.median(values) for key, values in own.items()]
        for name, own in timings.wall.items()
    }
    data = scratch / "plot.json"
    data.write_text(json.dumps({"lengths": LENGTHS, "lines": lines}))
    python = make_environment("plot")
    subprocess.run([python, "-m", "benchmarks.plot", data, path.resolve()], check=True, cwd=ROOT)


def main() -> None:
    shared = Path(sys.argv[1])
    n_rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    is_exact = True
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        sets = read_sets(shared)
        paths = write_sets(sets, scratch / "sets")
        short = write_sets({"one short text": "It's dangerous to go alone!"}, scratch / "short")
        lengths = sets_by_length(sets["film reviews"])
        length_paths = write_sets(lengths, scratch / "lengths")
        sizes = {key: len(texts) for key, texts in sets.items()} | {"one short text": 1}
        for family, folder in write_models(shared, scratch).items():
            with ExitStack() as stack:
                workers = {name: stack.enter_context(start(w, folder)) for name, w in ALL_WORKERS.items()}
                differences = largest_differences(workers, paths, folder)
                is_exact &= all(differences[name] <= BOUND for name in EXACT_WORKERS)
                timings = time_rounds(workers, paths | short, n_rounds=n_rounds)
                for kind, seconds in {"wall clock": timings.wall, "CPU": timings.cpu}.items():
                    print(f"\n{family}, {kind}\n\n{markdown(seconds, sizes, differences)}", flush=True)
                if family == "WordPiece" and len(sys.argv) > 3:
                    curves = {name: workers[name] for name in (OURS, "m2v-onnx, base install", *PEERS)}
                    by_length = time_rounds(curves, length_paths, n_rounds=n_rounds)
                    plot(by_length, {k: len(v) for k, v in lengths.items()}, Path(sys.argv[3]), scratch)
    sys.exit(0 if is_exact else 1)


if __name__ == "__main__":
    main()
