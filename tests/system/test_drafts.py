"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from m2v_onnx.system.drafts import draft_file, draft_folder

HOLD = """
import sys
from pathlib import Path
from m2v_onnx.system.drafts import draft_file, draft_folder
with {"file": draft_file, "folder": draft_folder}[sys.argv[1]](Path(sys.argv[2])) as draft:
    print(draft, flush=True)
    sys.stdin.read()
"""
needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="Windows locks no folders")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def hold(kind, path):
    """Give a process that writes a draft, and waits."""
    command = [sys.executable, "-c", HOLD, kind, str(path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child.stdout.readline()
    return child


def write(kind, path):
    if kind == "file":
        with draft_file(path) as draft:
            draft.write_text("new")
    else:
        with draft_folder(path) as draft:
            draft.rename(path)


def test_a_file_takes_its_place_at_the_end(tmp_path):
    (tmp_path / "a").write_text("old")
    with draft_file(tmp_path / "a") as draft:
        draft.write_text("new")
        assert draft.name.startswith(f".a.{os.getpid()}-")
        assert (tmp_path / "a").read_text() == "old"
    assert (tmp_path / "a").read_text() == "new"
    assert names(tmp_path) == ["a"]


def test_an_error_leaves_what_was_there(tmp_path):
    (tmp_path / "a").write_text("old")

    def fail():
        with draft_file(tmp_path / "a") as draft:
            draft.write_text("new")
            raise KeyError("b")

    with pytest.raises(KeyError, match="b"):
        fail()
    assert (tmp_path / "a").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_folder_that_is_not_renamed_goes(tmp_path):
    with draft_folder(tmp_path / "deep" / "a") as draft:
        (draft / "b").write_text("c")
    assert names(tmp_path / "deep") == []


@needs_locks
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_draft_of_a_killed_writer_goes_with_the_next_write(tmp_path, kind):
    child = hold(kind, tmp_path / "a")
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert len(names(tmp_path)) == 1
    write(kind, tmp_path / "a")
    assert names(tmp_path) == ["a"]


@needs_locks
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_draft_of_a_living_writer_stays(tmp_path, kind):
    child = hold(kind, tmp_path / "a")
    (draft,) = names(tmp_path)
    write(kind, tmp_path / "a")
    assert names(tmp_path) == sorted([draft, "a"])
    child.communicate("")
    assert names(tmp_path) == ["a"]


@needs_locks
def test_the_files_of_others_stay(tmp_path):
    others = [".a.draft", ".a.notes.draft", ".ab.1-01234567.draft", "a.1-01234567.draft", ".a.1-01234567"]
    for name in others:
        (tmp_path / name).write_text("mine")
    write("file", tmp_path / "a")
    assert names(tmp_path) == sorted([*others, "a"])
