"""What a teacher's vectors depend on, as a hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from m2v_onnx.system.onnx_file import external_data_names
from m2v_onnx.teacher.sentence_vectors import SentenceHead

_CHUNK_BYTES = 1 << 20


def hash_teacher(onnx_path: Path, head: SentenceHead, *, width: int) -> hashlib._Hash:
    """Hash the bytes of a transformer, wherever they lie, and what stands behind it.

    Args:
        onnx_path: its file.
        head: what follows, known by what it makes of some numbers.
        width: d, the numbers of a hidden state.
    """
    digest = hashlib.sha256()
    for path in (onnx_path, *(onnx_path.parent / name for name in external_data_names(onnx_path))):
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    digest.update(f"{head.pooling} {head.n_prompt}".encode())
    states = np.random.default_rng(0).normal(size=(1, head.n_prompt + 3, width)).astype(np.float32)
    digest.update(head(states).tobytes())
    return digest
