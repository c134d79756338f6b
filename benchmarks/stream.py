"""Encode ten million texts from a file to a file: `python -m benchmarks.stream SHARED [MILLIONS [DIM]]`.

The sentences of novels are repeated, a text a line, and `m2v-onnx encode` writes a .npy file of 64 columns:
2.6 GB for ten million texts, beside 0.9 GB of texts. A row of the table is a million texts, the first vectors
behind the start: their speed, the processor's time in the process and in the system on its behalf, and the
memory of the process, mapped files left out, when the last of them was written. A thousand vectors are
compared with `encode_reference`. The exit code is 1 when one differs, or when memory grows by a tenth after
the first million.
"""

from __future__ import annotations

import gzip
import itertools
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import ROOT, minilm
from m2v_onnx import StaticModel

N_STEP = 1_000_000
N_REST = N_STEP // 10  # so that the process is still there when the last million is written
N_COMPARED = 1000
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Milestone:
    """The state of the process when a million texts more were written."""

    seconds: float
    user_seconds: float
    system_seconds: float
    private_mb: float


def write_texts(shared: Path, path: Path, n_texts: int) -> list[str]:
    """Write the sentences of the novels, repeated, and give them once."""
    with gzip.open(shared / "corpora/english_novels_250k_sentences.txt.gz", "rt", encoding="utf-8") as file:
        lines = list(file)
    with path.open("w", encoding="utf-8") as output:
        output.writelines(itertools.islice(itertools.cycle(lines), n_texts))
    return [line.removesuffix("\n") for line in lines]


def watch(process: subprocess.Popen[bytes], folder: Path, *, dim: int) -> list[Milestone]:
    """Look at the growing draft of the .npy file, at the first vectors and after each million."""
    milestones: list[Milestone] = []
    while process.poll() is None:
        n_bytes = max((path.stat().st_size for path in folder.glob(".*.draft")), default=-1)
        if n_bytes // (4 * dim) > N_STEP * len(milestones):
            milestones.append(look(process.pid))
        time.sleep(POLL_SECONDS)
    if process.returncode:
        raise SystemExit(f"{process.args} ended with {process.returncode}")
    return milestones


def look(pid: int) -> Milestone:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return Milestone(
        seconds=time.perf_counter(),
        user_seconds=int(fields[11]) / os.sysconf("SC_CLK_TCK"),
        system_seconds=int(fields[12]) / os.sysconf("SC_CLK_TCK"),
        private_mb=int(status["RssAnon"].split()[0]) / 1024,
    )


def main() -> None:
    shared = Path(sys.argv[1])
    n_texts = N_STEP * (int(sys.argv[2]) if len(sys.argv) > 2 else 10) + N_REST
    dim = int(sys.argv[3]) if len(sys.argv) > 3 else 64
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        folder, texts_path, vectors_path = scratch / "model", scratch / "texts.txt", scratch / "vectors.npy"
        texts = write_texts(shared, texts_path, n_texts)
        ours = [sys.executable, "-m", "m2v_onnx"]
        distil = [
            *ours,
            "distill",
            minilm(),
            folder,
            "--quiet",
            "--recipe",
            "model2vec-0.10",
            "--pca-dims",
            str(dim),
        ]
        subprocess.run(distil, check=True, cwd=ROOT)
        command = [*ours, "encode", folder, texts_path, "--output", vectors_path, "--quiet"]
        with subprocess.Popen(command, cwd=ROOT) as process:
            milestones = watch(process, scratch, dim=dim)
        vectors = np.load(vectors_path, mmap_mode="r")
        rows = np.linspace(0, n_texts - 1, N_COMPARED).astype(int)
        expected = StaticModel.from_pretrained(folder).encode_reference(
            [texts[row % len(texts)] for row in rows]
        )
        difference = np.abs(vectors[rows] - expected).max()
    print("| million | texts/s | user s | system s | private MB |\n| --- | --- | --- | --- | --- |")
    for number, (before, after) in enumerate(itertools.pairwise(milestones), 1):
        rate = N_STEP / (after.seconds - before.seconds)
        user = after.user_seconds - before.user_seconds
        system = after.system_seconds - before.system_seconds
        print(f"| {number} | {rate:,.0f} | {user:.2f} | {system:.2f} | {after.private_mb:.0f} |")
    print(f"\nLargest difference of {N_COMPARED:,} vectors: {difference:.1e}")
    grew = milestones[-1].private_mb > 1.1 * milestones[1].private_mb
    sys.exit(1 if grew or difference > 1e-6 or vectors.shape != (n_texts, dim) else 0)


if __name__ == "__main__":
    main()
