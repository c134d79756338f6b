"""What a teacher said before, in the user's cache folder: known again by what it was asked."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import FolderError
from m2v_onnx.system.cache import save_array
from m2v_onnx.tokenizer.token_ids import TokenIds


class VectorCache:
    """A folder of `.npy` files, each what a teacher gave for some token sequences.

    Args:
        folder: one for each teacher; made when it is needed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, kind: str, sequences: TokenIds) -> Path:
        """Give the file for what a teacher gives for some sequences.

        Args:
            kind: what it gives.
            sequences: what it is asked.
        """
        digest = hashlib.blake2b(kind.encode(), digest_size=16)
        digest.update(sequences.offsets.tobytes())
        digest.update(sequences.ids.tobytes())
        return self._folder / f"{digest.hexdigest()}.npy"

    def holds(self, path: Path, n_rows: int) -> bool:
        """Tell whether a file is there, whole, with so many rows."""
        try:
            return len(np.load(path, mmap_mode="r")) == n_rows
        except (OSError, ValueError, EOFError):  # none, or damaged: made anew
            return False

    def save(self, path: Path, vectors: npt.NDArray[np.floating]) -> None:
        """Write a file, whole or not at all.

        Raises:
            FolderError: when the cache cannot be written.
        """
        try:
            save_array(path, vectors)
        except OSError as error:
            raise FolderError(
                f"expected to keep a teacher's vectors in {path.parent}, found {error.strerror or error}: "
                "make room, or set the variable M2V_ONNX_CACHE to a folder that you may write"
            ) from error
