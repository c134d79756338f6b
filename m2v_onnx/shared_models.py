"""Models that a process loads once, and its threads share."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from m2v_onnx.folder.places import is_local
from m2v_onnx.model.quantization import Precision
from m2v_onnx.static_model import StaticModel

# As many as a search over a grid of options holds side by side.
_MOST_MODELS = 8


def absolute_name(name: str | Path) -> str:
    """Give a model's name for other folders and processes: its folder's whole path, or its Hub id.

    Raises:
        FolderError: when its folder cannot be read.
    """
    return str(Path(name).expanduser().resolve() if is_local(name) else name)


def load_shared(
    name: str | Path,
    *,
    precision: Precision | None = None,
    dims: int | None = None,
    normalize: bool | None = None,
) -> StaticModel:
    """Load a model: see `StaticModel.from_pretrained`. The same arguments give the same model.

    A folder that was exchanged for another since is loaded again.

    Raises:
        ArgumentError: for an option that is out of its range.
        FolderError: when there is no such model, or it is damaged.
    """
    name = absolute_name(name)
    found = Path(name).stat() if is_local(name) else None
    stamp = None if found is None else (found.st_dev, found.st_ino, found.st_mtime_ns)
    return _load(name, stamp, precision, dims, normalize)


@lru_cache(_MOST_MODELS)
def _load(
    name: str,
    _stamp: tuple[int, int, int] | None,
    precision: Precision | None,
    dims: int | None,
    normalize: bool | None,  # noqa: FBT001  # of the cache
) -> StaticModel:
    return StaticModel.from_pretrained(name, precision=precision, dims=dims, normalize=normalize)
