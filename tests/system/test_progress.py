"""Progress is shown where somebody looks, and notes go where stderr goes."""

from __future__ import annotations

import io
import logging
import sys
import types

import pytest

from m2v_onnx.cli.output import show_notes
from m2v_onnx.system.progress import is_watched, track, track_records


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stderr", "has_notebook", "expected"),
    [
        (io.StringIO(), False, False),
        (Terminal(), False, True),
        (io.StringIO(), True, True),
        (None, True, False),
    ],
)
def test_who_looks(monkeypatch, stderr, has_notebook, expected):
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    if has_notebook:
        monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    assert is_watched() is expected


def test_a_bar_is_drawn_on_a_terminal_alone(monkeypatch):
    for stderr in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stderr)
        with track("Counting", total=2, unit="things", show=True) as advance:
            advance(1)
        assert ("Counting" in stderr.getvalue()) is stderr.isatty()


@pytest.mark.parametrize("n_bytes", [2000, None])
def test_records_and_bytes_are_counted(monkeypatch, n_bytes):
    for stderr in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stderr)
        monkeypatch.setenv("COLUMNS", "120")
        with track_records("Encoding", n_bytes=n_bytes, show=True) as advance:
            advance(1000, 1234)
            advance(500, 10)
        assert ("1,244 rows" in stderr.getvalue()) is stderr.isatty()
        assert ("1.5/2.0 kB" in stderr.getvalue()) is (stderr.isatty() and n_bytes is not None)


def test_notes_follow_stderr(monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    logger = logging.getLogger("m2v_onnx")
    show_notes(quiet=False)
    for _ in range(2):
        stderr = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stderr)
        logger.warning("a note")
        assert stderr.getvalue() == "a note\n"
