"""The static model's folder with its graphs."""

from __future__ import annotations

from pathlib import Path

from m2v_onnx.export.ids_graph import build_ids_graph
from m2v_onnx.folder import GRAPH_NAME, replace_folder, write_model_files
from m2v_onnx.model import StaticModel


def write_model(model: StaticModel, path: Path, *, force: bool = False) -> None:
    """Write config, table, tokenizer and the ids graph to `path`, all or nothing.

    The bytes depend on the model alone.

    Args:
        model: the model to write.
        path: its folder; see `m2v_onnx.folder.replace_folder` for one that exists.
        force: write among files that are no part of a model.

    Raises:
        FolderError: when the folder is in use for something else, or the table is not finite.
    """
    with replace_folder(path, force=force) as draft:
        write_model_files(model, draft)
        graph_path = draft / GRAPH_NAME
        graph_path.parent.mkdir()
        build_ids_graph(model).write(graph_path)
