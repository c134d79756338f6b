"""Hugging Face Hub repositories as local folders."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from m2v_onnx.errors import M2vOnnxError

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")


def looks_like_hub_id(name: str) -> bool:
    """Tell whether `name` may be a Hub repository: `name` or `owner/name`.

    >>> looks_like_hub_id("sentence-transformers/all-MiniLM-L6-v2"), looks_like_hub_id("./my-model")
    (True, False)
    """
    return _HUB_ID.fullmatch(name) is not None and not name.startswith(".")


def list_files(repo_id: str, *, revision: str | None, token: str | None) -> list[str]:
    """List the files of a Hub repository.

    Raises:
        M2vOnnxError: when there is no such repository or revision, or the Hub cannot be reached.
    """
    from huggingface_hub import HfApi

    try:
        return HfApi(token=token).list_repo_files(repo_id, revision=revision)
    except _hub_errors() as error:
        raise _not_found(repo_id, revision, error) from error


def download_folder(
    repo_id: str, file_patterns: list[str], *, revision: str | None, token: str | None
) -> Path:
    """Download the matching files of a Hub repository into the Hub cache; give their local folder.

    Raises:
        M2vOnnxError: when there is no such repository or revision, or the Hub cannot be reached.
    """
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(repo_id, revision=revision, token=token, allow_patterns=file_patterns)
    except _hub_errors() as error:
        raise _not_found(repo_id, revision, error) from error
    return Path(folder)


def cached_folder(repo_id: str, *, revision: str | None) -> Path | None:
    """Give what the Hub cache holds of a repository; None where it holds nothing."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(repo_id, revision=revision, local_files_only=True))
    except _hub_errors():
        return None


def _hub_errors() -> tuple[type[Exception], ...]:
    """Give what huggingface_hub raises: OSErrors up to 0.36, since then those of its HTTP library as well."""
    libraries = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    return (OSError, ValueError, *(library.HTTPError for library in libraries if library is not None))


def _not_found(repo_id: str, revision: str | None, error: Exception) -> M2vOnnxError:
    where = repo_id if revision is None else f"{repo_id} at revision {revision}"
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return M2vOnnxError(
        f"expected a local folder or a Hugging Face Hub id, found neither for {where!r} ({reason}): "
        "check the spelling and the network; a private repository needs a token (`hf auth login`)"
    )
