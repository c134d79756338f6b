"""Ends at random moments: the old or the new is there, and the next write takes the litter away."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import numpy as np

from checks.fuzz.outcomes import Outcomes
from m2v_onnx import StaticModel
from m2v_onnx.system.records.npy import write_npy
from tests.builders import tiny_model, write_tiny_teacher

_SIGNALS = (signal.SIGKILL, signal.SIGTERM)
_SAVE = (
    "import sys; from m2v_onnx import StaticModel\n"
    "StaticModel.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])"
)
_N_TEXTS = 20_000


def fuzz_kills(n_kills: int, *, seed: int, place: Path) -> Iterator[Outcomes]:
    """End a save, an export, a distillation and an encoding, `n_kills` times in all."""
    random = Random(f"{seed} kills")
    tiny_model(normalize=True).save_pretrained(place / "model")
    write_tiny_teacher(place / "teacher")
    (place / "texts.txt").write_text("sun moon\n" * _N_TEXTS)
    run = [sys.executable, "-m", "m2v_onnx"]
    commands = {
        "save": [sys.executable, "-c", _SAVE, str(place / "model"), str(place / "out/m")],
        "export": [*run, "export", str(place / "model"), str(place / "out/m")],
        "distil": [*run, "distill", str(place / "teacher"), str(place / "out/m"), "--pca-dims", "2"],
        "encode": [
            *run,
            "encode",
            str(place / "model"),
            str(place / "texts.txt"),
            "-o",
            str(place / "out/v.npy"),
            "--force",
        ],
    }
    for name, command in commands.items():
        outcomes = Outcomes(f"kills, {name}")
        seconds = _measure(command, place)
        with suppress(KeyboardInterrupt):
            for _ in range(-(-n_kills // len(commands))):
                number, delay = random.choice(_SIGNALS), random.uniform(0.3, 1.05) * seconds
                outcomes.add(*_kill(name, command, place, number, delay))
        yield outcomes


def _prepare(place: Path) -> Path:
    """Put an old model and old vectors into the place that is written to."""
    out = place / "out"
    shutil.rmtree(out, ignore_errors=True)
    tiny_model().save_pretrained(out / "m")
    write_npy(out / "v.npy", [np.ones((1, 2), np.float32)], dim=2)
    return out


def _measure(command: list[str], place: Path) -> float:
    _prepare(place)
    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - start


def _kill(name: str, command: list[str], place: Path, number: int, delay: float) -> tuple[str, str]:
    out = _prepare(place)
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    what = f"{signal.Signals(number).name} after {delay:.3f} s"
    try:
        child.wait(delay)
    except subprocess.TimeoutExpired:
        child.send_signal(number)
    try:
        _, errors = child.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return "hang", what
    if b"Traceback" in errors and name != "save":  # a script of its own has no command line
        return "traceback", f"{what}: {errors.decode()[-300:]}"
    outcome = _look(name, out)
    _write_again(name, out)
    litter = [path.name for path in out.iterdir() if path.name not in ("m", "v.npy")]
    return ("litter", f"{what}: {litter}") if litter else (outcome, what)


def _look(name: str, out: Path) -> str:
    """Tell whether what is there is the old or the new, and whole."""
    if name == "encode":
        shape = np.load(out / "v.npy").shape
        return {(1, 2): "old", (_N_TEXTS, 2): "new"}.get(shape, "damage")
    model = StaticModel.from_pretrained(out / "m", precision="int8")
    if not np.isfinite(model.encode(["sun"] * 9)).all():
        return "damage"
    return "new" if model.config.normalize else "old"


def _write_again(name: str, out: Path) -> None:
    if name == "encode":
        write_npy(out / "v.npy", [np.ones((1, 2), np.float32)], dim=2)
    else:
        tiny_model().save_pretrained(out / "m")
