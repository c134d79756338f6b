"""What every program here does around its engine: read the texts, write the vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np


def answer(
    folder: Path, answer_path: Path, *, package: str, embed: Callable[[list[str]], np.ndarray]
) -> None:
    """Embed the texts of a folder's goldens, and write the vectors."""
    goldens = json.loads((folder / "goldens.json").read_text(encoding="utf-8"))
    vectors = np.asarray(embed(goldens["texts"]), np.float32)
    content = {"version": version(package), "vectors": vectors.tolist()}
    answer_path.write_text(json.dumps(content), encoding="utf-8")
