"""Text files: UTF-8, or an error that names the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from m2v_onnx.errors import FolderError

_Json = TypeVar("_Json", dict[str, Any], list[Any])


def read_text(path: Path) -> str:
    """Read a UTF-8 file.

    Raises:
        FolderError: when it cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FolderError(
            f"expected UTF-8 text in {path}, found other bytes ({error}): fetch the file again"
        ) from error
    except OSError as error:
        raise FolderError(f"expected to read {path}, found {error.strerror}: check the file") from error


def read_json(path: Path, kind: type[_Json]) -> _Json:
    """Read a JSON file whose outermost value is of the given kind.

    Raises:
        FolderError: when the file holds something else.
    """
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise FolderError(
            f"expected JSON in {path}, found damaged text ({error}): fetch the file again"
        ) from error
    if not isinstance(content, kind):
        raise FolderError(f"expected a JSON {kind.__name__} in {path}, found a {type(content).__name__}")
    return content
