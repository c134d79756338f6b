"""Code that lies in the current folder is not run, and onnxruntime keeps no record."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from m2v_onnx.errors import TeacherError
from m2v_onnx.teacher.exporter import convert_tokenizer, export_teacher

POISONS = ("torch", "numpy", "transformers", "onnx", "onnxruntime", "tokenizers", "typer", "argparse")


@pytest.fixture
def poisoned(tmp_path, monkeypatch) -> Path:
    """A current folder with a teacher's configuration and modules that say that they were run."""
    folder = tmp_path / "poisoned"
    folder.mkdir()
    for name in POISONS:
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write({name!r})\n")
    (folder / "config.json").write_text('{"model_type": "no-such-type"}')
    monkeypatch.chdir(folder)
    monkeypatch.setenv("M2V_ONNX_CACHE", str(tmp_path / "cache"))
    return folder


def test_a_tokenizer_is_converted_by_installed_code(poisoned, tmp_path):
    pytest.importorskip("transformers", reason="needs the extra optimum")
    with pytest.raises(TeacherError, match="the teacher in . cannot be used: expected a tokenizer.json or"):
        convert_tokenizer(Path(), tmp_path / "tokenizer.json", trust_remote_code=False)
    assert not (tmp_path / "executed").exists()


@pytest.mark.slow
def test_a_teacher_is_exported_by_installed_code(poisoned, tmp_path):
    pytest.importorskip("optimum", reason="needs the extra optimum")
    with pytest.raises(TeacherError, match="a model_type in config.json that transformers .* knows, found"):
        export_teacher(Path(), trust_remote_code=False, show_progress_bar=False)
    assert not (tmp_path / "executed").exists()


def test_the_program_is_run_by_installed_code(poisoned, folder, tmp_path):
    (poisoned / "texts.txt").write_text("sun\n")
    command = [sys.executable, "-m", "m2v_onnx", "encode", str(folder), "texts.txt"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("module", ["m2v_onnx.system.onnx_runtime", "m2v_onnx.teacher.session"])
def test_onnxruntime_keeps_no_record(tmp_path, module):
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    code = f"import {module}, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout == "1\n"
    assert list(tmp_path.rglob("*onnxruntime*")) == []


def test_what_the_user_has_set_stays(tmp_path):
    code = "import m2v_onnx.system.onnx_runtime, os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "0", "XDG_CACHE_HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout == "0\n"


def test_only_one_module_imports_onnxruntime():
    package = Path(__file__).parents[2] / "m2v_onnx"
    importing = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(
            line.strip().startswith(("import onnxruntime", "from onnxruntime"))
            for line in path.read_text(encoding="utf-8").splitlines()
        )
    ]
    assert importing == ["system/onnx_runtime.py"]
