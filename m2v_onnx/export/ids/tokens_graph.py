"""The graph that keeps every token's own vector, for late interaction and for poolers that take the mean."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from m2v_onnx.export.assembly import assemble
from m2v_onnx.export.graph import Graph
from m2v_onnx.export.ids.ids_graph import IDS_SHAPE, ids_infos, sentence_output
from m2v_onnx.export.ids.row_mean import factors, mean
from m2v_onnx.export.ids.table_rows import gather_rows, scale_columns
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.model.quantization import Precision, QuantizedTable, quantize_table
from m2v_onnx.model.static_embedding import StaticEmbedding


def build_tokens_graph(model: StaticEmbedding, *, precision: Precision = "fp32") -> Graph:
    """Build the graph of token vectors.

    Args:
        model: any static model.
        precision: the number type of its table.

    Returns:
        A graph of opset 17, IR 8: `input_ids`, `attention_mask` int64 (batch, sequence) to
        `last_hidden_state` float32 (batch, sequence, D), the vectors of `StaticModel.encode_as_sequence`
        with zeros where a token does not count, and `sentence_embedding` float32 (batch, D).
    """
    nodes = Nodes()
    ids, mask = ids_infos()
    quantized = quantize_table(model.table, precision)
    tokens = factors(nodes, model, quantized, ids=ids.name, mask=mask.name)
    rows = gather_rows(nodes, quantized, tokens.row_ids)
    mean(nodes, model, _sum_tokens(nodes, quantized, rows, tokens.factor), tokens.known)
    hidden = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*IDS_SHAPE, model.dim])
    return assemble(nodes, model, name="tokens", inputs=[ids, mask], outputs=[hidden, sentence_output(model)])


def _sum_tokens(nodes: Nodes, quantized: QuantizedTable, rows: str, factor: str) -> str:
    """Write `last_hidden_state`, the rows times their factors; give its sum over the tokens."""
    token_axis = nodes.constant("axis_1", [1], np.int64)
    column_axis = nodes.constant("axis_2", [2], np.int64)
    factor_column = nodes.add("Unsqueeze", [factor, column_axis], "factor_column")
    weighted_rows = nodes.add("Mul", [rows, factor_column], "weighted_rows")
    hidden = scale_columns(nodes, quantized, weighted_rows, "last_hidden_state")
    return nodes.add("ReduceSum", [hidden, token_axis], "sum", keepdims=0)
