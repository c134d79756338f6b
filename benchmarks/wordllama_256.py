"""WordLlama's own 256-dimensional model, for `m2v-onnx evaluate python:benchmarks.wordllama_256.model`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import wordllama

PACKAGE = Path(wordllama.__file__).parent


class WordLlama256:
    """The model that the package on PyPI holds; it looks for its tokenizer elsewhere unless told."""

    size_bytes = (PACKAGE / "weights/l2_supercat_256.safetensors").stat().st_size

    def __init__(self) -> None:
        self._model = wordllama.WordLlama.load(cache_dir=PACKAGE, disable_download=True)

    def encode(self, texts: list[str]) -> np.ndarray:
        """Give (B, 256) float32."""
        return self._model.embed(texts)


model = WordLlama256()
