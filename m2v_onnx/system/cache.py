"""The user's cache folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from m2v_onnx.system.drafts import draft_file


def cache_folder() -> Path:
    """Give the user's cache folder for m2v-onnx; the variable M2V_ONNX_CACHE overrides it."""
    if os.environ.get("M2V_ONNX_CACHE"):
        return Path(os.environ["M2V_ONNX_CACHE"]).expanduser()
    if sys.platform == "win32" and "LOCALAPPDATA" in os.environ:
        return Path(os.environ["LOCALAPPDATA"]) / "m2v-onnx"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "m2v-onnx"


def save_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write a `.npy` file, whole or not at all, with the folders that it lies in.

    Raises:
        OSError: when it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft_file(path) as draft, draft.open("wb") as file:
        np.save(file, array)
