"""What is written: where it is told, whole or not at all, nothing else destroyed, nothing left behind."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from m2v_onnx import StaticModel
from m2v_onnx.arrow.files import Wanted, plan_files
from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.folder.replacement import replace_folder
from m2v_onnx.system.output_file import check_output_file
from m2v_onnx.system.records.npy import write_npy
from tests.builders import tiny_model, write_tiny_teacher
from tests.faults.nodes import make_fifo, make_full, make_null, without_rights

VECTORS = np.arange(4, dtype=np.float32).reshape(2, 2)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signals, pipes and devices as here")


def run(*arguments, **options) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "m2v_onnx", *map(str, arguments)]
    return subprocess.run(
        command, capture_output="stdout" not in options, check=False, timeout=120, **options
    )


@pytest.fixture
def texts(tmp_path) -> Path:
    (tmp_path / "texts.txt").write_text("sun\nmoon\n")
    return tmp_path / "texts.txt"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@contextmanager
def files_of_at_most(n_bytes):
    """Let the system refuse longer files, as a full disk does; Python ignores the signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestVectors:
    def test_a_device_stays_a_device(self, tmp_path, folder, texts):
        null = make_null(tmp_path / "null")
        result = run("encode", folder, texts, "--output", null)
        assert (result.returncode, result.stderr) == (0, b"")
        assert stat.S_ISCHR(null.stat().st_mode)
        (tmp_path / "link.npy").symlink_to(null)
        assert write_npy(tmp_path / "link.npy", [VECTORS], dim=2) == 2
        assert stat.S_ISCHR(null.stat().st_mode)
        assert names(tmp_path) == ["link.npy", "model", "null", "texts.txt"]

    def test_a_full_device_is_one_error(self, tmp_path):
        full = make_full(tmp_path / "full.npy")
        with pytest.raises(
            FolderError, match="expected to write .*full.npy, found No space left on device: m"
        ):
            write_npy(full, [VECTORS], dim=2)

    @pytest.mark.parametrize("name", ["pipe", "pipe.npy"])
    def test_a_pipe_is_written_through(self, tmp_path, name):
        pipe = make_fifo(tmp_path / name)
        writer = threading.Thread(target=write_npy, args=(pipe, [VECTORS, VECTORS]), kwargs={"dim": 2})
        writer.start()
        content = pipe.read_bytes()
        writer.join()
        (tmp_path / "got.npy").write_bytes(content)
        np.testing.assert_array_equal(np.load(tmp_path / "got.npy"), np.concatenate([VECTORS, VECTORS]))
        assert stat.S_ISFIFO(pipe.stat().st_mode)

    def test_a_link_is_followed(self, tmp_path):
        (tmp_path / "far").mkdir()
        (tmp_path / "far/v.npy").write_bytes(b"old")
        (tmp_path / "far/v.npy").chmod(0o640)
        (tmp_path / "link.npy").symlink_to("far/v.npy")
        write_npy(tmp_path / "link.npy", [VECTORS], dim=2)
        assert (tmp_path / "link.npy").is_symlink()
        np.testing.assert_array_equal(np.load(tmp_path / "far/v.npy"), VECTORS)
        assert stat.S_IMODE((tmp_path / "far/v.npy").stat().st_mode) == 0o640
        assert names(tmp_path / "far") == ["v.npy"]

    def test_a_link_to_nothing_makes_its_file(self, tmp_path):
        (tmp_path / "link.npy").symlink_to("v.npy")
        write_npy(tmp_path / "link.npy", [VECTORS], dim=2)
        np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), VECTORS)

    @pytest.mark.parametrize("kind", ["itself", "link", "second name"])
    def test_the_input_is_no_output(self, tmp_path, kind):
        source = tmp_path / "texts.npy"
        source.write_text("sun\n")
        output = source if kind == "itself" else tmp_path / "other.npy"
        if kind == "link":
            output.symlink_to(source)
        elif kind == "second name":
            os.link(source, output)
        with pytest.raises(ArgumentError, match="expected another file than the input to write, found .*npy"):
            check_output_file(output, source=source)

    @pytest.mark.parametrize("place", [".", "", "folder"])
    def test_a_folder_is_no_output(self, tmp_path, place):
        (tmp_path / "folder").mkdir()
        with pytest.raises(
            ArgumentError, match="expected a file to write, found the folder .*: name a file in"
        ):
            write_npy(tmp_path / place, [VECTORS], dim=2)

    @pytest.mark.parametrize("name", ["v.npz", "v.npy.gz", "v.parquet.gz", "v.gz"])
    def test_another_suffix_is_refused(self, tmp_path, texts, name):
        with pytest.raises(ArgumentError, match=f"expected a name that ends in .parquet, .*found .*{name}: "):
            plan_files([texts], tmp_path / name, Wanted())
        assert names(tmp_path) == ["texts.txt"]

    def test_a_folder_that_may_not_be_written(self, tmp_path):
        (tmp_path / "closed").mkdir(mode=0o555)
        with (
            without_rights(tmp_path / "closed"),
            pytest.raises(FolderError, match="expected to write .*v.npy, found Permission denied: make room"),
        ):
            write_npy(tmp_path / "closed/v.npy", [VECTORS], dim=2)

    @pytest.mark.parametrize("n_bytes", [0, 64, 4096, 100_000])
    def test_a_full_disk_is_one_error_and_leaves_the_old_file(self, tmp_path, n_bytes):
        write_npy(tmp_path / "v.npy", [VECTORS], dim=2)
        with (
            files_of_at_most(n_bytes),
            pytest.raises(FolderError, match="expected to write .*v.npy, found File too large: make room"),
        ):
            write_npy(tmp_path / "v.npy", [np.zeros((20_000, 2), np.float32)] * 9, dim=2)
        np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), VECTORS)
        assert names(tmp_path) == ["v.npy"]

    def test_standard_output(self, tmp_path, folder, texts):
        result = run("encode", folder, texts, "--output", "-")
        assert (result.returncode, result.stderr) == (0, b"")
        (tmp_path / "got.npy").write_bytes(result.stdout)
        np.testing.assert_array_equal(np.load(tmp_path / "got.npy"), [[3, 4], [0, 2]])


class TestStandardOutput:
    @pytest.mark.parametrize("arguments", [["encode", "{folder}", "{texts}"], ["encode", "{folder}", "-"]])
    def test_a_closed_one_is_an_error(self, folder, texts, arguments):
        filled = [one.format(folder=folder, texts=texts) for one in arguments]
        command = ["sh", "-c", 'exec "$@" >&- <"$0"', str(texts), sys.executable, "-m", "m2v_onnx", *filled]
        result = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        assert result.returncode == 1
        assert result.stderr == (
            "error: expected standard output to write to, found it closed: name a file (--output)\n"
        )

    @pytest.mark.parametrize(
        "arguments", [["--version"], ["inspect", "{folder}"], ["encode", "{folder}", "{texts}"]]
    )
    def test_a_full_one_is_an_error(self, tmp_path, folder, texts, arguments):
        full = make_full(tmp_path / "full")
        filled = [one.format(folder=folder, texts=texts) for one in arguments]
        with full.open("wb") as file:
            result = run(*filled, stdout=file, stderr=subprocess.PIPE)
        assert result.returncode == 1
        assert result.stderr.decode().startswith("error: expected ")
        assert "No space left on device" in result.stderr.decode()
        assert result.stderr.count(b"\n") == 1

    @pytest.mark.parametrize("name", ["modèle", "模型", "caf\udce9"])
    def test_paths_that_are_no_ascii_in_a_c_locale(self, tmp_path, folder, name):
        settings = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        environment = {**os.environ, **settings}
        place = tmp_path / name
        result = run("export", folder, place, env=environment)
        assert (result.returncode, result.stderr) == (0, b"")
        assert os.fsencode(place) in result.stdout
        assert StaticModel.from_pretrained(place).dim == 2
        (tmp_path / "texts.txt").write_text("möon\n")
        result = run("encode", place, tmp_path / "texts.txt", env=environment)
        assert result.returncode == 0
        assert json.loads(result.stdout)["text"] == "möon"


class TestFolders:
    @pytest.mark.parametrize("n_bytes", [0, 100, 5000])
    def test_a_full_disk_leaves_the_old_model(self, folder, n_bytes):
        before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        with (
            files_of_at_most(n_bytes),
            pytest.raises(FolderError, match="expected to write .*: make room|name a"),
        ):
            tiny_model(normalize=True).save_pretrained(folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
        assert names(folder.parent) == ["model"]

    def test_room_is_asked_for_before_the_work(self, tmp_path):
        def write():
            with replace_folder(tmp_path / "m", least_bytes=10**18):
                raise AssertionError("the work began")

        with pytest.raises(
            FolderError,
            match=r"beside .*m, found [\d,.]+ MB free of 1,000,000,000,000.0 MB that are needed: make",
        ):
            write()
        assert names(tmp_path) == []

    def test_a_place_that_may_not_be_written_is_known_before_the_work(self, tmp_path):
        (tmp_path / "closed").mkdir(mode=0o555)

        def write():
            with replace_folder(tmp_path / "closed/m"):
                raise AssertionError("the work began")

        with (
            without_rights(tmp_path / "closed"),
            pytest.raises(
                FolderError, match="expected to write the model beside .*m, found Permission denied"
            ),
        ):
            write()


# A model is written again and again, or vectors are, until somebody ends the program.
SAVE = """
import sys
from tests.builders import tiny_model
while True:
    tiny_model().save_pretrained(sys.argv[1] + "/out")
"""


def start(kind, folder, place):
    root = Path(__file__).parents[2]
    if kind == "save":
        command = [sys.executable, "-c", SAVE, str(place)]
    elif kind == "distill":
        teacher = write_tiny_teacher(folder.parent / "teacher")
        command = [
            sys.executable,
            "-m",
            "m2v_onnx",
            "distill",
            str(teacher),
            str(place / "out"),
            "--pca-dims=2",
        ]
    elif kind == "export":
        command = [sys.executable, "-m", "m2v_onnx", "export", str(folder), str(place / "out")]
    else:
        command = [sys.executable, "-m", "m2v_onnx", "encode", str(folder), "-", "-o", str(place / "out.npy")]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=root
    )


@contextmanager
def not_ignored(number):
    """Let a signal end children that are started in the block, also where the tests run under nohup."""
    if number == signal.SIGKILL:
        yield
        return
    handler = signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, handler)


@pytest.mark.parametrize("kind", ["save", "export", "distill", "encode"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_an_end_leaves_no_drafts_behind_the_next_write(folder, tmp_path, kind, number):
    place = tmp_path / "place"
    place.mkdir()
    with not_ignored(number):
        child = start(kind, folder, place)
    if kind == "encode":
        child.stdin.write(b"sun\n" * 10_000)
        child.stdin.flush()
    while not list(place.iterdir()) and child.poll() is None:
        time.sleep(0.001)
    child.send_signal(number)
    _, errors = child.communicate(timeout=60)
    assert b"Traceback" not in errors
    drafts = [name for name in names(place) if name.startswith(".")]
    assert drafts == [] or number == signal.SIGKILL or kind == "save"  # a program of others ends at once
    if kind == "encode":
        write_npy(place / "out.npy", [VECTORS], dim=2)
        assert names(place) == ["out.npy"]
    else:
        tiny_model().save_pretrained(place / "out")
        assert names(place) == ["out"]
