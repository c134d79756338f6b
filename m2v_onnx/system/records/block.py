"""Some records of a file, and which of them are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from m2v_onnx.errors import ArgumentError
from m2v_onnx.system.records.formats import Format

# As many records as pay a call, and no more characters than a thread's share of the memory.
BLOCK_RECORDS = 8192
BLOCK_CHARACTERS = 1 << 23

Row = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A file of records.

    Attributes:
        path: the file; `-` is standard input.
        format: its format.
        text_column: the column or field that holds the text.
        columns: the columns to keep, in this order; None for all.
        options: how a user may name some of these columns, where it is not --text-column and --columns.
    """

    path: Path
    format: Format
    text_column: str = "text"
    columns: tuple[str, ...] | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def check_names(self, names: Sequence[str], place: str) -> None:
        """Refuse a file that lacks the text's column or one to keep, or has two of one name.

        Raises:
            ArgumentError: naming the column.
        """
        if self.columns is None and len(set(names)) < len(names):
            raise ArgumentError(
                f"expected columns of different names in {place}, found {', '.join(names)}: mend it, or name "
                "those to keep with --columns"
            )
        wanted = dict.fromkeys(self.columns or (), "--columns") | {self.text_column: "--text-column"}
        check_columns(names, {**wanted, **self.options}, place)


def check_columns(names: Sequence[str], wanted: Mapping[str, str], place: str) -> None:
    """Refuse a table that lacks a column, or has two of its name.

    Args:
        names: the columns that there are.
        wanted: those to read, each with the option that names it.
        place: the file, for the message.

    Raises:
        ArgumentError: naming the column.
    """
    for name, option in wanted.items():
        if names.count(name) != 1:
            there = "two of them" if name in names else ", ".join(names) or "none"
            raise ArgumentError(
                f"expected a column {name!r} in {place}, found {there}: name another with {option}"
            )


@dataclass(frozen=True)
class Block:
    """Some records.

    Attributes:
        texts: the text of each; a null is "".
        n_nulls: how many texts were null.
        records: the columns to keep: a dictionary for each record, or a pyarrow.RecordBatch.
        header: the names of these columns; None in JSON lines, where each record has its own.
        place: the file, and where in it, for messages.
        n_bytes: about how much of the file they take.
    """

    texts: list[str]
    n_nulls: int
    records: list[Row] | Any
    header: list[str] | None
    place: str
    n_bytes: int

    def __len__(self) -> int:
        """Give the number of records."""
        return len(self.texts)


def without_nulls(texts: list[str | None]) -> tuple[list[str], int]:
    """Put "" in the place of None, and count them.

    >>> without_nulls(["sun", None])
    (['sun', ''], 1)
    """
    n_nulls = texts.count(None)
    return (["" if text is None else text for text in texts] if n_nulls else list(texts)), n_nulls  # type: ignore[arg-type]


def cut(
    records: Iterable[tuple[str | None, Row, int]], source: Source, header: list[str] | None
) -> Iterator[Block]:
    """Gather records into blocks; each is given with its text and its size in bytes.

    A header without records gives a block without records.
    """
    texts: list[str | None] = []
    rows: list[Row] = []
    n_before = n_bytes = n_characters = 0
    for text, row, size in records:
        texts.append(text)
        rows.append(row)
        n_bytes += size
        n_characters += len(text or "")
        if len(texts) == BLOCK_RECORDS or n_characters >= BLOCK_CHARACTERS:
            yield _block(texts, rows, header, n_bytes, n_before, source)
            n_before += len(texts)
            texts, rows, n_bytes, n_characters = [], [], 0, 0
    if texts or (header is not None and n_before == 0):
        yield _block(texts, rows, header, n_bytes, n_before, source)


def _block(
    texts: list[str | None],
    rows: list[Row],
    header: list[str] | None,
    n_bytes: int,
    n_before: int,
    source: Source,
) -> Block:
    known, n_nulls = without_nulls(texts)
    place = f"records {n_before + 1:,} to {n_before + len(texts):,} of {source.path}"
    return Block(known, n_nulls, rows, header, place, n_bytes)
