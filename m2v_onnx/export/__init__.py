"""ONNX graphs of a static model, and its folder. Needs the extra `export`."""

from m2v_onnx.errors import MissingExtraError

try:
    import onnx  # noqa: F401  # only to say which extra is missing
except ImportError as error:
    raise MissingExtraError("onnx", "export") from error

from m2v_onnx.export.graph import Graph
from m2v_onnx.export.ids_graph import build_ids_graph
from m2v_onnx.export.reduction import cut_dimensions, quantize_vocabulary
from m2v_onnx.export.text_graph import build_codepoints_graph, build_text_graph, build_tokenizer_graph
from m2v_onnx.export.tokens_graph import build_tokens_graph
from m2v_onnx.export.write import write_model

__all__ = [
    "Graph",
    "build_codepoints_graph",
    "build_ids_graph",
    "build_text_graph",
    "build_tokenizer_graph",
    "build_tokens_graph",
    "cut_dimensions",
    "quantize_vocabulary",
    "write_model",
]
