"""The formats of files of records, and how a name tells them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from m2v_onnx.errors import ArgumentError, check_choice
from m2v_onnx.system.text_files import STDIN

OutputFormat = Literal["parquet", "arrow", "jsonl", "csv", "txt", "npy"]
Format = Literal["parquet", "arrow", "jsonl", "csv", "tsv", "txt", "npy"]
OUTPUT_FORMATS: tuple[Format, ...] = get_args(OutputFormat)
# Of these, files may be compressed by gzip.
TEXT_FORMATS: tuple[Format, ...] = ("jsonl", "csv", "tsv", "txt")


def find_input_format(path: Path, *, given: str | None = None, option: str | None = None) -> Format:
    """Tell the format of a file to read; that of a pipe, a device or standard input is `txt`.

    Args:
        path: the file; its suffix says it, as in `a.jsonl` and `a.jsonl.gz`.
        given: the format that the user named, which goes before the suffix; None for none.
        option: how the user may name it, for messages; None where that cannot be.

    Raises:
        ArgumentError: for a file that is not there, and an unknown format or suffix.

    >>> find_input_format(Path("-"))
    'txt'
    """
    check_there(path)
    return _find(path, given, option, get_args(Format), "txt")


def find_output_format(path: Path, *, given: str | None = None, otherwise: Format) -> Format:
    """Tell the format of a file to write.

    Args:
        path: the file; its suffix says it, as in `a.jsonl` and `a.jsonl.gz`.
        given: what the user named by --output-format, which goes before the suffix; None for none.
        otherwise: the format of a pipe, a device and standard output.

    Raises:
        ArgumentError: for an unknown format or suffix, and one that is only read.

    >>> find_output_format(Path("a.csv.gz"), otherwise="npy")
    'csv'
    """
    return _find(path, given, "--output-format", OUTPUT_FORMATS, otherwise)


def check_there(path: Path) -> None:
    """Refuse a file to read that is not there; `-` is standard input.

    Raises:
        ArgumentError: naming it.
    """
    try:
        if path != STDIN:
            path.stat()
    except OSError as error:
        raise ArgumentError(f"expected to read {path}, found {error.strerror}: check the path") from error


def _find(
    path: Path, given: str | None, option: str | None, formats: tuple[Format, ...], otherwise: Format
) -> Format:
    if given is not None:
        check_choice(option or "format", given, formats)
    packed = [one for one in formats if one in TEXT_FORMATS]
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    name = given or plain.suffix[1:]
    found = next((one for one in (formats if plain is path else packed) if one == name), None)
    if found is not None:
        return found
    if given is None and (path == STDIN or (path.exists() and not path.is_file())):
        return otherwise
    remedy = "rename it" if option is None else f"rename it, or name its format by {option}"
    raise ArgumentError(
        f"expected a name that ends in {', '.join('.' + one for one in formats)}, or in .gz behind "
        f"{', '.join(packed)}, found {path}: {remedy}"
    )
