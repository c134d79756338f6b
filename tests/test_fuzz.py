"""A minute of `make fuzz`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_nothing_wrong_comes_out_in_a_minute():
    options = ["--texts", "10000", "--folders", "40", "--inputs", "300", "--kills", "4"]
    command = [sys.executable, "-m", "checks.fuzz", *options]
    result = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith("seed ")
    rows = [line for line in result.stdout.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[-1] for row in rows[2:]] == ["0 |"] * 9
