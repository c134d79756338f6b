"""Values of a JSON file, checked for what they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from m2v_onnx.errors import FolderError

_KINDS = {str: "a text", int: "a whole number", bool: "true or false", dict: "an object", list: "a list"}

_Value = TypeVar("_Value")
_Default = TypeVar("_Default")


def read_value(
    content: Mapping[str, Any], key: str, kind: type[_Value], path: Path, *, default: _Default
) -> _Value | _Default:
    """Read a value of a JSON object; null counts as not said.

    Raises:
        FolderError: when it is of another kind.
    """
    value = content.get(key)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise FolderError(f"{key} in {path} must be {_KINDS[kind]}, found {value!r:.60}: mend the file")
    return value
