"""The formats of files of records, and how a name tells them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from m2v_onnx.errors import ArgumentError, check_choice

Format = Literal["parquet", "arrow", "jsonl", "csv", "txt", "npy"]
FORMATS: tuple[Format, ...] = get_args(Format)
# Of these, files may be compressed by gzip.
TEXT_FORMATS: tuple[Format, ...] = ("jsonl", "csv", "txt")


def find_format(
    path: Path, *, given: str | None = None, option: str | None = None, otherwise: Format
) -> Format:
    """Tell a file's format.

    Args:
        path: the file; its suffix says it, as in `a.jsonl` and `a.jsonl.gz`.
        given: the format that the user named, which goes before the suffix; None for none.
        option: how the user may name it, for messages; None where that cannot be.
        otherwise: the format of a pipe, a device, standard input or output without such a suffix.

    Raises:
        ArgumentError: for an unknown format or suffix.

    >>> find_format(Path("a.csv.gz"), otherwise="txt")
    'csv'
    """
    if given is not None:
        check_choice(option or "format", given, FORMATS)
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    allowed = FORMATS if plain is path else TEXT_FORMATS
    name = given or plain.suffix[1:]
    found = next((one for one in allowed if one == name), None)
    if found is not None:
        return found
    if given is None and (path == Path("-") or (path.exists() and not path.is_file())):
        return otherwise
    remedy = "rename it" if option is None else f"rename it, or name its format by {option}"
    raise ArgumentError(
        f"expected a name that ends in {', '.join('.' + one for one in FORMATS)}, or in .gz behind "
        f"{', '.join(TEXT_FORMATS)}, found {path}: {remedy}"
    )
