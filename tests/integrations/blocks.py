"""The blocks of docs/integrations.md, and running one."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np

from m2v_onnx import StaticModel
from m2v_onnx.model.config import ModelConfig
from tests.builders import word_piece
from tests.environments import ROOT
from tests.integrations.environments import ENVIRONMENT_OF, install

_SECTION = re.compile(r"^(?:# Integrations|### (.+?))\n(.*?)(?=^#{1,3} |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a block leaves behind is compared: the vectors that came back, and what is nearest to the first text.
_COMPARE = """
import numpy as _np
_names = globals()
assert "vectors" in _names or "nearest" in _names
if "vectors" in _names:
    _found = _np.array([_np.asarray(vector, _np.float64) for vector in vectors])
    _expected = StaticModel.from_pretrained("my-model").encode(texts)
    assert _found.shape == _expected.shape and _np.abs(_found - _expected).max() <= 1e-6, _found - _expected
if "nearest" in _names:
    assert nearest.rstrip("!") == texts[0], nearest
print("compared")
"""


def read_blocks() -> dict[str, str]:
    """Give each section's program, with the lines that all begin with."""
    document = (ROOT / "docs/integrations.md").read_text(encoding="utf-8")
    programs = {name: "\n".join(_BLOCK.findall(text)) for name, text in _SECTION.findall(document)}
    begin = programs.pop("")
    return {name: f"{begin}\n{program}" for name, program in programs.items()}


def write_letters_model(folder: Path) -> None:
    """Write a model that has a vector for any text of small letters: a row of noise for each letter."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{letter}" for letter in letters), ".")
    table = np.random.default_rng(0).normal(size=(len(tokens), 16)).astype(np.float32)
    config = ModelConfig(normalize=True)
    StaticModel(table=table, tokenizer=word_piece(tokens), config=config).save_pretrained(folder)


def run_program(environment: str, program: str, folder: Path) -> str:
    """Run a program in an environment, in a folder that holds `my-model`; give what it printed.

    Raises:
        AssertionError: with its last words, when it failed.
    """
    variables = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(folder / "hub"),
        "TOKENIZERS_PARALLELISM": "false",
    }
    command = [install(environment), "-W", "ignore", "-c", program]
    result = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=600
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout


def check_block(name: str, folder: Path) -> None:
    """Run a section's program, and compare what it leaves behind with `encode`."""
    printed = run_program(ENVIRONMENT_OF[name], read_blocks()[name] + _COMPARE, folder)
    assert printed.endswith("compared\n"), printed
