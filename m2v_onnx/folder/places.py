"""Where a model's folder lies."""

from __future__ import annotations

from pathlib import Path

from m2v_onnx.model.quantization import Precision
from m2v_onnx.system.text_files import readable


def local_folder(
    path_or_id: str | Path,
    *,
    precision: Precision | None = None,
    revision: str | None = None,
    token: str | None = None,
) -> Path:
    """Give a local folder as it is, or the one that a Hub repository is downloaded to.

    Args:
        path_or_id: a local folder or file, or a Hub id.
        precision: whose ids graph a download brings along; None for float32.
        revision: branch, tag or commit of the Hub repository.
        token: the Hub token for a private repository.

    Raises:
        FolderError: when there is no such folder or repository.
    """
    path = Path(path_or_id).expanduser()
    with readable(path):
        if path.exists():
            return path
    from m2v_onnx.folder.on_the_hub import download_model  # slow, and seldom needed
    from m2v_onnx.system.hub import HubPlace

    return download_model(path_or_id, HubPlace(revision, token), precision=precision)
