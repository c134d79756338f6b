"""What the README.md of a model says of its origin, in the metadata at its head."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from m2v_onnx.folder.names import CARD_NAME
from m2v_onnx.model.config import Provenance
from m2v_onnx.system.text_files import read_text

_FENCE = "---"
_KEY = re.compile(r"([A-Za-z_]+):(?:\s+(.*))?")
_ITEM = re.compile(r"\s*-\s+(.*)")


def read_provenance(folder: Path) -> Provenance:
    """Read license, language and base model; of a README without metadata, or of none, nothing.

    Raises:
        FolderError: when the README is no text.
    """
    path = folder / CARD_NAME
    values = dict(_read_metadata(read_text(path))) if path.exists() else {}
    return Provenance(
        base_model=_first(values.get("base_model")),
        license=_first(values.get("license")),
        license_name=_first(values.get("license_name")),
        license_link=_first(values.get("license_link")),
        language=tuple(values.get("language", ())),
    )


def _read_metadata(text: str) -> Iterator[tuple[str, list[str]]]:
    """Read the part of YAML that such metadata need: keys with a value, or with a list of values."""
    head, *lines = text.removeprefix("\ufeff").splitlines() or [""]
    if head.strip() != _FENCE:
        return
    key, values = "", list[str]()
    for line in lines:
        if match := _KEY.fullmatch(line.rstrip()):
            yield key, values
            key, values = match[1], _split(match[2] or "")
        elif line.strip() == _FENCE:
            break
        elif match := _ITEM.fullmatch(line):
            values.append(_scalar(match[1]))
    yield key, values


def _split(value: str) -> list[str]:
    value = value.strip()
    items = value[1:-1].split(",") if value.startswith("[") and value.endswith("]") else [value]
    return [scalar for scalar in map(_scalar, items) if scalar not in ("", "null", "~")]


def _scalar(value: str) -> str:
    """Take quotes and a comment away.

    >>> _scalar("'mit'  # as it was"), _scalar("apache-2.0")
    ('mit', 'apache-2.0')
    """
    return re.sub(r"\s+#.*", "", value).strip().strip("'\"")


def _first(values: list[str] | None) -> str | None:
    return values[0] if values else None
