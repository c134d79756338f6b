"""Files of records in, the same records with their vectors out."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from glob import glob
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal, cast

from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.static_model import StaticModel
from m2v_onnx.system.cores import count_cores
from m2v_onnx.system.output_file import STDOUT, check_output_file, open_output
from m2v_onnx.system.progress import AdvanceRecords
from m2v_onnx.system.records.block import Block, Source
from m2v_onnx.system.records.formats import TEXT_FORMATS, Format, find_input_format, find_output_format
from m2v_onnx.system.records.reading import read_blocks
from m2v_onnx.system.records.writing import Dtype, Layout, write_records
from m2v_onnx.system.side_by_side import map_side_by_side
from m2v_onnx.system.text_files import STDIN

# Digits of vectors hardly shrink: a higher one takes many times as long.
_GZIP_LEVEL = 1

IfThere = Literal["refuse", "replace", "skip"]


@dataclass(frozen=True)
class Wanted:
    """What a user wants of files.

    Attributes:
        text_column: the column that holds the text.
        columns: the columns to keep; None for all.
        embedding_column: the column that the vectors go to.
        input_format: the format of all inputs; None goes by their suffixes.
        output_format: the format of all outputs; None goes by the suffix, or is that of the input.
        dtype: the number type of the vectors.
        if_there: what to do where an output exists.
    """

    text_column: str = "text"
    columns: tuple[str, ...] | None = None
    embedding_column: str = "embedding"
    input_format: str | None = None
    output_format: str | None = None
    dtype: Dtype = "float32"
    if_there: IfThere = "refuse"


@dataclass(frozen=True)
class Job:
    """A file to write: where from, where to, and how; a finished one is done already.

    Only standard output has several sources.
    """

    sources: tuple[Source, ...]
    output: Path
    layout: Layout
    is_finished: bool


@dataclass(frozen=True)
class Counts:
    """How many records a file had, and in how many of them the text was null."""

    n_records: int
    n_nulls: int


def plan_files(inputs: Sequence[Path], output: Path | None, wanted: Wanted) -> list[Job]:
    """Say what goes where, before any work is done.

    Args:
        inputs: files; a pattern such as `data/*.parquet` stands for all that fit it; `-` is standard input.
        output: the file for one input, or a folder that gets a file for each; None or `-` for stdout.
        wanted: how.

    Raises:
        ArgumentError: for an input or an output that cannot be, or that exists.
    """
    paths = [path for one in inputs for path in _expand(one)]
    for name, n_times in Counter(wanted.columns or ()).most_common(1):
        if n_times > 1:
            raise ArgumentError(f"expected different names in --columns, found {name!r} twice: name it once")
    if output is None or output == STDOUT:
        otherwise: Format = "jsonl" if output is None else "npy"
        return _joined([_plan_file(path, STDOUT, wanted, otherwise=otherwise) for path in paths])
    is_folder = output.is_dir() or not (output.exists() or output.suffix)
    if len(paths) > 1 and not is_folder:
        raise ArgumentError(
            f"expected a folder for the vectors of {len(paths)} files, found {output}: name one, "
            "without a suffix"
        )
    places = [_place_in(output, path, wanted) if is_folder else output for path in paths]
    for place, n_inputs in Counter(places).most_common(1):
        if n_inputs > 1:
            raise ArgumentError(f"expected inputs of different names, found two for {place}: rename one")
    return [
        _plan_file(path, place, wanted, in_folder=is_folder)
        for path, place in zip(paths, places, strict=True)
    ]


def _joined(jobs: list[Job]) -> list[Job]:
    """Give one job for all inputs that go to standard output.

    Raises:
        ArgumentError: for a format whose files cannot be joined.
    """
    if len(jobs) < 2:
        return jobs
    kind = jobs[0].layout.format
    if kind not in TEXT_FORMATS:
        raise ArgumentError(
            f"expected one input for {kind} on standard output, found {len(jobs)}: name a folder with "
            "--output, or a format of lines with --output-format"
        )
    return [replace(jobs[0], sources=tuple(source for job in jobs for source in job.sources))]


def embed_file(
    model: StaticModel, job: Job, *, n_threads: int | None = None, advance: AdvanceRecords | None = None
) -> Counts:
    """Embed a file; the output appears whole or not at all, and memory does not grow with it.

    Args:
        model: what embeds.
        job: the file.
        n_threads: blocks at work side by side; None for every core.
        advance: called with the bytes and records that were done since.

    Raises:
        ArgumentError: for records that cannot be read, embedded or written; the message names the place.
        FolderError: when the system refuses to write, and as for `StaticModel.encode`.
        MissingExtraError: for Parquet and Arrow where pyarrow is not installed.
    """
    n_records = n_nulls = 0

    def embed(block: Block) -> tuple[Block, Vectors]:
        _check_free(block, job.layout)
        try:
            return block, model.encode(block.texts, n_threads=1)
        except (ArgumentError, FolderError) as error:
            raise type(error)(f"in {block.place}, {error}") from error

    def pairs() -> Iterator[tuple[Block, Vectors]]:
        nonlocal n_records, n_nulls
        n_workers = n_threads or count_cores()
        blocks = chain.from_iterable(map(read_blocks, job.sources))
        for block, vectors in map_side_by_side(embed, blocks, n_workers=n_workers):
            n_records += len(block)
            n_nulls += block.n_nulls
            yield block, vectors
            if advance is not None:
                advance(block.n_bytes, len(block))

    with _open(job) as file:
        write_records(file, pairs(), job.layout, dim=model.dim, source=job.sources[0])
    return Counts(n_records, n_nulls)


def count_bytes(jobs: Sequence[Job]) -> int | None:
    """Give the size of all inputs; None where nobody knows it before they are read."""
    paths = [source.path for job in jobs if not job.is_finished for source in job.sources]
    if all(path.is_file() and path.suffix != ".gz" for path in paths):
        return sum(path.stat().st_size for path in paths)
    return None


def _expand(path: Path) -> list[Path]:
    """Give the files that a pattern stands for."""
    pattern = str(path)
    if path.exists() or not any(sign in pattern for sign in "*?["):
        return [path]
    found = sorted(map(Path, glob(pattern, recursive=True)))  # noqa: PTH207  # it may be absolute
    if not found:
        raise ArgumentError(f"expected files that fit {pattern}, found none: check the pattern")
    return found


def _place_in(folder: Path, path: Path, wanted: Wanted) -> Path:
    """Give where the vectors of an input go in a folder: its name, with the suffix of the output's format."""
    if path == STDIN:
        raise ArgumentError(
            f"expected a file for the vectors of standard input, found the folder {folder}: name one"
        )
    if wanted.output_format is None:
        return folder / path.name
    plain = path.with_suffix("") if path.suffix == ".gz" else path
    return folder / f"{plain.stem}.{wanted.output_format}"


def _plan_file(
    path: Path, output: Path, wanted: Wanted, *, in_folder: bool = False, otherwise: Format = "npy"
) -> Job:
    if path.is_dir():
        raise ArgumentError(
            f"expected a file of texts, found the folder {path}: name its files, as in {path}/*"
        )
    kind = find_input_format(path, given=wanted.input_format, option="--input-format")
    target = find_output_format(output, given=wanted.output_format, otherwise=otherwise)
    is_missing = in_folder and not output.parent.exists()  # it is made when the first file is written
    check_output_file(output.parent if is_missing else output, source=path)
    is_there = output != STDOUT and output.is_file()
    if wanted.if_there == "refuse" and is_there:
        raise ArgumentError(
            f"expected a new file to write, found {output}: name another, replace it with --force, or skip "
            "what is finished with --resume"
        )
    return Job(
        (Source(path, kind, wanted.text_column, wanted.columns),),
        output,
        Layout(target, wanted.dtype, wanted.embedding_column),
        is_finished=wanted.if_there == "skip" and is_there,
    )


def _check_free(block: Block, layout: Layout) -> None:
    """Refuse records that have something where the vectors would go."""
    if layout.format in ("npy", "txt"):
        return
    name = layout.column
    places = block.records if block.header is None else [block.header]
    if any(name in place for place in places):
        raise ArgumentError(
            f"expected no column {name!r} in {block.place}, found one: name another for the vectors with "
            "--embedding-column, or leave it out with --columns"
        )


@contextmanager
def _open(job: Job) -> Iterator[BinaryIO]:
    """Open the output; with a name that ends in .gz it is compressed."""
    if job.output != STDOUT:
        job.output.parent.mkdir(exist_ok=True)
    with open_output(job.output) as file:
        if job.output.suffix == ".gz" and job.layout.format in TEXT_FORMATS:
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as packed:
                yield cast("BinaryIO", packed)
        else:
            yield file
