"""`m2v-onnx encode`: a file of texts to vectors."""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from m2v_onnx.cli.options import Json, Model, Quiet, Revision, Token, as_utf8
from m2v_onnx.cli.output import show_notes
from m2v_onnx.errors import M2vOnnxError
from m2v_onnx.model.quantization import Precision
from m2v_onnx.system.output_file import STDOUT

_BLOCK_TEXTS = 4096


def encode(
    model: Model,
    texts: Annotated[
        Path,
        typer.Argument(
            help="File of texts, one a line; .jsonl; .csv; or - for standard input.", show_default=False
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A .npy file to write, a pipe, or - for .npy to stdout; else JSON lines go there.",
        ),
    ] = None,
    column: Annotated[
        str, typer.Option(help="Field of .jsonl or column of .csv that holds the text.")
    ] = "text",
    precision: Annotated[
        Precision | None,
        typer.Option(show_default="the table as it is", help="Encode as the graph of this precision does."),
    ] = None,
    threads: Annotated[int | None, typer.Option(show_default="cores", help="Batches side by side.")] = None,
    revision: Revision = None,
    token: Token = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Embed the texts of a file.

    Example: `m2v-onnx encode my-model texts.txt --output vectors.npy`
    """
    from m2v_onnx.runtime.files import check_npy, read_texts, write_npy
    from m2v_onnx.static_model import StaticModel  # slow, as all that knows a model
    from m2v_onnx.system.progress import track

    show_notes(quiet=quiet)
    column = as_utf8(column)
    texts, output = texts.expanduser(), None if output is None else output.expanduser()
    if output is not None:
        check_npy(output, source=texts)
    elif sys.stdout is None:
        raise M2vOnnxError("expected standard output to write to, found it closed: name a file (--output)")
    static_model = StaticModel.from_pretrained(model, precision=precision, revision=revision, token=token)
    if output is None:
        rest = read_texts(texts, column=column)
        while block := list(islice(rest, _BLOCK_TEXTS)):
            for text, vector in zip(block, static_model.encode(block).tolist(), strict=True):
                print(json.dumps({"text": text, "embedding": vector}, ensure_ascii=False))
        return
    n_bytes = texts.stat().st_size if texts.is_file() and texts.suffix != ".gz" else None
    with track("Encoding", total=n_bytes, unit="bytes", show=not quiet) as advance:
        lines = read_texts(texts, column=column, advance=advance)
        blocks = static_model.encode_stream(lines, n_threads=threads)
        n_texts = write_npy(output, blocks, dim=static_model.dim)
    if output == STDOUT:
        return
    if as_json:
        print(json.dumps({"output": str(output), "texts": n_texts, "dim": static_model.dim}))
    elif not quiet:
        print(f"{output}: {n_texts:,} texts x {static_model.dim} dimensions, float32")
