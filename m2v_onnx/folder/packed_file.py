"""A file, plain or packed by gzip, xz or zip, as a stream of what is in it."""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from m2v_onnx.errors import FolderError

# The last is what a zip archive by an unknown method gives.
_DAMAGES = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
_MAGIC = {"gzip": b"\x1f\x8b", "xz": b"\xfd7zXZ\0", "zip": b"PK\x03\x04"}


def find_packing(path: Path) -> str | None:
    """Tell how a file is packed, by its first bytes; None for a plain one."""
    with path.open("rb") as file:
        first = file.read(max(map(len, _MAGIC.values())))
    return next((name for name, magic in _MAGIC.items() if first.startswith(magic)), None)


@contextmanager
def open_packed(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, plain or packed, to read its bytes from the first on.

    Args:
        path: the file; its name does not matter. A zip archive holds one file.

    Raises:
        FolderError: when it cannot be read, is damaged, or is an archive of another number of files; this is
            true within the block, too.
    """
    packing = None
    try:
        packing = find_packing(path)
        with _open(path, packing) as file:
            yield file
    except (*_DAMAGES, gzip.BadGzipFile) as error:
        raise FolderError(
            f"expected a whole {packing} file in {path}, found a damaged one ({error}): fetch the file again"
        ) from error
    except OSError as error:
        raise FolderError(
            f"expected a file of word vectors at {path}, found {error.strerror}: check the path"
        ) from error


@contextmanager
def _open(path: Path, packing: str | None) -> Iterator[IO[bytes]]:
    if packing == "zip":
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive, path)) as member:
            yield member
        return
    if packing == "gzip":
        with gzip.open(path) as unzipped:
            yield cast(IO[bytes], unzipped)
    elif packing == "xz":
        with lzma.open(path) as unpacked:
            yield unpacked
    else:
        with path.open("rb") as file:
            yield file


def _only_member(archive: zipfile.ZipFile, path: Path) -> zipfile.ZipInfo:
    # What macOS adds to an archive is no file of the archive.
    files = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
    if len(files) != 1:
        names = ", ".join(member.filename for member in files) or "none"
        raise FolderError(
            f"expected one file in the archive {path}, found {names}: unpack it, and name one of them"
        )
    if files[0].flag_bits & 1:
        raise FolderError(f"expected an open archive in {path}, found an encrypted one: unpack it")
    return files[0]
