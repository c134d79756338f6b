"""The names of graphs in a model's folder."""

from __future__ import annotations

from m2v_onnx.config import GraphName, Precision

# Names that engines look for: transformers.js picks a precision by its suffix.
EMBEDDED_GRAPHS = "onnx"
GRAPH_STEMS: dict[GraphName, str] = {
    "ids": "model",
    "ids3": "model_ids3",
    "tokens": "model_tokens",
    "text": "model_text",
    "codepoints": "model_codepoints",
    "tokenizer": "tokenizer",
}
PRECISION_SUFFIXES: dict[Precision, str] = {"fp32": "", "fp16": "_fp16", "int8": "_quantized", "int4": "_q4"}


def graph_file_name(graph: GraphName, precision: Precision) -> str:
    """Give the name of a graph's file, without its folder.

    The tokenizer alone has no table, and one file for all precisions.

    >>> (
    ...     graph_file_name("ids", "fp32"),
    ...     graph_file_name("tokens", "int8"),
    ...     graph_file_name("tokenizer", "int8"),
    ... )
    ('model.onnx', 'model_tokens_quantized.onnx', 'tokenizer.onnx')
    """
    suffix = "" if graph == "tokenizer" else PRECISION_SUFFIXES[precision]
    return f"{GRAPH_STEMS[graph]}{suffix}.onnx"


def graph_places(graph: GraphName, precision: Precision) -> tuple[str, str]:
    """Give where a graph may lie in a model's folder: embedded, or beside the table that it shares.

    >>> graph_places("ids", "int8")
    ('onnx/model_quantized.onnx', 'model_quantized.onnx')
    """
    name = graph_file_name(graph, precision)
    return f"{EMBEDDED_GRAPHS}/{name}", name
