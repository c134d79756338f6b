"""`m2v-onnx export`: any static model, with ONNX graphs."""

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
    graph_options,
)
from m2v_onnx.cli.output import print_summary, show_notes
from m2v_onnx.errors import ArgumentError, require_module


def export(
    source: Model,
    output: Annotated[Path, typer.Argument(help="Folder to write.", show_default=False)],
    graph: Graphs = DEFAULT_GRAPH_NAMES,
    precision: Precisions = DEFAULT_PRECISION_NAMES,
    shared_table: SharedTable = False,
    dims: Annotated[int | None, typer.Option(help="Keep the first N dimensions.", metavar="N")] = None,
    quantize_vocabulary: Annotated[
        int | None, typer.Option(help="Let tokens share N rows, by k-means.", metavar="N")
    ] = None,
    revision: Revision = None,
    token: Token = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write any static model (model2vec, sentence-transformers, our own, word vectors) with ONNX graphs.

    A classifier's folder gives a classifier's folder.

    Example: `m2v-onnx export minishlab/potion-base-8M my-model --precision fp32,int4`

    Word vectors, text or binary, may be packed: `m2v-onnx export glove.6B.50d.txt my-model`
    """
    from m2v_onnx.folder.classifier_files import is_classifier  # slow, as all that knows a model
    from m2v_onnx.folder.places import local_folder
    from m2v_onnx.folder.replacement import check_output
    from m2v_onnx.model.smaller import cut_dimensions
    from m2v_onnx.model.smaller import quantize_vocabulary as share_rows
    from m2v_onnx.static_model import StaticModel

    show_notes(quiet=quiet)
    output = output.expanduser()
    check_output(output, force=force)
    graphs = graph_options(graph, precision, shared_table=shared_table)
    folder = local_folder(source, revision=revision, token=token)
    if is_classifier(folder):
        if dims is not None or quantize_vocabulary is not None:
            raise ArgumentError(
                f"expected no --dims and no --quantize-vocabulary for the classifier {source}, found one: "
                "leave it out"
            )
        require_module("onnx", package="onnx", extra="export")
        from m2v_onnx.export.write import save_classifier  # onnx is an extra
        from m2v_onnx.folder.classifier_files import read_classifier

        save_classifier(read_classifier(folder), output, force=force, **graphs)
        print_summary(output, as_json=as_json, quiet=quiet)
        return
    model = StaticModel.from_pretrained(folder)
    if dims is not None:
        model = cut_dimensions(model, dims)
    if quantize_vocabulary is not None:
        model = share_rows(model, quantize_vocabulary)
    model.save_pretrained(output, force=force, **graphs)
    print_summary(output, as_json=as_json, quiet=quiet)
