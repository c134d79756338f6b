"""`m2v-onnx train-pairs`: a file of pairs of texts to a better static model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from m2v_onnx.cli.options import (
    DEFAULT_GRAPH_NAMES,
    DEFAULT_PRECISION_NAMES,
    Force,
    Graphs,
    Json,
    Model,
    Precisions,
    Quiet,
    Revision,
    SharedTable,
    Token,
    as_utf8,
    graph_options,
    split,
)
from m2v_onnx.cli.output import print_json, show_notes
from m2v_onnx.errors import require_module


def train_pairs(
    model: Model,
    pairs: Annotated[
        Path,
        typer.Argument(
            help="Pairs of texts that belong together: .csv, .tsv, .jsonl, .parquet or .arrow.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    text_column: Annotated[str, typer.Option(help="Column of the first text, such as a title.")] = "text",
    other_column: Annotated[str, typer.Option(help="Column of the second, such as a body.")] = "other",
    dims: Annotated[
        str | None,
        typer.Option(
            help="Also train the first so many columns alone, by commas, for models that are cut to them.",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[int, typer.Option(help="How often each pair is seen.")] = 4,
    seed: Annotated[int, typer.Option(help="Seed of split, order and dropout.")] = 0,
    graph: Graphs = DEFAULT_GRAPH_NAMES,
    precision: Precisions = DEFAULT_PRECISION_NAMES,
    shared_table: SharedTable = False,
    revision: Revision = None,
    token: Token = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a static model from pairs of texts that belong together, for better search.

    A tenth of the pairs is held out; the model stays as it is where partners are not found better there.

    Example: `m2v-onnx train-pairs my-model articles.csv my-search --text-column title --other-column body`
    """
    require_module("onnx", package="onnx", extra="export")  # better known before the work than behind it
    require_module("sklearn", package="scikit-learn", extra="train")
    from m2v_onnx.folder.replacement import check_output  # slow, as all that knows a model
    from m2v_onnx.static_model import StaticModel
    from m2v_onnx.training.data_files import read_columns
    from m2v_onnx.training.options import PairOptions
    from m2v_onnx.training.pairs import train_and_score_pairs

    show_notes(quiet=quiet)
    parts = split(dims) if dims else []
    wrong = next((part for part in parts if not part.isdecimal()), None)
    if wrong is not None:
        raise typer.BadParameter(f"expected numbers by commas, found {wrong!r}", param_hint="--dims")
    options = PairOptions(dims=tuple(map(int, parts)), n_epochs=epochs, seed=seed)
    output = output.expanduser()
    check_output(output, force=force, source=model)
    first, second = as_utf8(text_column), as_utf8(other_column)
    if first == second:
        raise typer.BadParameter(f"expected two columns, found {first!r} twice", param_hint="--other-column")
    found = read_columns(pairs.expanduser(), {first: "--text-column", second: "--other-column"})
    static_model = StaticModel.from_pretrained(model, revision=revision, token=token)
    trained = train_and_score_pairs(static_model, found[first], found[second], options=options)
    graphs = graph_options(graph, precision, shared_table=shared_table)
    trained.model.save_pretrained(output, force=force, **graphs)
    scores = {
        "pairs": trained.n_pairs,
        "held_out": trained.n_held_out,
        "mrr_before": round(trained.mrr_before, 6),
        "mrr_after": round(trained.mrr_after, 6),
    }
    if as_json:
        print_json({"output": str(output), **scores})
    elif not quiet:
        print(
            f"{output}: {trained.n_pairs:,} pairs learned from; MRR of {trained.n_held_out:,} others "
            f"{trained.mrr_before:.3f} before, {trained.mrr_after:.3f} after"
        )
