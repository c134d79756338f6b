"""Text files: UTF-8, or an error that names the line; JSON."""

from __future__ import annotations

import errno
import gzip
import io
import json
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

from m2v_onnx.errors import FolderError, M2vOnnxError

_Json = TypeVar("_Json", dict[str, Any], list[Any])

STDIN = Path("-")
_BOM = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"
# More than a book; a file without line ends must not fill the memory.
_MOST_LINE_BYTES = 1 << 24


@contextmanager
def readable(path: Path, *, error: type[M2vOnnxError] = FolderError) -> Iterator[None]:
    """Turn what the system raises in the block, while files of `path` are read, into an error of ours."""
    try:
        yield
    except OSError as failure:
        raise error(
            f"expected to read {failure.filename or path}, found {failure.strerror or failure}: check its "
            "rights and its disk"
        ) from failure


def check_regular(path: Path) -> None:
    """Refuse what is no regular file, or no link to one: a pipe would be waited for, a device has no end.

    Raises:
        FolderError: for a folder, pipe, socket or device, and where nothing can be read.
    """
    with readable(path):
        is_regular = stat.S_ISREG(path.stat().st_mode)
    if not is_regular:
        raise FolderError(f"expected a regular file at {path}, found another kind of entry: take it away")


def read_text(path: Path, *, error: type[M2vOnnxError] = FolderError) -> str:
    """Read a UTF-8 file of a model's folder; a byte order mark is left out.

    Args:
        path: the file.
        error: what is raised when it cannot be read, or is no UTF-8.
    """
    try:
        check_regular(path)
    except FolderError as failure:
        raise error(str(failure)) from failure
    with readable(path, error=error):
        content = path.read_bytes()
    return decode(content.removeprefix(_BOM), path, error=error)


def read_lines(
    path: Path, *, error: type[M2vOnnxError], advance: Callable[[int], None] | None = None
) -> Iterator[str]:
    """Give the lines of a UTF-8 file, plain or gzip, with their ends; only line feeds end a line.

    Args:
        path: the file, a pipe or a device; `-` is standard input.
        error: what is raised when it cannot be read, is no UTF-8, or has no end of a line for too long.
        advance: called with the number of bytes of each line.
    """
    try:
        with _open(path) as file:
            lines = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == _GZIP_MAGIC else file
            number = 0
            while line := lines.readline(_MOST_LINE_BYTES + 1):
                number += 1
                if len(line) > _MOST_LINE_BYTES:
                    raise error(
                        f"expected lines of up to {_MOST_LINE_BYTES >> 20} MiB in {path}, found a longer "
                        f"one, line {number}: split it"
                    )
                if advance is not None:
                    advance(len(line))
                content = line.removeprefix(_BOM) if number == 1 else line
                yield decode(content, path, error=error, first_line=number)
    except (EOFError, zlib.error, gzip.BadGzipFile) as failure:
        raise error(
            f"expected a whole gzip file in {path}, found a damaged one ({failure}): fetch it again"
        ) from failure
    except OSError as failure:
        found = failure.strerror or failure
        raise error(f"expected to read {path}, found {found}: check the path") from failure


def decode(content: bytes, path: Path, *, error: type[M2vOnnxError], first_line: int = 1) -> str:
    """Decode lines of a UTF-8 file.

    Args:
        content: the lines.
        path: where they are from.
        error: what is raised where they are no UTF-8.
        first_line: the number of the first of them.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as failure:
        line_number = first_line + content.count(b"\n", 0, failure.start)
        raise error(
            f"expected UTF-8 text in {path}, found other bytes in line {line_number}: convert it, for "
            "instance by iconv -t utf-8"
        ) from failure


def read_json(path: Path, kind: type[_Json], *, error: type[M2vOnnxError] = FolderError) -> _Json:
    """Read a JSON file whose outermost value is of the given kind.

    Args:
        path: the file.
        kind: `dict` or `list`.
        error: what is raised when the file cannot be read, or holds something else.
    """
    content = parse_json(read_text(path, error=error), str(path), error=error)
    if not isinstance(content, kind):
        raise error(f"expected a JSON {kind.__name__} in {path}, found a {type(content).__name__}")
    return content


def parse_json(text: str, place: str, *, error: type[M2vOnnxError]) -> Any:  # noqa: ANN401  # JSON
    """Give the value of a JSON text.

    Args:
        text: the text.
        place: where it is from, for messages.
        error: what is raised for damaged text, and for a value that is nested too deeply.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as failure:
        raise error(
            f"expected JSON in {place}, found damaged text ({failure}): fetch the file again, or mend it"
        ) from failure


def _open(path: Path) -> io.BufferedReader:
    if path != STDIN:
        return path.open("rb")
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input closed")
    return cast("io.BufferedReader", sys.stdin.buffer)
