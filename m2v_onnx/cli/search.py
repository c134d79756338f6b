"""`m2v-onnx search`: the texts of a file that are nearest to a query."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from m2v_onnx.cli.options import Json, Model, Revision, Token, as_utf8
from m2v_onnx.cli.output import print_json
from m2v_onnx.model.vectors import Vectors
from m2v_onnx.system.records.formats import Format


def search(
    model: Model,
    texts: Annotated[
        Path,
        typer.Argument(
            help="File of texts, as for `encode`; - is standard input.",
            show_default=False,
        ),
    ],
    query: Annotated[str, typer.Argument(help="What to look for.", show_default=False)],
    top: Annotated[int, typer.Option(help="Texts to show.", min=1)] = 10,
    text_column: Annotated[
        str, typer.Option("--text-column", "--column", help="Column or field that holds the text.")
    ] = "text",
    input_format: Annotated[
        Format | None, typer.Option(help="Format of the file.", show_default="by suffix; txt for -")
    ] = None,
    revision: Revision = None,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Find the texts that are nearest to a query, by cosine: exact, a file at a time.

    Prints score, number and text. For many queries, put the vectors that `encode` writes into a store.

    Example: `m2v-onnx search my-model reviews.parquet "too loud at night" --top 5`
    """
    from m2v_onnx.runtime.nearest import find_nearest
    from m2v_onnx.static_model import StaticModel  # slow, as all that knows a model
    from m2v_onnx.system.records.block import Source
    from m2v_onnx.system.records.formats import find_input_format
    from m2v_onnx.system.records.reading import read_blocks

    texts = texts.expanduser()
    kind = find_input_format(texts, given=input_format, option="--input-format")
    static_model = StaticModel.from_pretrained(model, revision=revision, token=token)
    blocks = read_blocks(Source(texts, kind, as_utf8(text_column), columns=()))
    n_nulls = 0

    def embed() -> Iterator[tuple[list[str], Vectors]]:
        nonlocal n_nulls
        for block in blocks:
            n_nulls += block.n_nulls
            yield block.texts, static_model.encode(block.texts)

    found = find_nearest(static_model.encode(as_utf8(query)), embed(), top=top)
    if n_nulls:
        print(f"{n_nulls:,} texts were null: they count as empty texts", file=sys.stderr)
    if as_json:
        print_json([asdict(match) for match in found])
        return
    for match in found:
        print(f"{match.score:.4f}\t{match.number}\t{' '.join(match.text.split())}")
