"""The graph that keeps every token's own vector, for late interaction and for poolers that take the mean."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper

from m2v_onnx.export.graph import Graph, Part, assemble
from m2v_onnx.export.ids.ids_graph import IDS_SHAPE, ids_infos, sentence_output
from m2v_onnx.export.ids.pooling_part import factor_part, mean_part
from m2v_onnx.export.ids.table_part import rows_part, scale_columns_part
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
    encoded = quantize_table(model.table, precision)
    part = factor_part(model, encoded) + rows_part(encoded) + _tokens_part(encoded) + mean_part(model)
    hidden = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*IDS_SHAPE, model.dim])
    outputs = [hidden, sentence_output(model)]
    return assemble(part, model, name="tokens", inputs=ids_infos(), outputs=outputs)


def _tokens_part(encoded: QuantizedTable) -> Part:
    """`rows` and `factor` -> `last_hidden_state`, and its `sum` over the tokens."""
    scaling = Part(
        [
            helper.make_node("Unsqueeze", ["factor", "axis_2"], ["factor_column"]),
            helper.make_node("Mul", ["rows", "factor_column"], ["weighted_rows"]),
        ],
        {"axis_1": np.array([1], np.int64), "axis_2": np.array([2], np.int64)},
    )
    summing = Part([helper.make_node("ReduceSum", ["last_hidden_state", "axis_1"], ["sum"], keepdims=0)])
    return scaling + scale_columns_part(encoded, "weighted_rows", "last_hidden_state") + summing
