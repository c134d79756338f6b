"""The universal graph: token ids in, sentence vectors out, in the form that every engine takes.

Inputs are `input_ids`, `attention_mask` and `token_type_ids`, as a BERT has them. Outputs are
`last_hidden_state`, the sentence vector repeated at every position, so that CLS, mean, last and max pooling
all give the same right vector, and then `sentence_embedding`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper

from m2v_onnx.export.assembly import assemble
from m2v_onnx.export.graph import Graph
from m2v_onnx.export.ids.row_mean import row_mean
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.model.quantization import Precision
from m2v_onnx.model.static_embedding import StaticEmbedding

IDS_SHAPE = ("batch", "sequence")


def build_ids_graph(
    model: StaticEmbedding,
    *,
    precision: Precision = "fp32",
    token_types: Literal["optional", "required"] = "optional",
) -> Graph:
    """Build the ids graph.

    Args:
        model: any static model; `weights` and `mapping` become Gathers of their own.
        precision: the number type of its table.
        token_types: whether `token_type_ids`, which change nothing, may be left out. Some engines always
            give them and cannot see an optional input.

    Returns:
        A graph of opset 17, IR 8: `input_ids`, `attention_mask`, `token_type_ids` int64 (batch, sequence)
        to `last_hidden_state` float32 (batch, sequence, D) and `sentence_embedding` float32 (batch, D).
        With precision int8 a text may have up to MOST_INT8_TOKENS tokens.
    """
    nodes = Nodes()
    ids, mask, types = [*ids_infos(), _token_types_input(token_types)]
    sentence = row_mean(nodes, model, precision, ids=ids.name, mask=mask.name)
    _repeat(nodes, sentence, ids.name, types.name, model.dim)
    if token_types == "optional":
        nodes.constant(types.name, np.zeros((1, 1)), np.int64)
    hidden = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*IDS_SHAPE, model.dim])
    return assemble(
        nodes,
        model,
        name="ids" if token_types == "optional" else "ids3",
        inputs=[ids, mask, types],
        outputs=[hidden, sentence_output(model)],
    )


def ids_infos() -> list[onnx.ValueInfoProto]:
    """Give `input_ids` and `attention_mask`, int64 (batch, sequence)."""
    return [
        helper.make_tensor_value_info(name, TensorProto.INT64, IDS_SHAPE)
        for name in ("input_ids", "attention_mask")
    ]


def sentence_output(model: StaticEmbedding) -> onnx.ValueInfoProto:
    """Give `sentence_embedding`, float32 (batch, D)."""
    return helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", model.dim])


def _token_types_input(token_types: Literal["optional", "required"]) -> onnx.ValueInfoProto:
    # Names of its own where there is a default: onnxruntime trusts them, and the default has another shape.
    shape = ("type_batch", "type_sequence") if token_types == "optional" else IDS_SHAPE
    return helper.make_tensor_value_info("token_type_ids", TensorProto.INT64, shape)


def _repeat(nodes: Nodes, sentence: str, ids: str, token_types: str, dim: int) -> str:
    """Give `last_hidden_state`, the sentence vector at every position; what the token types are is the same.

    With no element in them, nobody wants the hidden states: no position is written.
    """
    type_sum = nodes.add("ReduceSum", [token_types], "type_sum", keepdims=0)
    type_zero = nodes.add("Mul", [type_sum, nodes.constant("zero", 0, np.int64)], "type_zero")
    nothing = nodes.cast(type_zero, TensorProto.FLOAT, "nothing")
    sentence = nodes.add("Add", [sentence, nothing], "sentence")
    axis = nodes.constant("axis_1", [1], np.int64)
    sentence_row = nodes.add("Unsqueeze", [sentence, axis], "sentence_row")
    ids_shape = nodes.add("Shape", [ids], "ids_shape")
    n_types = nodes.add("Size", [token_types], "n_types")
    any_type = nodes.add("Min", [n_types, nodes.constant("one_type", 1, np.int64)], "any_type")
    batch_alone = nodes.constant("batch_alone", [1, 0], np.int64)
    is_wanted = nodes.add("Max", [any_type, batch_alone], "is_wanted")
    hidden_shape = nodes.add("Mul", [ids_shape, is_wanted], "hidden_shape")
    dim_name = nodes.constant("dim", [dim], np.int64)
    tokens_shape = nodes.add("Concat", [hidden_shape, dim_name], "tokens_shape", axis=0)
    return nodes.add("Expand", [sentence_row, tokens_shape], "last_hidden_state")
