"""What a newcomer reads: whole in 80 columns, in a C locale, without a home, on a full disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from m2v_onnx.errors import TeacherError
from m2v_onnx.system.cache import cache_folder
from m2v_onnx.teacher.exporter import export_teacher
from tests.builders import tiny_model
from tests.faults.nodes import make_full, without_rights

COMMANDS = ["distill", "export", "verify", "push", "encode", "search", "inspect", "evaluate"]
C_LOCALE = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

posix_alone = pytest.mark.skipif(sys.platform == "win32", reason="no locales, terminals and devices as here")


def run(*arguments, stdout=subprocess.PIPE, **environment) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "m2v_onnx", *arguments]
    settings = {**os.environ, **environment}
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False, env=settings)


def show(*arguments, columns: int = 80) -> str:
    """Run a command in a terminal, and give what stands there."""
    import pty  # not on Windows

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "m2v_onnx", *map(str, arguments)]
    settings = {**os.environ, "TERM": "dumb", "COLUMNS": str(columns)}
    child = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=settings)
    os.close(theirs)
    found = b""
    try:
        while block := os.read(ours, 1 << 16):
            found += block
    except OSError:  # the terminal is closed
        pass
    os.close(ours)
    assert child.wait() == 0
    return found.decode().replace("\r\n", "\n")


class TestEightyColumns:
    @posix_alone
    @pytest.mark.parametrize("command", COMMANDS)
    def test_help_fits(self, command):
        found = show(command, "--help")
        assert max(map(len, found.split("\n"))) <= 80
        assert "…" not in found.replace("retrieval/, …", "")  # no name is cut

    @posix_alone
    def test_help_of_distill_is_by_topic_and_has_defaults(self):
        found = show("distill", "--help")
        titles = [line.split()[1:-1] for line in found.split("\n") if line.startswith("╭─")]
        assert [" ".join(words) for words in titles] == [
            "Arguments",
            "Options",
            "Vocabulary",
            "The table",
            "The fit",
            "Vectors",
            "The teacher",
            "Graphs",
        ]
        assert "word<TAB>count" in found
        assert found.count("[default: ") >= 18

    @posix_alone
    def test_verify_fits(self, tmp_path):
        graphs, precisions = ("ids", "text", "codepoints", "tokenizer"), ("fp32", "int8", "int4")
        tiny_model(normalize=True).save_pretrained(tmp_path / "m", graphs=graphs, precisions=precisions)
        lines = show("verify", tmp_path / "m").rstrip().split("\n")
        assert len(lines) == 1 + 3 * 3 + 1
        assert max(map(len, lines)) <= 80
        assert {line.split()[-1] for line in lines[1:]} == {"fine"}
        assert "onnx/model_codepoints_quantized.onnx" in {line.split()[0] for line in lines}


@posix_alone
class TestCLocale:
    def test_a_text_is_read_as_utf_8(self, folder):
        result = run("inspect", str(folder), "--text", "möon", **C_LOCALE)
        assert (result.returncode, result.stderr) == (0, b"")
        assert "möon" in result.stdout.decode()

    def test_a_column_is_read_as_utf_8(self, folder, tmp_path):
        (tmp_path / "t.jsonl").write_text('{"tëxt": "sun"}\n', encoding="utf-8")
        result = run("encode", str(folder), str(tmp_path / "t.jsonl"), "--column", "tëxt", **C_LOCALE)
        assert (result.returncode, result.stderr) == (0, b"")
        assert json.loads(result.stdout) == {"tëxt": "sun", "embedding": [3.0, 4.0]}

    @pytest.mark.parametrize("name", ["nöwhere", "没有"])
    def test_an_error_shows_a_name_as_it_is(self, name):
        result = run("inspect", f"./{name}", **C_LOCALE)
        assert result.returncode == 1
        assert result.stderr.decode().endswith(f"found nothing at {name}\n")

    def test_bytes_that_are_no_text_are_shown(self):
        result = run("inspect", b"./caf\xe9", **C_LOCALE)
        assert result.returncode == 1
        assert result.stderr.decode().endswith("found nothing at caf\\xe9\n")


class TestNoHome:
    def test_models_need_none(self, folder, tmp_path):
        (tmp_path / "t.txt").write_text("sun\n")
        nowhere = str(tmp_path / "closed/home")
        (tmp_path / "closed").write_text("a file")
        result = run("encode", str(folder), str(tmp_path / "t.txt"), HOME=nowhere, XDG_CACHE_HOME="")
        assert (result.returncode, result.stderr) == (0, b"")

    def test_a_teacher_to_export_is_refused_before_the_work(self, tmp_path, monkeypatch):
        pytest.importorskip("optimum", reason="needs the extra optimum")
        (tmp_path / "teacher").mkdir()
        (tmp_path / "teacher/config.json").write_text("{}")
        (tmp_path / "home").mkdir(mode=0o555)
        monkeypatch.setenv("M2V_ONNX_CACHE", str(tmp_path / "home/cache"))
        message = (
            "expected to write the exported teacher below .*, found Permission denied: .*M2V_ONNX_CACHE to"
        )
        with without_rights(tmp_path / "teacher"), pytest.raises(TeacherError, match=message):
            export_teacher(tmp_path / "teacher", trust_remote_code=False, show_progress_bar=False)

    def test_an_empty_variable_is_none(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.delenv("LOCALAPPDATA", raising=False)
        monkeypatch.setenv("M2V_ONNX_CACHE", "")
        assert cache_folder() == tmp_path / "m2v-onnx"
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("M2V_ONNX_CACHE", "~/mine")
        assert cache_folder() == tmp_path / "mine"


class TestFullDisk:
    @posix_alone
    def test_many_vectors_to_standard_output(self, folder, tmp_path):
        (tmp_path / "t.txt").write_text("sun\n" * 5000)  # more than what is written at the end
        with make_full(tmp_path / "full").open("wb") as full:
            result = run("encode", str(folder), str(tmp_path / "t.txt"), stdout=full)
        assert result.returncode == 1
        assert result.stderr == (
            b"error: expected to write standard output, found No space left on device: make room, or name "
            b"another place\n"
        )

    def test_room_for_an_exported_teacher_is_asked_for_before_the_work(self, tmp_path, monkeypatch):
        pytest.importorskip("optimum", reason="needs the extra optimum")
        (tmp_path / "teacher").mkdir()
        (tmp_path / "teacher/config.json").write_text("{}")
        (tmp_path / "teacher/model.safetensors").write_bytes(b"0" * 900_000)
        monkeypatch.setenv("M2V_ONNX_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": 300_000}))
        message = (
            r"below .*teachers, found 0.3 MB free of 0.9 MB that are needed: make room, or set the variable"
        )
        with pytest.raises(TeacherError, match=message):
            export_teacher(tmp_path / "teacher", trust_remote_code=False, show_progress_bar=False)
        assert list((tmp_path / "cache/teachers").iterdir()) == []


NOTEBOOK = """
import io, sys, types
sys.modules["ipykernel"], sys.modules["ipywidgets"] = types.ModuleType("ipykernel"), None
sys.stderr = io.StringIO()
from m2v_onnx.system.progress import track
with track("Counting", total=2, unit="things", show=True) as advance:
    advance(2)
print("Counting" in sys.stderr.getvalue() and "2/2" in sys.stderr.getvalue())
"""


def test_a_notebook_without_widgets_shows_a_bar():
    command = [sys.executable, "-W", "error", "-c", NOTEBOOK]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("True\n", "")
