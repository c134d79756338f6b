"""`m2v-onnx encode`: files of texts to vectors."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from m2v_onnx.cli.options import Json, Model, Quiet, Revision, Token, as_utf8, refuse_idle, split
from m2v_onnx.cli.output import show_notes
from m2v_onnx.errors import ArgumentError, M2vOnnxError
from m2v_onnx.model.quantization import Precision
from m2v_onnx.system.output_file import STDOUT
from m2v_onnx.system.records.formats import OUTPUT_FORMATS, Format, OutputFormat

if TYPE_CHECKING:
    from m2v_onnx.arrow.files import IfThere

_SUFFIXES = ", ".join(f".{name}" for name in OUTPUT_FORMATS)


def encode(
    model: Model,
    texts: Annotated[
        list[Path],
        typer.Argument(
            help="Files of texts: .parquet, .arrow, .jsonl, .csv, .tsv, or .txt with a text a line; the last "
            "four also .gz. A pattern such as 'data/*.parquet' stands for all that fit. - is standard input.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help=f"A file to write ({_SUFFIXES}), a pipe, or - for stdout, which gets .npy. A folder gets a "
            "file for each input. Without it, JSON lines go to stdout.",
        ),
    ] = None,
    text_column: Annotated[
        str, typer.Option("--text-column", "--column", help="Column or field that holds the text.")
    ] = "text",
    columns: Annotated[
        str | None,
        typer.Option(help="Columns to keep, by commas.", show_default="all", metavar="NAMES"),
    ] = None,
    embedding_column: Annotated[str, typer.Option(help="Column that the vectors go to.")] = "embedding",
    input_format: Annotated[
        Format | None, typer.Option(help="Format of the inputs.", show_default="by suffix; txt for -")
    ] = None,
    output_format: Annotated[
        OutputFormat | None, typer.Option(help="Format of the outputs.", show_default="by suffix")
    ] = None,
    dtype: Annotated[
        Literal["float32", "float16"], typer.Option(help="Number type of the vectors.")
    ] = "float32",
    resume: Annotated[bool, typer.Option("--resume", help="Skip inputs whose output exists.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace outputs that exist.")] = False,
    precision: Annotated[
        Precision | None,
        typer.Option(show_default="the table as it is", help="Encode as the graph of this precision does."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(show_default="cores", min=1, help="Batches side by side.")
    ] = None,
    revision: Revision = None,
    token: Token = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Embed the texts of files, and keep their other columns.

    Example: `m2v-onnx encode my-model reviews.parquet --output embedded.parquet`
    """
    from m2v_onnx.arrow.files import Wanted, count_bytes, embed_file, plan_files
    from m2v_onnx.static_model import StaticModel  # slow, as all that knows a model
    from m2v_onnx.system.progress import track_records

    show_notes(quiet=quiet)
    if output in (None, STDOUT) and sys.stdout is None:
        raise M2vOnnxError("expected standard output to write to, found it closed: name a file (--output)")
    names = None if columns is None else tuple(split(as_utf8(columns)))
    wanted = Wanted(
        as_utf8(text_column), names, as_utf8(embedding_column), input_format, output_format, dtype,
        _if_there(resume=resume, force=force),
    )  # fmt: skip
    output = None if output is None else output.expanduser()
    jobs = plan_files([path.expanduser() for path in texts], output, wanted)
    is_numbers = all(job.layout.format in ("npy", "txt") for job in jobs)
    to_stdout = output in (None, STDOUT)
    refuse_idle(
        ("--columns", "where numbers alone are written", columns is not None and is_numbers),
        (
            "--embedding-column",
            "where numbers alone are written",
            embedding_column != "embedding" and is_numbers,
        ),
        ("--resume", "with standard output", resume and to_stdout),
        ("--force", "with standard output", force and to_stdout),
        ("--json", "with standard output", as_json and to_stdout),
    )
    static_model = StaticModel.from_pretrained(model, precision=precision, revision=revision, token=token)
    rest = [job for job in jobs if not job.is_finished]
    with track_records("Encoding", n_bytes=count_bytes(rest), show=not quiet) as advance:
        counts = [embed_file(static_model, job, n_threads=threads, advance=advance) for job in rest]
    n_texts, n_nulls = (sum(getattr(one, name) for one in counts) for name in ("n_records", "n_nulls"))
    if n_nulls and not quiet:
        print(f"{n_nulls:,} of {n_texts:,} texts were null: their vectors are zeros", file=sys.stderr)
    if to_stdout:
        return
    summary = {"output": str(output), "texts": n_texts, "nulls": n_nulls, "dim": static_model.dim}
    if as_json:
        print(json.dumps({**summary, "files": len(rest), "skipped": len(jobs) - len(rest)}))
    elif not quiet:
        skipped = (
            "" if len(rest) == len(jobs) else f"; {len(jobs) - len(rest)} of {len(jobs)} files were there"
        )
        print(f"{output}: {n_texts:,} texts x {static_model.dim} dimensions, {dtype}{skipped}")


def _if_there(*, resume: bool, force: bool) -> IfThere:
    if resume and force:
        raise ArgumentError("expected --resume or --force, found both: resume skips what force would replace")
    return "skip" if resume else "replace" if force else "refuse"
