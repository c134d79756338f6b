"""The static model's folder with its graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import get_args

from m2v_onnx.config import GraphName, Precision, TablePlace, check_choice
from m2v_onnx.export.engine_files import write_engine_files
from m2v_onnx.export.graph import ExternalTensor, Graph
from m2v_onnx.export.ids_graph import build_ids_graph
from m2v_onnx.export.model_card import model_card
from m2v_onnx.export.text_graph import build_codepoints_graph, build_text_graph, build_tokenizer_graph
from m2v_onnx.export.tokens_graph import build_tokens_graph
from m2v_onnx.folder import CARD_NAME, TABLE_NAME, graph_files, locate_table, read_model, write_model_files
from m2v_onnx.goldens import make_goldens, write_goldens
from m2v_onnx.graph_names import EMBEDDED_GRAPHS, graph_file_name
from m2v_onnx.model import StaticModel
from m2v_onnx.replacement import replace_folder

BUILDERS: dict[GraphName, Callable[..., Graph]] = {
    "ids": build_ids_graph,
    "ids3": partial(build_ids_graph, token_types="required"),
    "tokens": build_tokens_graph,
    "text": build_text_graph,
    "codepoints": build_codepoints_graph,
    "tokenizer": lambda model, precision: build_tokenizer_graph(model),  # noqa: ARG005  # it has no table
}


def write_model(
    take_model: Callable[[], StaticModel],
    path: Path,
    *,
    graphs: Sequence[GraphName],
    precisions: Sequence[Precision],
    table: TablePlace,
    force: bool,
) -> None:
    """Write a model's folder: see `StaticModel.save_pretrained`.

    Args:
        take_model: gives the model. When nobody else holds it, its table is freed before the folder is read
            again, so that a large one is never in memory twice.
        path: as for `save_pretrained`, like all that follow.
        graphs: which graphs.
        precisions: number types of each graph.
        table: `embedded` or `shared`.
        force: write into a folder that holds other things, too.
    """
    for graph in graphs:
        check_choice("graph", graph, BUILDERS)
    for precision in precisions:
        check_choice("precision", precision, get_args(Precision))
    check_choice("table", table, get_args(TablePlace))
    model = take_model()
    with replace_folder(path, force=force) as draft:
        write_model_files(model, draft)
        del model
        model = read_model(draft)  # as everybody else will see it
        write_engine_files(model, draft)
        write_goldens(make_goldens(model), draft)
        for graph in graphs:
            for name, precision in {graph_file_name(graph, one): one for one in precisions}.items():
                _write_graph(BUILDERS[graph](model, precision=precision), draft, name, table)
        written = [file.path.relative_to(draft).as_posix() for file in graph_files(draft)]
        card = model_card(model, name=path.resolve().name, graph_names=written)
        (draft / CARD_NAME).write_text(card, encoding="utf-8")


def _write_graph(graph: Graph, folder: Path, name: str, table: TablePlace) -> None:
    if table == "shared" and "table" in graph.large:
        place = locate_table(folder / TABLE_NAME, graph.large["table"].dtype)
        if place is not None:
            graph.write_without({"table": ExternalTensor(TABLE_NAME, *place)}, folder / name)
            return
    (folder / EMBEDDED_GRAPHS).mkdir(exist_ok=True)
    graph.write(folder / EMBEDDED_GRAPHS / name)
