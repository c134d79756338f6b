"""Files and folders that appear whole or not at all: written under a draft's name, then renamed."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where the drafts of killed writers stay
    fcntl = None  # type: ignore[assignment]


@contextmanager
def draft_folder(path: Path, *, least_bytes: int = 0) -> Iterator[Path]:
    """Give a new folder beside `path`, which is removed behind the block unless the block has renamed it.

    Drafts of `path` whose writers were killed are removed first.

    Args:
        path: the place.
        least_bytes: room that there must be.

    Raises:
        OSError: when the place cannot be written, or has no room.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent)) from error
    with _draft(path, Path.mkdir) as draft:
        free = shutil.disk_usage(draft).free
        if free < least_bytes:
            found = f"{free / 1e6:,.1f} MB free of {least_bytes / 1e6:,.1f} MB that are needed"
            raise OSError(errno.ENOSPC, found, str(path.parent))
        yield draft


@contextmanager
def draft_file(path: Path) -> Iterator[Path]:
    """Give a new empty file beside `path`, which takes its place when the block ends without an error.

    Drafts of `path` whose writers were killed are removed first.

    Raises:
        OSError: when the place cannot be written.
    """
    with _draft(path, Path.touch) as draft:
        yield draft
        draft.replace(path)


@contextmanager
def _draft(path: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """Make a draft and lock it; remove it behind the block, and also where a signal ends its making.

    The system takes the lock off when the process ends, however that ends. The number of a process would not
    do: containers that share a disk number their own.
    """
    sweep(path)
    draft, lock, is_locked = path, None, False
    try:
        while not is_locked:
            draft = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.draft")
            make(draft)
            try:
                lock = _lock(draft)
            except OSError:  # a file system without locks
                break
            is_locked = fcntl is None or (lock is not None and draft.exists())
            if not is_locked and lock is not None:  # else another process holds it, which sweeps
                os.close(lock)
                lock = None
        yield draft
    finally:
        if draft is not path:
            _remove(draft)
        if lock is not None:
            os.close(lock)


def sweep(path: Path) -> None:
    """Remove the drafts of a place whose writers are gone."""
    name = re.compile(rf"\.{re.escape(path.name)}\.\d+-[0-9a-f]{{8}}\.draft")
    with suppress(OSError):  # a folder that may be written and not listed
        for entry in path.parent.iterdir():
            if name.fullmatch(entry.name):
                lock = _lock(entry)
                if lock is not None:
                    _remove(entry)
                    os.close(lock)


def _lock(draft: Path) -> int | None:
    """Lock a draft, and give what holds the lock; None where another process does, or it is gone.

    Raises:
        OSError: on a file system without locks.
    """
    if fcntl is None:
        return None
    try:
        descriptor = os.open(draft, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return descriptor


def _remove(draft: Path) -> None:
    if draft.is_dir():
        shutil.rmtree(draft, ignore_errors=True)
    else:
        with suppress(OSError):  # never there, because its place cannot be written
            draft.unlink(missing_ok=True)
