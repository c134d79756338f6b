"""Writing a folder all or nothing."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from m2v_onnx.errors import FolderError
from m2v_onnx.folder.names import EMBEDDED_GRAPHS, is_graph_file, is_model_entry
from m2v_onnx.folder.reading import is_model_folder
from m2v_onnx.system.drafts import draft_folder


def check_output(path: Path, *, force: bool, source: str | Path | None = None) -> None:
    """Refuse an output path that is in use for something else than a static model.

    Args:
        path: the place.
        force: take a folder with other files, and the source, too.
        source: the model that the new one is made from.

    Raises:
        FolderError: naming what is there.
    """
    if source is not None and not force and path.exists() and path.resolve() == Path(source).resolve():
        raise FolderError(
            f"expected another folder than that of the model, found {path} for both: name another, or "
            "replace the model (--force)"
        )
    if path.exists() and not path.is_dir():
        raise FolderError(f"expected a folder to write the model into, found the file {path}: name another")
    if Path.cwd().is_relative_to(path.resolve()):
        raise FolderError(
            f"expected a folder to exchange as a whole, found the current one, {path}: work outside it"
        )
    if path.is_dir() and any(path.iterdir()) and not is_model_folder(path) and not force:
        raise FolderError(
            f"expected a new or empty folder or an older static model, found other files in {path}: "
            "name another folder, or force it (--force) to replace those with the names of a model's files"
        )


@contextmanager
def replace_folder(path: Path, *, force: bool = False, least_bytes: int = 0) -> Iterator[Path]:
    """Give an empty draft folder that takes the place of `path` when the block ends without an error.

    The exchange is one step of the file system where it has one (Linux, macOS), so that a kill at any
    moment leaves the old folder or the new one; elsewhere it is two renames. Files of the old folder that
    are no part of a model are carried over.

    Args:
        path: the folder.
        force: see `check_output`.
        least_bytes: room that there must be before the block begins.

    Raises:
        FolderError: see `check_output`; where the place cannot be written, or has no room.
    """
    check_output(path, force=force)
    path = path.resolve()
    try:
        with draft_folder(path, least_bytes=least_bytes) as draft:
            yield draft
            if path.exists():
                _carry_over(path, draft)
                _exchange(draft, path)
            else:
                draft.rename(path)
    except OSError as error:
        raise FolderError(
            f"expected to write the model beside {path}, found {error.strerror or error}: make room, "
            "or name another place"
        ) from error


def _carry_over(old: Path, new: Path) -> None:
    for entry in old.iterdir():
        if entry.name == EMBEDDED_GRAPHS and entry.is_dir():
            for file in entry.iterdir():
                if not is_graph_file(file):
                    (new / EMBEDDED_GRAPHS).mkdir(exist_ok=True)
                    _keep(file, new / EMBEDDED_GRAPHS)
        elif not is_model_entry(entry):
            _keep(entry, new)


def _keep(entry: Path, folder: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.copytree(entry, folder / entry.name, symlinks=True, copy_function=link_or_copy)
    else:
        link_or_copy(str(entry), str(folder / entry.name))


def link_or_copy(source: str, target: str) -> None:
    """Give a file a second name, or, where that cannot be, a copy."""
    try:
        os.link(source, target, follow_symlinks=False)
    except (OSError, NotImplementedError):  # a system without hard links
        shutil.copy2(source, target, follow_symlinks=False)


def _exchange(draft: Path, path: Path) -> None:
    if _exchange_in_one_step(os.fsencode(draft), os.fsencode(path)):
        return
    aside = draft.with_suffix(".old")
    path.rename(aside)
    try:
        draft.rename(path)
    except OSError:
        aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange_in_one_step(draft: bytes, path: bytes) -> bool:
    """Swap two paths by renameat2(RENAME_EXCHANGE) or renamex_np(RENAME_SWAP); False where there is none."""
    if sys.platform == "win32":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        at_cwd, exchange = -100, 2
        return bool(libc.renameat2(at_cwd, draft, at_cwd, path, exchange) == 0)
    if hasattr(libc, "renamex_np"):
        swap = 2
        return bool(libc.renamex_np(draft, path, swap) == 0)
    return False
