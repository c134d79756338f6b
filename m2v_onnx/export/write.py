"""The graphs in a model's folder, and all that goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from m2v_onnx.errors import check_choice
from m2v_onnx.export.graph import ExternalTensor, Graph
from m2v_onnx.export.kinds import GRAPH_KINDS, GraphFile, GraphName, TablePlace, graph_files
from m2v_onnx.export.sources import GraphSources
from m2v_onnx.folder.engine_files import write_engine_files
from m2v_onnx.folder.goldens import make_goldens, write_goldens
from m2v_onnx.folder.model_card import write_model_card
from m2v_onnx.folder.names import EMBEDDED_GRAPHS, IDS_STEM, TABLE_NAME
from m2v_onnx.folder.reading import read_embedding
from m2v_onnx.folder.tensors import locate_table
from m2v_onnx.model.quantization import PRECISIONS, Precision


def check_graphs(graphs: Sequence[GraphName], precisions: Sequence[Precision], table: TablePlace) -> None:
    """Refuse what `add_graphs` does not know, before any work is done.

    Raises:
        ArgumentError: naming what there is.
    """
    for graph in graphs:
        check_choice("graph", graph, GRAPH_KINDS)
    for precision in precisions:
        check_choice("precision", precision, PRECISIONS)
    check_choice("table", table, get_args(TablePlace))


def add_graphs(
    folder: Path,
    *,
    name: str,
    graphs: Sequence[GraphName],
    precisions: Sequence[Precision],
    table: TablePlace,
) -> None:
    """Add graphs, engine files, goldens and a model card to a folder that holds a model's data.

    The data are read from the folder, as everybody else will see them.

    Args:
        folder: the folder.
        name: what the model is called.
        graphs: which graphs; see `StaticModel.save_pretrained`, as for all that follow.
        precisions: number types of each graph.
        table: `embedded` or `shared`.

    Raises:
        ArgumentError: for a table that does not fit into a precision, or a tokenizer that a graph cannot
            hold exactly.
    """
    model = read_embedding(folder)
    write_engine_files(model, folder)
    write_goldens(make_goldens(model), folder)
    sources = GraphSources(model)
    for kind in (GRAPH_KINDS[graph] for graph in graphs):
        for file_name, precision in {kind.file_name(one): one for one in precisions}.items():
            _write_graph(kind.build(sources, precision), folder, file_name, table)
    files = {file.path.relative_to(folder).as_posix(): _describe(file) for file in graph_files(folder)}
    write_model_card(model, folder, name=name, graphs=files)


def _describe(file: GraphFile) -> str:
    """Say what a graph is, for the model card."""
    kind = file.kind
    about = f"{kind.about}; {file.precision}" if kind.has_table else kind.about
    if file.path.parent.name != EMBEDDED_GRAPHS:
        return f"{about}, its table in `{TABLE_NAME}`"
    in_js = f", in transformers.js `{PRECISIONS[file.precision].js_name}`" if kind.stem == IDS_STEM else ""
    return about + in_js


def _write_graph(graph: Graph, folder: Path, name: str, table: TablePlace) -> None:
    if table == "shared" and "table" in graph.large:
        place = locate_table(folder / TABLE_NAME, graph.large["table"].dtype)
        if place is not None:
            graph.write_without({"table": ExternalTensor(TABLE_NAME, *place)}, folder / name)
            return
    (folder / EMBEDDED_GRAPHS).mkdir(exist_ok=True)
    graph.write(folder / EMBEDDED_GRAPHS / name)
