"""Nodes to the graph of a static model: its inputs, outputs, versions and metadata."""

from __future__ import annotations

import json
from collections.abc import Sequence

import onnx
from onnx import helper

from m2v_onnx.export.graph import Graph
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.folder.classifier_files import PROBLEM_TYPES, label_texts
from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.version import __version__

# What onnxruntime 1.15 and everything later load.
OPSET = 17
IR_VERSION = 8


def assemble(
    nodes: Nodes,
    model: StaticEmbedding,
    *,
    name: str,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    opsets: dict[str, int] | None = None,
    head: ClassificationHead | None = None,
) -> Graph:
    """Make a graph of opset 17 and IR 8 of all nodes and constants that were written.

    Args:
        nodes: any group of the graph.
        model: what the metadata tells about.
        name: the graph's name.
        inputs: its inputs, in order.
        outputs: its outputs, in order.
        opsets: the versions of other operator sets than ONNX's own.
        head: a classifier's; the metadata then hold its labels, a JSON list in ASCII, for every language.
    """
    versions = {"": OPSET} | (opsets or {})
    proto = helper.make_model(
        nodes.to_proto(f"static_model_{name}", inputs, outputs),
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in versions.items()],
        ir_version=IR_VERSION,
        producer_name="m2v-onnx",
        producer_version=__version__,
    )
    helper.set_model_props(proto, _metadata(model) | ({} if head is None else _labels(head)))
    return Graph(proto, nodes.large)


def _metadata(model: StaticEmbedding) -> dict[str, str]:
    recipe, teacher = model.config.recipe, model.config.teacher
    return {
        "name": f"static model of {teacher}" if teacher else "static model",
        "dim": str(model.dim),
        "recipe": recipe.name if recipe else "",
        "teacher": teacher or "",
        "m2v_onnx_version": __version__,
    }


def _labels(head: ClassificationHead) -> dict[str, str]:
    return {"labels": json.dumps(label_texts(head)), "problem_type": PROBLEM_TYPES[head.problem]}
