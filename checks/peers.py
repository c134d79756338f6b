"""What other libraries make of the folders of tests/peer_cases.py: `make peers` writes tests/data/peers.json.

Runs in an environment of its own, with torch, sentence-transformers, transformers and model2vec.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests import peer_cases  # noqa: E402  # found by the line above

Cases = dict[str, Callable[[Path], object]]
LIBRARIES = ("sentence-transformers", "transformers", "model2vec", "tokenizers", "torch")


def main() -> None:
    data = ROOT / "tests" / "data"
    with tempfile.TemporaryDirectory() as place:
        content = {
            "versions": {name: version(name) for name in LIBRARIES},
            "static": _ask(peer_cases.STATIC, _static, Path(place) / "static"),
        }
    torch.save({"embedding.weight": torch.arange(12.0).reshape(2, 6).T}, data / "pytorch_model.bin")
    (data / "peers.json").write_text(_one_line_a_case(content) + "\n", encoding="utf-8")


def _ask(cases: Cases, answer: Callable[[Path], object], place: Path) -> dict[str, object]:
    answers = {}
    for index, (name, write) in enumerate(cases.items()):
        folder = place / str(index)
        write(folder)
        answers[name] = answer(folder)
    return answers


def _static(folder: Path) -> list[list[float]]:
    return _rounded(SentenceTransformer(str(folder), device="cpu").encode(list(peer_cases.TEXTS)))


def _rounded(vectors: np.ndarray) -> list[list[float]]:
    return [[float(f"{value:.7g}") for value in vector] for vector in vectors]


def _one_line_a_case(content: dict[str, dict[str, object]]) -> str:
    groups = []
    for group, cases in content.items():
        lines = (
            f"  {json.dumps(k, ensure_ascii=False)}: {json.dumps(v, ensure_ascii=False)}"
            for k, v in cases.items()
        )
        groups.append(f" {json.dumps(group)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(groups) + "\n}"


if __name__ == "__main__":
    main()
