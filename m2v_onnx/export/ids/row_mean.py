"""From tokens to the sentence vector: what every graph of a static model shares."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from m2v_onnx.export.ids.table_rows import gather_sum
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.folder.engine_files import EXTRA_TOKENS
from m2v_onnx.model.quantization import MOST_INT8_TOKENS, QuantizedTable
from m2v_onnx.model.static_embedding import StaticEmbedding
from m2v_onnx.model.vectors import LEAST_VALUE, Vectors


@dataclass(frozen=True)
class Factors:
    """Names of what is known of the tokens of a batch.

    Attributes:
        known: (batch, sequence) float32, 1 where a token counts, else 0.
        factor: (batch, sequence) float32, the weight of a token's row in the sum, with the row's scale.
        row_ids: (batch, sequence), the row of the table that a token has.
        token_ids: (batch, sequence), the ids, those of EXTRA_TOKENS replaced.
    """

    known: str
    factor: str
    row_ids: str
    token_ids: str


def factors(
    nodes: Nodes,
    model: StaticEmbedding,
    quantized: QuantizedTable,
    *,
    ids: str,
    mask: str,
    known: str = "known",
) -> Factors:
    """Give what each token adds to the mean, and from which row.

    Args:
        nodes: where to write.
        model: any static model.
        quantized: its table.
        ids: (batch, sequence) int64, token ids.
        mask: (batch, sequence) int64, 1 where there is a token, else 0.
        known: the name of the first result; inside a loop it must be another than around it.
    """
    mask = nodes.cast(mask, TensorProto.FLOAT, "mask")
    has_meaning = nodes.constant("has_meaning", meaning(model), np.float32)
    known = nodes.add("Mul", [mask, nodes.add("Gather", [has_meaning, ids], "meaning")], known)
    # Ids behind the table, of EXTRA_TOKENS, count as nothing: any row will do.
    last_id = nodes.constant("last_id", model.n_tokens - 1, np.int64)
    ids = nodes.add("Min", [ids, last_id], "token_ids")
    weights = _weights(model, quantized)
    if weights is None:
        factor = nodes.add("Identity", [known], "factor")
    else:
        names = [nodes.constant("weights", weights, np.float32), ids]
        factor = nodes.add("Mul", [known, nodes.add("Gather", names, "weight")], "factor")
    if model.mapping is None:
        row_ids = nodes.add("Identity", [ids], "row_ids")
    else:
        mapping = nodes.constant("mapping", model.mapping, model.mapping.dtype)
        row_ids = nodes.add("Gather", [mapping, ids], "row_ids")
    return Factors(known, factor, row_ids, ids)


def weighted_sum(
    nodes: Nodes,
    model: StaticEmbedding,
    quantized: QuantizedTable,
    tokens: Factors,
    output: str = "sum",
) -> str:
    """Give float32 (batch, D), the sum of the rows times their factors; in whole numbers if possible."""
    is_short = model.config.max_length is not None and model.config.max_length <= MOST_INT8_TOKENS
    is_whole = quantized.is_whole and model.weights is None and is_short
    return gather_sum(nodes, quantized, tokens.row_ids, tokens.factor, output, is_whole=is_whole)


def mean(nodes: Nodes, model: StaticEmbedding, total: str, known: str) -> str:
    """Give `sentence_embedding` float32 (batch, D): unit vectors where the model normalizes, or zeros.

    Args:
        nodes: where to write.
        model: any static model.
        total: (batch, D) float32, the weighted sum of each text's rows.
        known: (batch, n) float32, whose sum is the number of tokens that count.
    """
    n_known = nodes.add("ReduceSum", [known, nodes.constant("axis_1", [1], np.int64)], "n_known", keepdims=1)
    divisor = nodes.add("Max", [n_known, nodes.constant("one", 1, np.float32)], "divisor")
    average = nodes.add("Div", [total, divisor], "mean")
    if not model.config.normalize:
        return nodes.add("Identity", [average], "sentence_embedding")
    return unit_rows(nodes, average, "sentence_embedding")


def unit_rows(nodes: Nodes, value: str, output: str) -> str:
    """Divide each row of (batch, D) float32 by its length; rows that count as zeros become zeros."""
    # Squares of very small and very large numbers are no float32: the largest becomes 1 first, and then the
    # length is 1 or more. Divided by infinity, numbers that count as zeros become zeros.
    largest = nodes.add("ReduceMax", [nodes.add("Abs", [value], "sizes")], "largest", axes=[1], keepdims=1)
    is_zero = nodes.add("Less", [largest, nodes.constant("least", LEAST_VALUE, np.float32)], "is_zero")
    infinity = nodes.constant("infinity", np.inf, np.float32)
    scaled = nodes.add("Div", [value, nodes.add("Where", [is_zero, infinity, largest], "scale")], "scaled")
    norm = nodes.add("ReduceL2", [scaled], "norm", axes=[1], keepdims=1)
    one = nodes.constant("one", 1, np.float32)
    return nodes.add("Div", [scaled, nodes.add("Max", [norm, one], "safe_norm")], output)


def _weights(model: StaticEmbedding, quantized: QuantizedTable) -> Vectors | None:
    """Give (V,) float32, each token's weight times its row's scale; None for ones."""
    scale = quantized.row_scale
    if scale is not None and model.mapping is not None:
        scale = scale[model.mapping]
    if scale is None or model.weights is None:
        return model.weights if scale is None else scale
    return model.weights * scale


def meaning(model: StaticEmbedding) -> Vectors:
    """Give float32 for each token id: 0 for unknown, special and extra tokens, 1 for the others."""
    return np.append(model.counting_ids, [False] * len(EXTRA_TOKENS)).astype(np.float32)
