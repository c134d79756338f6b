"""The universal graph: token ids in, sentence vectors out, in the form that every engine takes.

Inputs are `input_ids`, `attention_mask` and an optional `token_type_ids`, as a BERT has them. Outputs are
`last_hidden_state`, the sentence vector repeated at every position, so that CLS, mean, last and max pooling
all give the same right vector, and then `sentence_embedding`.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from m2v_onnx import __version__
from m2v_onnx.export.graph import Graph
from m2v_onnx.model import StaticModel, Vectors

# What onnxruntime 1.15 and everything later load.
OPSET = 17
IR_VERSION = 8


def build_ids_graph(model: StaticModel) -> Graph:
    """Build the float32 ids graph.

    Equal to `StaticModel.encode_reference` on the ids of its tokenizer: unknown and special tokens are
    masked inside, and a text without a known token gives zeros.

    Args:
        model: any static model; `weights` and `mapping` become Gathers of their own.

    Returns:
        A graph of opset 17, IR 8: `input_ids`, `attention_mask` int64 (batch, sequence) and the optional
        `token_type_ids` to `last_hidden_state` float32 (batch, sequence, D) and `sentence_embedding`
        float32 (batch, D).
    """
    nodes = [
        *_mask_nodes(has_weights=model.weights is not None),
        *_row_nodes(has_mapping=model.mapping is not None),
        *_mean_nodes(),
        *_normalize_nodes(normalize=model.config.normalize),
        *_output_nodes(),
    ]
    initializers = {
        "has_meaning": _has_meaning(model),
        "axis_1": np.array([1], np.int64),
        "one": np.array(1, np.float32),
        "tiny": np.array(1e-32, np.float32),
        "zero": np.array(0, np.int64),
        "dim": np.array([model.dim], np.int64),
        "token_type_ids": np.zeros((1, 1), np.int64),  # the default of the optional input
    }
    if model.weights is not None:
        initializers["weights"] = model.weights
    if model.mapping is not None:
        initializers["mapping"] = model.mapping
    ids_shape = ["batch", "sequence"]
    graph = helper.make_graph(
        nodes,
        "static_model_ids",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ids_shape),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ids_shape),
            # Names of its own: onnxruntime trusts them, and the default has another shape.
            helper.make_tensor_value_info(
                "token_type_ids", TensorProto.INT64, ["type_batch", "type_sequence"]
            ),
        ],
        [
            helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*ids_shape, model.dim]),
            helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", model.dim]),
        ],
        [numpy_helper.from_array(array, name) for name, array in initializers.items()],
    )
    proto = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="m2v-onnx",
        producer_version=__version__,
    )
    helper.set_model_props(proto, _metadata(model))
    # In the file as in memory: little-endian, like every tensor of ONNX.
    return Graph(proto, {"table": np.ascontiguousarray(model.table, dtype="<f4")})


def _mask_nodes(*, has_weights: bool) -> list[onnx.NodeProto]:
    """Attention mask and token ids -> `known`, 1 where a token counts, and `factor`, its weight in the sum.

    Both are (batch, sequence).
    """
    nodes = [
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["has_meaning", "input_ids"], ["meaning"]),
        helper.make_node("Mul", ["mask", "meaning"], ["known"]),
    ]
    if not has_weights:
        return [*nodes, helper.make_node("Identity", ["known"], ["factor"])]
    return [
        *nodes,
        helper.make_node("Gather", ["weights", "input_ids"], ["weight"]),
        helper.make_node("Mul", ["known", "weight"], ["factor"]),
    ]


def _row_nodes(*, has_mapping: bool) -> list[onnx.NodeProto]:
    """Token ids -> `rows` (batch, sequence, D)."""
    if not has_mapping:
        return [helper.make_node("Gather", ["table", "input_ids"], ["rows"])]
    return [
        helper.make_node("Gather", ["mapping", "input_ids"], ["row_ids"]),
        helper.make_node("Gather", ["table", "row_ids"], ["rows"]),
    ]


def _mean_nodes() -> list[onnx.NodeProto]:
    """Rows, factors and counts -> `mean` (batch, D); MatMul is twice as fast as Mul and ReduceSum."""
    return [
        helper.make_node("Unsqueeze", ["factor", "axis_1"], ["factor_row"]),
        helper.make_node("MatMul", ["factor_row", "rows"], ["sum_row"]),
        helper.make_node("Squeeze", ["sum_row", "axis_1"], ["sum"]),
        helper.make_node("ReduceSum", ["known", "axis_1"], ["n_known"], keepdims=1),
        helper.make_node("Max", ["n_known", "one"], ["divisor"]),
        helper.make_node("Div", ["sum", "divisor"], ["mean"]),
    ]


def _normalize_nodes(*, normalize: bool) -> list[onnx.NodeProto]:
    """`mean` -> `vector` (batch, D), zeros staying zeros."""
    if not normalize:
        return [helper.make_node("Identity", ["mean"], ["vector"])]
    return [
        helper.make_node("ReduceL2", ["mean"], ["norm"], axes=[1], keepdims=1),
        helper.make_node("Add", ["norm", "tiny"], ["safe_norm"]),
        helper.make_node("Div", ["mean", "safe_norm"], ["vector"]),
    ]


def _output_nodes() -> list[onnx.NodeProto]:
    """`vector` -> both outputs; `token_type_ids` is consumed by a sum that counts for nothing."""
    return [
        helper.make_node("ReduceSum", ["token_type_ids"], ["type_sum"], keepdims=0),
        helper.make_node("Mul", ["type_sum", "zero"], ["type_zero"]),
        helper.make_node("Cast", ["type_zero"], ["nothing"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["vector", "nothing"], ["sentence_embedding"]),
        helper.make_node("Shape", ["input_ids"], ["ids_shape"]),
        helper.make_node("Concat", ["ids_shape", "dim"], ["tokens_shape"], axis=0),
        helper.make_node("Unsqueeze", ["sentence_embedding", "axis_1"], ["sentence_row"]),
        helper.make_node("Expand", ["sentence_row", "tokens_shape"], ["last_hidden_state"]),
    ]


def _has_meaning(model: StaticModel) -> Vectors:
    """Give (V,) float32: 0 for unknown and special tokens, 1 for the others."""
    has_meaning = np.ones(model.n_tokens, np.float32)
    has_meaning[sorted(model.masked_ids)] = 0
    return has_meaning


def _metadata(model: StaticModel) -> dict[str, str]:
    recipe, teacher = model.config.recipe, model.config.teacher
    return {
        "name": f"static model of {teacher}" if teacher else "static model",
        "dim": str(model.dim),
        "recipe": recipe.name if recipe else "",
        "teacher": teacher or "",
        "m2v_onnx_version": __version__,
    }
