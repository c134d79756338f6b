"""Embed a Parquet file with `encode` and with data engines: `python -m benchmarks.bulk SHARED MODEL [ROWS [ENGINE …]]`.

The texts are the sentences of novels, repeated, with a null in a thousand and `[PAD]` written out in
another, in row groups of 100,000. Without engines, `encode` makes a Parquet file of ROWS rows (5,000,000),
beside its two halves in processes of their own: `encode_stream` whose vectors are dropped, and pyarrow that
writes as many vectors. The exit code is 1 when the whole takes more than 1.6 times the processor's time of
the halves, or more than 400 MB, or grows.

With engines, the recipes of docs/bulk.md run on ROWS and on a tenth of them, so that their start can be told
from their rate. The processor's time is that of all processes of a job, and memory is PSS.
"""  # noqa: E501

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.bulk.environments import python_of
from tests.bulk.recipes import recipe
from tests.environments import ROOT

N_GROUP = 100_000
MOST_RATIO, MOST_MB, MOST_GROWTH = 1.6, 400, 1.1
POLL_SECONDS = 0.1
MARK = "M2V_ONNX_BENCHMARK"
TICK = os.sysconf("SC_CLK_TCK")

STREAM = """
import sys, time
import pyarrow.parquet as pq
from m2v_onnx import StaticModel
model = StaticModel.from_pretrained("my-model")
file = pq.ParquetFile("texts.parquet", pre_buffer=False)  # else it keeps what it has read
batches = file.iter_batches(8192, columns=["text"])
texts = (text or "" for batch in batches for text in batch["text"].to_pylist())
for _ in model.encode_stream(texts):
    pass
"""
WRITE = """
import sys
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
n_rows, dim, tuned = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "tuned"
vectors = np.random.default_rng(0).normal(size=(32768, dim)).astype(np.float32)
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), dim)
table = pa.table({"embedding": lists})
settings = dict(use_dictionary=False, write_statistics=False, compression="none") if tuned else {}
with pq.ParquetWriter("vectors.parquet", table.schema, **settings) as writer:
    for start in range(0, n_rows, 32768):
        writer.write_table(table.slice(0, min(32768, n_rows - start)))
"""


@dataclass
class Job:
    """What all processes of a job took."""

    wall_seconds: float = 0.0
    ticks: dict[int, int] = field(default_factory=dict)
    peaks_mb: dict[int, float] = field(default_factory=dict)
    totals_mb: list[float] = field(default_factory=list)

    @property
    def cpu_seconds(self) -> float:
        """User and system, of all processes."""
        return sum(self.ticks.values()) / TICK

    def growth(self) -> float:
        """Give the memory at the end by that in the second quarter of the time."""
        n = len(self.totals_mb)
        return max(self.totals_mb[n * 9 // 10 :]) / max(self.totals_mb[n // 4 : n // 2])


def run(command: list[str | Path], place: Path) -> Job:
    """Run a job, and look at all its processes ten times a second."""
    job, mark = Job(), f"{MARK}={time.monotonic_ns()}"
    name, _, value = mark.partition("=")
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, name: value, "PATH": path, "PYTHONPATH": str(ROOT)}
    environment["HF_HOME"] = str(place / "hf")
    start = time.perf_counter()
    with (place / "errors").open("wb") as errors:
        child = subprocess.Popen(command, cwd=place, env=environment, stdout=errors, stderr=errors)
        while child.poll() is None:
            look(job, mark.encode())
            time.sleep(POLL_SECONDS)
    job.wall_seconds = time.perf_counter() - start
    if child.returncode:
        raise SystemExit(f"{command} failed: {(place / 'errors').read_text()[-3000:]}")
    return job


def look(job: Job, mark: bytes) -> None:
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark not in (folder / "environ").read_bytes():
                continue
            fields = (folder / "stat").read_text().rpartition(") ")[2].split()
            memory = (folder / "smaps_rollup").read_text()
        except OSError:  # it has ended
            continue
        pid, pss = int(folder.name), float(memory.split("Pss:")[1].split()[0]) / 1024
        job.ticks[pid] = int(fields[11]) + int(fields[12])
        job.peaks_mb[pid] = max(pss, job.peaks_mb.get(pid, 0.0))
        total += pss
    job.totals_mb.append(total)


def write_texts(shared: Path, path: Path, n_rows: int) -> None:
    with gzip.open(shared / "corpora/english_novels_250k_sentences.txt.gz", "rt", encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file]
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, n_rows, N_GROUP):
            numbers = range(start, min(start + N_GROUP, n_rows))
            texts = [
                None if n % 1000 == 7 else lines[n % len(lines)] + " [PAD]" * (n % 1024 == 0) for n in numbers
            ]
            writer.write_table(pa.table([pa.array(numbers, pa.int64()), pa.array(texts)], schema))


def compare(place: Path, n_rows: int) -> bool:
    dim = pq.read_schema(embed_some(place)).field("embedding").type.list_size
    python, program = sys.executable, [sys.executable, "-m", "m2v_onnx"]
    jobs = {
        "encode_stream, vectors dropped": run([python, "-c", STREAM], place),
        "pyarrow writes the vectors": run([python, "-c", WRITE, str(n_rows), str(dim), "tuned"], place),
        "… with its own defaults": run([python, "-c", WRITE, str(n_rows), str(dim), "default"], place),
    }
    (place / "vectors.parquet").unlink()
    jobs["m2v-onnx encode"] = run(
        [*program, "encode", "my-model", "texts.parquet", "-o", "out.parquet"], place
    )
    print(
        "| | CPU s | CPU s per million rows | wall s | peak MB | end / second quarter |\n"
        + "| --- " * 6
        + "|"
    )
    for name, job in jobs.items():
        rate = job.cpu_seconds / n_rows * 1e6
        print(
            f"| {name} | {job.cpu_seconds:.1f} | {rate:.2f} | {job.wall_seconds:.1f} | "
            f"{max(job.totals_mb):.0f} | {job.growth():.2f} |"
        )
    stream, write, _, whole = jobs.values()
    ratio = whole.cpu_seconds / (stream.cpu_seconds + write.cpu_seconds)
    print(f"\nratio {ratio:.2f}; {(place / 'out.parquet').stat().st_size / 1e9:.2f} GB written")
    return ratio <= MOST_RATIO and max(whole.totals_mb) <= MOST_MB and whole.growth() <= MOST_GROWTH


def embed_some(place: Path) -> Path:
    """Embed a few texts, for the width; the files of the model are in memory then."""
    (place / "one.txt").write_text("a text\n", encoding="utf-8")
    command = [sys.executable, "-m", "m2v_onnx", "encode", "my-model", "one.txt", "-o", "one.parquet", "-q"]
    subprocess.run(command, cwd=place, check=True)
    return place / "one.parquet"


def compare_engines(shared: Path, place: Path, n_rows: int, engines: list[str]) -> None:
    print("| engine | CPU s at the start | CPU s per million rows | MB of the largest process | MB of all |")
    print("| --- " * 5 + "|")
    for engine in engines:
        (place / "recipe.py").write_text(recipe(engine), encoding="utf-8")
        jobs = []
        for n in (n_rows // 10, n_rows):
            write_texts(shared, place / "texts.parquet", n)
            jobs.append(run([python_of(engine), "recipe.py"], place))
            subprocess.run(["rm", "-rf", "embedded.parquet", "hf"], cwd=place, check=True)
        few, many = jobs
        rate = (many.cpu_seconds - few.cpu_seconds) / (0.9 * n_rows)
        print(
            f"| {engine} | {few.cpu_seconds - rate * n_rows / 10:.1f} | {rate * 1e6:.1f} | "
            f"{max(many.peaks_mb.values()):.0f} | {max(many.totals_mb):.0f} |",
            flush=True,
        )


def main() -> int:
    shared, model = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    n_rows = int(sys.argv[3]) if len(sys.argv) > 3 else 5_000_000
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "my-model").symlink_to(model)
        if len(sys.argv) > 4:
            compare_engines(shared, place, n_rows, sys.argv[4:])
            return 0
        write_texts(shared, place / "texts.parquet", n_rows)
        return 0 if compare(place, n_rows) else 1


if __name__ == "__main__":
    sys.exit(main())
