"""Hugging Face Hub repositories as local folders."""

from __future__ import annotations

import glob
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from m2v_onnx.errors import ArgumentError, M2vOnnxError
from m2v_onnx.system.hub_errors import UnreachableError, hub_errors, not_found

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_UPLOAD_REMEDIES: dict[int | None, str] = {
    401: "log in with `hf auth login`, or give a token that may write (--token, HF_TOKEN)",
    403: "give a token that may write to this owner's repositories, or name a repository of your own",
}


def looks_like_hub_id(name: str) -> bool:
    """Tell whether `name` may be a Hub repository: `name` or `owner/name`.

    >>> looks_like_hub_id("sentence-transformers/all-MiniLM-L6-v2"), looks_like_hub_id("./my-model")
    (True, False)
    """
    return _HUB_ID.fullmatch(name) is not None and not name.startswith(".")


@dataclass(frozen=True)
class HubPlace:
    """Where something lies in a repository, and where it is kept on this machine.

    Attributes:
        revision: branch, tag or commit; None for `main`.
        token: the Hub token; None for the one of `hf auth login`.
        subfolder: the folder in the repository; None for its root.
        cache_folder: where repositories are kept; None for the Hub's own cache.
        local_files_only: take what is kept, and do not ask the Hub.
    """

    revision: str | None = None
    token: str | None = None
    subfolder: str | None = None
    cache_folder: str | Path | None = None
    local_files_only: bool = False

    @property
    def prefix(self) -> str:
        """What the paths of all files begin with."""
        return f"{self.subfolder.strip('/')}/" if self.subfolder else ""


@dataclass(frozen=True)
class Repository:
    """A Hub repository; while the Hub cannot be reached, what its cache holds of one.

    Attributes:
        repo_id: `owner/name`, or `name`.
        files: the paths of its files, in the subfolder.
        place: where in it, and where here.
        cached: the folder in the cache, where the Hub cannot be reached or is not asked; else None.
    """

    repo_id: str
    files: tuple[str, ...]
    place: HubPlace
    cached: Path | None = None

    def fetch(self, patterns: Collection[str]) -> Path:
        """Download the files that match into the Hub cache; give their local folder.

        Raises:
            M2vOnnxError: when the Hub cannot be reached.
        """
        if self.cached is not None:
            return self.cached
        return download_folder(self.repo_id, list(patterns), self.place)

    def check_whole(self, *needed: str) -> None:
        """Refuse to go on with what the cache holds, where a file that is needed is not there.

        Raises:
            M2vOnnxError: naming the file.
        """
        lacking = sorted(set(needed) - set(self.files))
        if self.cached is not None and lacking:
            reason = "was not asked" if self.place.local_files_only else "cannot be reached"
            raise M2vOnnxError(
                f"expected all of {self.repo_id!r} in the Hub's cache, found {self.cached} without "
                f"{', '.join(lacking)}, and the Hub {reason}: check the network, or name a folder"
            )


def find_repository(repo_id: str, place: HubPlace) -> Repository:
    """Find a repository on the Hub, or in its cache while the Hub cannot be reached.

    Raises:
        M2vOnnxError: when there is no such repository or revision, or the Hub cannot be reached and the cache
            holds nothing of it.
    """
    from huggingface_hub import HfApi  # slow

    if place.local_files_only:
        cached = _cached_folder(repo_id, place)
        if cached is None:
            raise M2vOnnxError(
                f"expected {repo_id!r} in the Hub's cache, found nothing: load it once without "
                "local_files_only"
            )
        return Repository(repo_id, _files_in(cached), place, cached)
    try:
        files = HfApi(token=place.token).list_repo_files(repo_id, revision=place.revision)
    except hub_errors() as error:
        reason = not_found(repo_id, place.revision, error)
        cached = _cached_folder(repo_id, place) if isinstance(reason, UnreachableError) else None
        if cached is None:
            raise reason from error
        return Repository(repo_id, _files_in(cached), place, cached)
    found = (name.removeprefix(place.prefix) for name in files if name.startswith(place.prefix))
    return Repository(repo_id, tuple(found), place)


def download_folder(repo_id: str, file_patterns: list[str], place: HubPlace) -> Path:
    """Download the matching files of a Hub repository into the Hub cache; give their local folder.

    Raises:
        M2vOnnxError: when there is no such repository or revision, or the Hub cannot be reached.
    """
    from huggingface_hub import snapshot_download  # slow

    try:
        with _progress_bars(show=True):
            folder = snapshot_download(
                repo_id,
                revision=place.revision,
                token=place.token,
                cache_dir=place.cache_folder,
                allow_patterns=[place.prefix + pattern for pattern in file_patterns],
            )
    except hub_errors() as error:
        raise not_found(repo_id, place.revision, error) from error
    return Path(folder) / place.prefix


def _cached_folder(repo_id: str, place: HubPlace) -> Path | None:
    from huggingface_hub import snapshot_download  # slow

    try:
        folder = snapshot_download(
            repo_id, revision=place.revision, cache_dir=place.cache_folder, local_files_only=True
        )
    except hub_errors():
        return None
    found = Path(folder) / place.prefix
    return found if found.is_dir() else None


def _files_in(folder: Path) -> tuple[str, ...]:
    """Give the paths of all files."""
    return tuple(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()))


def check_repo_id(repo_id: str) -> None:
    """Refuse a name that no Hub repository can have.

    Raises:
        ArgumentError: with the Hub's rule.
    """
    from huggingface_hub.utils import validate_repo_id  # slow

    try:
        validate_repo_id(repo_id)
    except ValueError as error:
        raise ArgumentError(
            f"expected a Hub repository, name or owner/name, found {repo_id!r} ({error}): name another"
        ) from error


@dataclass(frozen=True)
class Upload:
    """Where on the Hub something goes, and how.

    Attributes:
        repo_id: `owner/name`, or `name` for a repository of one's own; made where there is none.
        private: whether a repository that is made is private; None for its owner's default.
        revision: the branch to commit to, made where there is none; None for `main`.
        token: a Hub token that may write; None for the one of `hf auth login`.
        show_progress_bar: show huggingface_hub's own progress bars, when stderr is a terminal.
    """

    repo_id: str
    private: bool | None = None
    revision: str | None = None
    token: str | None = None
    show_progress_bar: bool = False


def upload_folder(folder: Path, upload: Upload, *, files: Collection[str], replaced: Collection[str]) -> str:
    """Upload files of a folder to a Hub repository in one commit.

    Args:
        folder: where the files lie.
        upload: where to.
        files: their paths in the folder, as they are to be in the repository.
        replaced: patterns of files that are removed from the repository where the folder holds none of them.

    Returns:
        The address of the commit.

    Raises:
        ArgumentError: when no repository can have this name.
        M2vOnnxError: when the Hub refuses the upload or cannot be reached, or when the repository should be
            private and is public already.
    """
    from huggingface_hub import HfApi  # slow

    check_repo_id(upload.repo_id)
    api = HfApi(token=upload.token)
    repo_id = upload.repo_id
    try:
        repo_id = api.create_repo(repo_id, private=upload.private, exist_ok=True).repo_id
        if upload.private and not api.model_info(repo_id).private:
            raise M2vOnnxError(
                f"expected a private repository, found the public one {repo_id!r}: make it private in its "
                "settings, or upload without --private"
            )
        if upload.revision is not None:
            api.create_branch(repo_id, branch=upload.revision, exist_ok=True)
        with _progress_bars(show=upload.show_progress_bar):
            commit = api.upload_folder(
                repo_id=repo_id,
                folder_path=folder,
                revision=upload.revision,
                commit_message="Upload a static model with m2v-onnx",
                allow_patterns=[glob.escape(name) for name in files],
                delete_patterns=list(replaced),
            )
    except _upload_errors() as error:
        raise _not_uploaded(repo_id, error) from error
    return str(commit.commit_url)


@contextmanager
def _progress_bars(*, show: bool) -> Iterator[None]:
    """Take huggingface_hub's bars away while the block runs, unless somebody wants them and is looking."""
    from huggingface_hub.utils import (  # slow
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if (show and sys.stderr.isatty()) or are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _upload_errors() -> tuple[type[Exception], ...]:
    """Give what huggingface_hub raises while it uploads: a file's own error comes inside a RuntimeError."""
    from huggingface_hub import errors  # slow

    return (*hub_errors(), RuntimeError, getattr(errors, "XetError", RuntimeError))


def _not_uploaded(repo_id: str, error: Exception) -> M2vOnnxError:
    cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
    status = getattr(getattr(cause, "response", None), "status_code", None)
    remedy = _UPLOAD_REMEDIES.get(status, "mend what it names, or check the network, and upload again")
    said = getattr(cause, "server_message", None)
    is_raw = len(cause.args) > 1 and not getattr(cause, "strerror", None)  # others' errors inside a tuple
    words = "" if is_raw else " ".join(str(cause).split())
    reason = f"HTTP {status}, {said}" if said else words or type(cause).__name__
    return M2vOnnxError(f"expected to upload the model to {repo_id!r}, found {reason}: {remedy}")
