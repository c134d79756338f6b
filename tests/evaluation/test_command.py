"""`m2v-onnx evaluate` as a user runs it, and mteb."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from m2v_onnx.errors import ArgumentError, M2vOnnxError
from m2v_onnx.evaluation.command import name_models
from m2v_onnx.evaluation.mteb_adapter import evaluate_mteb
from tests.evaluation.builders import Lookup, write_data
from tests.test_cli import run

ROOT = Path(__file__).parents[2]


def test_the_command_prints_the_leaderboard_and_leaves_a_report(folder, teacher, tmp_path):
    data, output = write_data(tmp_path / "data"), tmp_path / "results"
    command = (
        "evaluate",
        folder,
        f"the teacher={teacher}",
        "--data",
        data,
        "-o",
        output,
        "--tasks",
        "sts,pair",
    )
    result = run(*command)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("| model | MB | texts/s | mean | sts | pair |")
    assert "| the teacher | 0.0 |" in result.stdout
    assert (output / "leaderboard.md").read_text().startswith(result.stdout.rstrip("\n"))
    assert {path.name for path in output.iterdir()} >= {
        "model.json",
        "the-teacher.json",
        "scores.csv",
        "tasks.svg",
    }
    assert run(*command).stdout == result.stdout
    (first, _) = json.loads(run(*command, "--json").stdout)
    assert first["model"] == "model"
    assert set(first["scores"]) == {"sts/a_test", "pair/g_test"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("{folder}", "--data", "{data}", "--tasks", "stss"),
            1,
            "error: expected tasks among sts, sts_multi, ",
        ),
        (("{folder}",), 2, "Usage:"),
        (("{folder}", "--data", "{data}", "--mteb", "STSBenchmark"), 2, "Usage:"),
    ],
)
def test_wrong_calls(folder, tmp_path, arguments, code, message):
    data = write_data(tmp_path / "data")
    filled = [argument.format(folder=folder, data=data) for argument in arguments]
    result = run("evaluate", *filled, "-o", tmp_path / "results")
    assert result.returncode == code
    assert result.stderr.startswith(message)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("place", ["file", "file/results"])
def test_a_place_that_is_no_folder_is_one_line(folder, tmp_path, place):
    data = write_data(tmp_path / "data")
    (tmp_path / "file").touch()
    result = run("evaluate", folder, "--data", data, "-o", tmp_path / place)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: expected to use {tmp_path / place}, found ")
    assert result.stderr.count("\n") == 1


def test_a_home_is_found(teacher, tmp_path, monkeypatch):
    write_data(tmp_path / "data")
    monkeypatch.setenv("HOME", str(tmp_path))
    result = run("evaluate", "a=~/teacher", "--data", "~/data", "-o", "~/results", "--tasks", "pair")
    assert (result.returncode, result.stderr) == (0, "")
    assert {path.name for path in (tmp_path / "results").iterdir()} >= {"a.json", "scores.csv"}


def test_two_models_of_one_name_are_refused():
    with pytest.raises(
        ArgumentError, match=r"a name of its own for each model, found 'a' for x and y: name one"
    ):
        name_models(["a=x", "a=y"])


def test_mteb_missing_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "mteb", None)
    with pytest.raises(M2vOnnxError, match='run `pip install "mteb>=2"`'):
        evaluate_mteb({"a": Lookup({})}, tasks=["STSBenchmark"])


@pytest.mark.slow
def test_mteb_gives_our_scores(folder, tmp_path):
    """In an environment of its own: mteb brings another transformers."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv is not installed beside this Python: run `make test`")
    environment = ROOT / ".venv-mteb"
    python = environment / "bin/python"
    if not python.exists():
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, environment], check=True)
        install = [uv, "pip", "install", "-q", "--python", python, "mteb>=2", "--editable", ROOT]
        subprocess.run(install, check=True)
    data = write_data(tmp_path / "data")
    program = ROOT / "tests/evaluation/mteb_tasks.py"
    result = subprocess.run(
        [python, program, data / "sts/a_test.tsv", data / "retrieval/h", folder],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    by_mteb, ours = json.loads(result.stdout)
    assert by_mteb == pytest.approx(ours, abs=0.01)
