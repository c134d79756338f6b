"""From token ids to the sentence vector: what every graph of a static model shares."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from m2v_onnx.export.graph import Part
from m2v_onnx.export.ids.table_part import sum_part
from m2v_onnx.folder.engine_files import EXTRA_TOKENS
from m2v_onnx.model.quantization import MOST_INT8_TOKENS, Precision, QuantizedTable, quantize_table
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import Table, Vectors


def pooling_part(model: StaticEmbedding, precision: Precision) -> Part:
    """`input_ids` and `attention_mask` int64 (batch, sequence) -> `sentence_embedding` float32 (batch, D).

    Equal to `StaticEmbedding.encode_reference` on the ids of its tokenizer: unknown and special tokens are
    masked, and a text without a known token gives zeros.
    """
    encoded = quantize_table(model.table, precision)
    return factor_part(model, encoded) + weighted_sum_part(model, encoded) + mean_part(model)


def factor_part(model: StaticEmbedding, encoded: QuantizedTable) -> Part:
    """`input_ids`, `attention_mask` -> `known`, `factor` and `row_ids`, (batch, sequence) each.

    `known` is 1 where a token counts, `factor` the weight of its row in the sum, with the row's scale.
    """
    nodes = [
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["has_meaning", "input_ids"], ["meaning"]),
        helper.make_node("Mul", ["mask", "meaning"], ["known"]),
        # Ids behind the table, of EXTRA_TOKENS, count as nothing: any row will do.
        helper.make_node("Min", ["input_ids", "last_id"], ["token_ids"]),
    ]
    constants: dict[str, Table] = {
        "has_meaning": _has_meaning(model),
        "last_id": np.array(model.n_tokens - 1, np.int64),
    }
    weights = _weights(model, encoded)
    if weights is None:
        nodes.append(helper.make_node("Identity", ["known"], ["factor"]))
    else:
        constants["weights"] = weights
        nodes += [
            helper.make_node("Gather", ["weights", "token_ids"], ["weight"]),
            helper.make_node("Mul", ["known", "weight"], ["factor"]),
        ]
    if model.mapping is None:
        nodes.append(helper.make_node("Identity", ["token_ids"], ["row_ids"]))
        return Part(nodes, constants)
    nodes.append(helper.make_node("Gather", ["mapping", "token_ids"], ["row_ids"]))
    constants["mapping"] = model.mapping
    return Part(nodes, constants)


def weighted_sum_part(model: StaticEmbedding, encoded: QuantizedTable) -> Part:
    """`row_ids` and `factor` (batch, sequence) -> `sum` float32 (batch, D); in whole numbers if possible."""
    is_short = model.config.max_length is not None and model.config.max_length <= MOST_INT8_TOKENS
    return sum_part(encoded, is_whole=encoded.is_whole and model.weights is None and is_short)


def mean_part(model: StaticEmbedding) -> Part:
    """`sum` and `known` -> `sentence_embedding`; unit vectors where the model normalises."""
    nodes = [
        helper.make_node("ReduceSum", ["known", "axis_1"], ["n_known"], keepdims=1),
        helper.make_node("Max", ["n_known", "one"], ["divisor"]),
        helper.make_node("Div", ["sum", "divisor"], ["mean"]),
        *_normalize_nodes(normalize=model.config.normalize),
    ]
    constants: dict[str, Table] = {
        "axis_1": np.array([1], np.int64),
        "one": np.array(1, np.float32),
        "tiny": np.array(1e-32, np.float32),
    }
    return Part(nodes, constants)


def _normalize_nodes(*, normalize: bool) -> list[onnx.NodeProto]:
    """`mean` -> `sentence_embedding`, zeros staying zeros."""
    if not normalize:
        return [helper.make_node("Identity", ["mean"], ["sentence_embedding"])]
    return [
        helper.make_node("ReduceL2", ["mean"], ["norm"], axes=[1], keepdims=1),
        helper.make_node("Add", ["norm", "tiny"], ["safe_norm"]),
        helper.make_node("Div", ["mean", "safe_norm"], ["sentence_embedding"]),
    ]


def _weights(model: StaticEmbedding, encoded: QuantizedTable) -> Vectors | None:
    """Give (V,) float32, each token's weight times its row's scale; None for ones."""
    scale = encoded.row_scale
    if scale is not None and model.mapping is not None:
        scale = scale[model.mapping]
    if scale is None or model.weights is None:
        return model.weights if scale is None else scale
    return model.weights * scale


def _has_meaning(model: StaticEmbedding) -> Vectors:
    """Give float32 for each token id: 0 for unknown, special and extra tokens, 1 for the others."""
    return np.append(model.counting_ids, [False] * len(EXTRA_TOKENS)).astype(np.float32)
