"""The image's steps, as far as they run without Docker: what is copied is there, and what is run works."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.servers import running

ROOT = Path(__file__).parents[2]


def steps() -> list[tuple[str, str]]:
    """Give the instructions, in their order, with continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def copies() -> list[list[str]]:
    """Give the sources of each copy from the repository."""
    words = [argument.split() for name, argument in steps() if name == "COPY"]
    return [sources[:-1] for sources in words if not sources[0].startswith("--from")]


def test_there_are_two_stages_and_the_second_is_nobodys():
    names = [name for name, _ in steps()]
    assert names.count("FROM") == 2
    last = steps()[len(names) - names[::-1].index("FROM") - 1 :]
    assert [argument for name, argument in last if name == "USER"] == ["server"]
    assert "gcc" not in str(last)
    assert last[-1] == ("CMD", '["/model"]')


def test_what_is_copied_is_there_and_not_ignored():
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = {name for copy in copies() for name in copy}
    assert sources == kept
    assert [name for name in sources if not (ROOT / name).exists()] == []


def test_the_command_and_the_check_of_its_health_work(tiny_folders, tmp_path):
    found = dict(steps())
    command = [*json.loads(found["ENTRYPOINT"]), *json.loads(found["CMD"])]
    assert command == ["m2v-onnx", "serve", "--host", "0.0.0.0", "--port", "8000", "/model"]
    check = json.loads(found["HEALTHCHECK"].partition("CMD ")[2])
    with running(tmp_path, tiny_folders / "raw", options=("--host", "0.0.0.0")) as server:
        check[0], check[2] = sys.executable, check[2].replace(":8000", f":{server.port}")
        assert subprocess.run(check, check=False, timeout=60).returncode == 0
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=60) == 0
    assert subprocess.run(check, check=False, timeout=60, capture_output=True).returncode == 1


@pytest.mark.slow
def test_the_steps_of_the_build_give_a_server(tiny_folders, tmp_path):
    """In a folder with what is copied alone; the installer is uv, the commands are the file's own."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv is not installed beside this Python: run `make test`")
    source, place = tmp_path / "source", tmp_path / "installed"
    source.mkdir()
    ignored = shutil.ignore_patterns("__pycache__", "*.so")
    for name in (name for copy in copies() for name in copy):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source / name)
    runs = [argument for name, argument in steps() if name == "RUN" and "/opt/m2v-onnx" in argument]
    assert len(runs) == 2
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    arguments = shlex.split(runs[1].partition(" install ")[2].replace("--no-cache-dir ", ""))
    install = [uv, "pip", "install", "--quiet", "--python", place / "bin/python", *arguments]
    subprocess.run(install, check=True, cwd=source)
    code = "from m2v_onnx.runtime.row_mean import CompiledMean as c; print(c.is_available())"
    result = subprocess.run(
        [place / "bin/python", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert result.stdout == ("True\n" if shutil.which("cc") else "False\n")
    command = [place / "bin/m2v-onnx", "serve", "--port", "0", tiny_folders / "raw"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as server:
        assert re.fullmatch(r"raw at http://127\.0\.0\.1:\d+/v1\n", server.stdout.readline())
        server.terminate()
    assert server.returncode == 0
