"""The program that tries one thing after the other, so that a crash or a hang ends it and not the drivers.

The first line of standard output says that it is ready. Each line of standard input is a job as JSON. Each
further line of standard output is its outcome, maybe with a colon and what was said.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from m2v_onnx import M2vOnnxError, StaticModel, TextGraph
from m2v_onnx.distill.words import read_words
from m2v_onnx.export.verification import verify_folder
from m2v_onnx.system.records.reading import read_texts

_TEXTS = ["sun", "moon sun!", "sunlight", "", "no such words", "SUN  sun\n"] * 2
# What loads a graph, where a folder holds it.
_LOADS: dict[str, Callable[[Path], StaticModel | TextGraph]] = {
    "quantized": lambda path: StaticModel.from_pretrained(path, precision="int8"),
    "text": TextGraph.from_pretrained,
}


def try_folder(place: str) -> str:
    """Load a folder, embed by all that runs it, and verify it."""
    folder = Path(place)
    said = []
    for load in (
        StaticModel.from_pretrained,
        lambda path: StaticModel.from_pretrained(path, precision="fp32"),
        *(_LOADS[stem] for stem in _LOADS if list(folder.glob(f"onnx/model_{stem}.onnx"))),
    ):
        try:
            said.append(_compare(load(folder), folder))
        except M2vOnnxError as error:
            said.append("error")
            _check_message(error)
    try:
        said += ["error" if report.problem else "vectors" for report in verify_folder(folder)]
    except M2vOnnxError as error:
        said.append("error")
        _check_message(error)
    return next((one for one in said if one.startswith("wrong")), "error" if "error" in said else "vectors")


def try_input(place: str) -> str:
    """Read a file as texts, words or word vectors, as its name says."""
    path = Path(place)
    try:
        if path.name.startswith("words"):
            read_words(path)
        elif path.name.startswith("vectors"):
            model = StaticModel.from_pretrained(path)
            if not np.isfinite(model.encode(_TEXTS)).all():
                return "wrong: not finite"
        else:
            for _ in read_texts(path):
                pass
    except M2vOnnxError as error:
        _check_message(error)
        return "error"
    return "vectors"


def _compare(model: StaticModel | TextGraph, folder: Path) -> str:
    found = model.encode(_TEXTS)
    if not np.isfinite(found).all():
        return "wrong: not finite"
    if isinstance(model, TextGraph):  # verify compares it
        return "vectors"
    expected = StaticModel.from_pretrained(folder).encode_reference(_TEXTS)
    tolerance = 0.1 if model.precision == "int8" else 1e-3
    difference = np.abs(found - expected).max(initial=0)
    return "vectors" if difference <= tolerance * max(1, np.abs(expected).max(initial=0)) else "wrong vector"


def _check_message(error: M2vOnnxError) -> None:
    if "expected" not in str(error) and "must" not in str(error):
        raise AssertionError(f"a message without what was expected: {error}")


JOBS: dict[str, Callable[[str], str]] = {"folder": try_folder, "input": try_input}


def main() -> None:
    """Do jobs until the input ends."""
    warnings.simplefilter("ignore")
    print("ready", flush=True)
    for line in sys.stdin:
        kind, place = json.loads(line)
        try:
            outcome = JOBS[kind](place)
        except Exception as error:  # noqa: BLE001  # that is what is looked for
            outcome = f"traceback: {type(error).__name__}: {str(error)[:200]!r}"
        print(outcome, flush=True)


if __name__ == "__main__":
    main()
