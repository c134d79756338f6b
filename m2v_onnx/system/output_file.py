"""A file that a user names as an output: whole or not at all, and nothing else destroyed."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.system.drafts import draft_file
from m2v_onnx.system.text_files import STDIN

STDOUT = Path("-")


def check_output_file(path: Path, *, source: Path | None = None) -> None:
    """Refuse a place that no file can be written to, before any work is done.

    Args:
        path: the place; `-` is standard output.
        source: a file that is read meanwhile.

    Raises:
        ArgumentError: for a folder, a place without one, and the source itself.
    """
    if path == STDOUT:
        return
    if path.is_dir():
        raise ArgumentError(f"expected a file to write, found the folder {path}: name a file in it")
    if not path.resolve().parent.is_dir():
        raise ArgumentError(
            f"expected a folder for {path.name} at {path.resolve().parent}, found none: make it first"
        )
    is_file = source is not None and source != STDIN and source.exists() and _is_regular(path)
    if source is not None and is_file and source.samefile(path):
        raise ArgumentError(f"expected another file than the input to write, found {path}: name another")


@contextmanager
def open_output(path: Path) -> Iterator[BinaryIO]:
    """Open an output file for writing bytes.

    What is written appears whole or not at all, in the place of an older file. A link is followed. Into a
    pipe, a device or standard output (`-`) the bytes go as they come.

    Raises:
        FolderError: when the system refuses to write.
    """
    try:
        if path == STDOUT:
            if sys.stdout is None:
                raise OSError(errno.EBADF, "standard output closed")
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        elif path.exists() and not _is_regular(path):
            with path.open("wb") as file:
                yield file
        else:
            with draft_file(path.resolve()) as draft, draft.open("wb") as file:
                if path.exists():
                    shutil.copymode(path, draft)
                yield file
                file.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        place = "standard output" if path == STDOUT else path
        raise FolderError(
            f"expected to write {place}, found {error.strerror or error}: make room, or name another place"
        ) from error


def is_regular_file(file: BinaryIO) -> bool:
    """Tell whether an open file is a regular one: no pipe, device or terminal."""
    return stat.S_ISREG(os.fstat(file.fileno()).st_mode)


def is_stdout(file: BinaryIO) -> bool:
    """Tell whether an open file is standard output."""
    return sys.stdout is not None and file is sys.stdout.buffer


def _is_regular(path: Path) -> bool:
    return path.exists() and stat.S_ISREG(path.stat().st_mode)
