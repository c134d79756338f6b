"""Entries of a folder that are no regular files, made for a test alone; and a user with fewer rights."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_NULL, _ZERO, _FULL = os.makedev(1, 3), os.makedev(1, 5), os.makedev(1, 7)
_NOBODY = 65534


def make_device(path: Path, number: int) -> Path:
    """Make a character device of one's own: only root may, and not on every file system."""
    if not hasattr(os, "mknod") or os.geteuid() != 0:
        pytest.skip("only root may make a device")
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, number)
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        pytest.skip(f"no devices here: {error}")
    return path


def make_null(path: Path) -> Path:
    return make_device(path, _NULL)


def make_zero(path: Path) -> Path:
    return make_device(path, _ZERO)


def make_full(path: Path) -> Path:
    return make_device(path, _FULL)


def make_fifo(path: Path) -> Path:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with names here")
    os.mkfifo(path)
    return path


@contextmanager
def without_rights(folder: Path) -> Iterator[None]:
    """Let the block run as a user who owns nothing; root passes by all rights."""
    if not hasattr(os, "seteuid"):
        pytest.skip("no users here")
    if os.geteuid() != 0:
        yield
        return
    temporary = Path(tempfile.gettempdir())
    for parent in folder.parents:  # pytest closes its folders to others
        if parent.is_relative_to(temporary) and parent != temporary:
            parent.chmod(0o755)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
