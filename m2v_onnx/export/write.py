"""The graphs in a model's folder, and all that goes with them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from m2v_onnx.errors import FolderError, check_choice
from m2v_onnx.export.graph import ExternalTensor, Graph
from m2v_onnx.export.kinds import GRAPH_KINDS, GraphFile, GraphName, TablePlace, graph_files
from m2v_onnx.export.sources import GraphSources
from m2v_onnx.folder.classifier_card import write_classifier_card
from m2v_onnx.folder.classifier_files import (
    ClassifierData,
    is_classifier,
    read_classifier,
    write_classifier_data,
)
from m2v_onnx.folder.engine_files import write_engine_files
from m2v_onnx.folder.goldens import make_goldens, write_goldens
from m2v_onnx.folder.model_card import write_model_card
from m2v_onnx.folder.names import EMBEDDED_GRAPHS, GOLDENS_NAME, IDS_STEM, TABLE_NAME, model_name
from m2v_onnx.folder.reading import read_embedding
from m2v_onnx.folder.replacement import link_or_copy, replace_folder
from m2v_onnx.folder.tensors import is_same_layout, locate_table
from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.quantization import PRECISIONS, Precision
from m2v_onnx.system.text_files import read_json

logger = logging.getLogger(__name__)


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


def save_classifier(
    data: ClassifierData,
    path: Path,
    *,
    graphs: Sequence[GraphName],
    precisions: Sequence[Precision],
    table: TablePlace = "embedded",
    force: bool = False,
) -> None:
    """Write a classifier's folder: config, table, head, tokenizer and graphs, all or nothing.

    Args:
        data: the classifier.
        path: the folder to write.
        graphs: see `StaticModel.save_pretrained`, as for all that follow. `tokens` and `tokenizer` have no
            head.
        precisions: number types of each graph.
        table: `embedded` or `shared`.
        force: write into a folder that holds other things than a model, too.

    Raises:
        ArgumentError: for an unknown graph or precision, a table that does not fit into it, or a tokenizer
            that a graph cannot hold exactly.
        FolderError: when `path` is in use for something else, or the table is not finite.
    """
    check_graphs(graphs, precisions, table)
    path = path.expanduser()
    n_bytes = data.model.table.nbytes * (1 + len(graphs))
    with replace_folder(path, force=force, least_bytes=n_bytes) as draft:
        write_classifier_data(data, draft)
        name = model_name(path)
        add_graphs(draft, name=name, graphs=graphs, precisions=precisions, table=table, old=path)


def add_graphs(
    folder: Path,
    *,
    name: str,
    graphs: Sequence[GraphName],
    precisions: Sequence[Precision],
    table: TablePlace,
    old: Path | None = None,
) -> None:
    """Add graphs, engine files, goldens and a model card to a folder with the data of a model or classifier.

    The data are read from the folder, as everybody else will see them.

    Args:
        folder: the folder.
        name: what the model is called.
        graphs: which graphs; see `StaticModel.save_pretrained`, as for all that follow.
        precisions: number types of each graph.
        table: `embedded` or `shared`.
        old: the folder that this one replaces: its other graphs are taken over where they are of the same
            table, and named in a warning where they are not.

    Raises:
        ArgumentError: for a table that does not fit into a precision, or a tokenizer that a graph cannot
            hold exactly.
    """
    data = read_classifier(folder) if is_classifier(folder) else None
    model, head = (read_embedding(folder), None) if data is None else (data.model, data.head)
    write_engine_files(model, folder)
    goldens = make_goldens(model, head)
    write_goldens(goldens, folder)
    sources = GraphSources(model, head)
    for kind in (GRAPH_KINDS[graph] for graph in graphs):
        for file_name, precision in {kind.file_name(one): one for one in precisions}.items():
            _write_graph(kind.build(sources, precision), folder, file_name, table)
    if old is not None and old.is_dir():
        _keep_graphs(old, folder, model_sha256=goldens.model_sha256)
    files = {file.path.relative_to(folder).as_posix(): _describe(file, head) for file in graph_files(folder)}
    if data is None:
        write_model_card(model, folder, name=name, graphs=files)
    else:
        write_classifier_card(data, folder, name=name, graphs=files)


def _keep_graphs(old: Path, new: Path, *, model_sha256: str) -> None:
    """Take over the graphs that only the old folder holds, where they are of the same table."""
    written = {(file.graph, file.precision) for file in graph_files(new)}
    others = [file.path for file in graph_files(old) if (file.graph, file.precision) not in written]
    is_same = _golden_sha256(old) == model_sha256 and is_same_layout(old / TABLE_NAME, new / TABLE_NAME)
    for path in others if is_same else ():
        target = new / path.relative_to(old)
        target.parent.mkdir(exist_ok=True)
        link_or_copy(str(path), str(target))
    if others and not is_same:
        names = ", ".join(path.relative_to(old).as_posix() for path in others)
        logger.warning("%s: removed %s, of another table", old, names)


def _golden_sha256(folder: Path) -> object:
    try:
        return read_json(folder / GOLDENS_NAME, dict).get("model_sha256")
    except FolderError:
        return None


def _describe(file: GraphFile, head: ClassificationHead | None) -> str:
    """Say what a graph is, for the model card."""
    kind = file.kind
    about = kind.about if head is None else kind.about_head or kind.about
    about = f"{about}; {file.precision}" if kind.has_table else about
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
