"""Progress is shown where somebody looks, and notes go where stderr goes."""

from __future__ import annotations

import io
import logging
import sys
import types

import pytest

from m2v_onnx.cli.output import show_notes
from m2v_onnx.system.progress import is_watched, track


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


def test_notes_follow_stderr(monkeypatch):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    logger = logging.getLogger("m2v_onnx")
    monkeypatch.setattr(logger, "level", logger.level)
    show_notes(quiet=False)
    for _ in range(2):
        stderr = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stderr)
        logger.warning("a note")
        assert stderr.getvalue() == "a note\n"
