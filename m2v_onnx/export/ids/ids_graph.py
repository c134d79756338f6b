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

from m2v_onnx.export.graph import Graph, Part, assemble
from m2v_onnx.export.ids.pooling_part import pooling_part
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
    part = pooling_part(model, precision) + _repeat_part(model.dim)
    if token_types == "optional":
        part.constants["token_type_ids"] = np.zeros((1, 1), np.int64)
    hidden = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*IDS_SHAPE, model.dim])
    return assemble(
        part,
        model,
        name="ids" if token_types == "optional" else "ids3",
        inputs=[*ids_infos(), _token_types_input(token_types)],
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


def _repeat_part(dim: int) -> Part:
    """`sentence_embedding` -> `last_hidden_state`; what is in `token_type_ids` changes nothing.

    With no element in them, nobody wants the hidden states: no position is written.
    """
    nodes = [
        helper.make_node("ReduceSum", ["token_type_ids"], ["type_sum"], keepdims=0),
        helper.make_node("Mul", ["type_sum", "zero"], ["type_zero"]),
        helper.make_node("Cast", ["type_zero"], ["nothing"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["sentence_embedding", "nothing"], ["sentence"]),
        helper.make_node("Unsqueeze", ["sentence", "axis_1"], ["sentence_row"]),
        helper.make_node("Shape", ["input_ids"], ["ids_shape"]),
        helper.make_node("Size", ["token_type_ids"], ["n_types"]),
        helper.make_node("Min", ["n_types", "one_type"], ["any_type"]),
        helper.make_node("Max", ["any_type", "batch_alone"], ["is_wanted"]),
        helper.make_node("Mul", ["ids_shape", "is_wanted"], ["hidden_shape"]),
        helper.make_node("Concat", ["hidden_shape", "dim"], ["tokens_shape"], axis=0),
        helper.make_node("Expand", ["sentence_row", "tokens_shape"], ["last_hidden_state"]),
    ]
    constants = {
        "axis_1": np.array([1], np.int64),
        "zero": np.array(0, np.int64),
        "one_type": np.array(1, np.int64),
        "batch_alone": np.array([1, 0], np.int64),
        "dim": np.array([dim], np.int64),
    }
    return Part(nodes, constants)
