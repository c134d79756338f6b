"""Whether a file that is mapped into memory is still what it was."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from m2v_onnx.errors import FolderError


class FileWatch:
    """A file that must not be written to while it is mapped; another file may take its place.

    A copy of what was mapped needs none: pickled or copied deeply, this is None.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._descriptor)
        self._seen = self._look()

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Give None."""
        return type(None), ()

    def check(self) -> None:
        """Refuse to go on where the file was written to.

        Raises:
            FolderError: saying so.
        """
        if self._look() != self._seen:
            raise FolderError(
                f"expected {self._path} as it was when the model was loaded, found it written to: load the "
                "model again, and exchange a model's folder instead of writing into its files, or load it "
                "with memory_map=False"
            )

    def is_in_place(self) -> bool:
        """Tell whether its path still leads to this file, and to what it was."""
        try:
            is_same = os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:  # gone
            return False
        return is_same and self._look() == self._seen

    def _look(self) -> tuple[int, int]:
        found = os.fstat(self._descriptor)
        return found.st_size, found.st_mtime_ns


def watch_mapped(array: npt.NDArray[Any]) -> FileWatch | None:
    """Watch the file that an array is mapped from; None for an array in memory."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.filename is not None:
            return FileWatch(Path(base.filename))
        base = base.base
    return None
