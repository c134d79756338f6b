"""Where a model's folder lies."""

from __future__ import annotations

from pathlib import Path

from m2v_onnx.model.quantization import Precision
from m2v_onnx.system.text_files import readable


def is_local(path_or_id: str | Path) -> bool:
    """Tell whether a model's name is a path at which there is something; else it is one on the Hub.

    Raises:
        FolderError: when that cannot be read.
    """
    path = Path(path_or_id).expanduser()
    with readable(path):
        return path.exists()


def local_folder(
    path_or_id: str | Path,
    *,
    precision: Precision | None = None,
    revision: str | None = None,
    token: str | None = None,
    subfolder: str | None = None,
    cache_folder: str | Path | None = None,
    local_files_only: bool = False,
) -> Path:
    """Give a local folder as it is, or the one that a Hub repository is downloaded to.

    Args:
        path_or_id: a local folder or file, or a Hub id.
        precision: whose ids graph a download brings along; None for float32.
        revision: branch, tag or commit of the Hub repository.
        token: the Hub token for a private repository.
        subfolder: where in the folder or repository the model lies.
        cache_folder: where repositories of the Hub are kept; None for the Hub's own cache.
        local_files_only: take what that cache holds, and do not ask the Hub.

    Raises:
        FolderError: when there is no such folder or repository.
    """
    if is_local(path_or_id):
        return Path(path_or_id).expanduser() / (subfolder or "")
    from m2v_onnx.folder.on_the_hub import download_model  # slow, and seldom needed
    from m2v_onnx.system.hub import HubPlace

    place = HubPlace(revision, token, subfolder, cache_folder, local_files_only)
    return download_model(path_or_id, place, precision=precision)
