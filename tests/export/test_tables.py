"""The tables of a tokenizer know no graph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import m2v_onnx.export.tables

FOLDER = Path(m2v_onnx.export.tables.__file__).parent


def test_they_load_neither_onnx_nor_a_file_that_writes_nodes():
    names = [f"m2v_onnx.export.tables.{path.stem}" for path in FOLDER.glob("*.py") if path.stem != "__init__"]
    script = f"import {', '.join(names)}, sys\nprint(*sys.modules, sep='\\n')"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules = set(result.stdout.split())
    assert modules.issuperset(names)
    assert len(names) > 5
    assert not {"onnx", "m2v_onnx.export.nodes", "m2v_onnx.export.text", "m2v_onnx.export.ids"} & modules
