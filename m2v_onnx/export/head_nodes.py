"""The head of a classifier as nodes: what tokens and pairs add, and from a vector to logits and labels."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from m2v_onnx.export.ids.row_mean import Factors, unit_rows
from m2v_onnx.export.ids.table_rows import gather_sum
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.folder.classifier_files import label_texts
from m2v_onnx.model.classification_head import PAIR_FACTORS, ClassificationHead
from m2v_onnx.model.quantization import QuantizedTable
from m2v_onnx.model.quantized_head import QuantizedHead
from m2v_onnx.model.static_embedding import StaticEmbedding


def add_terms(nodes: Nodes, head: QuantizedHead, tokens: Factors) -> str | None:
    """Give float32 (batch, C), the sum of the terms of each row's tokens; None where the head has none."""
    return None if head.terms is None else _sum(nodes, head.terms, tokens.token_ids, tokens.known)


def add_pairs(nodes: Nodes, head: QuantizedHead, *, rows: str, counts: str) -> str | None:
    """Give float32 (batch, C), the sum of each row's pairs; None where the head has none.

    Args:
        nodes: where to write.
        head: the classifier's head.
        rows: (batch, n) int64, a row of the pairs for each place.
        counts: (batch, n) float32, 1 where there is a pair, else 0.
    """
    return None if head.pairs is None else _sum(nodes, head.pairs, rows, counts)


def _sum(nodes: Nodes, table: QuantizedTable, rows: str, counts: str) -> str:
    if table.row_scale is not None:
        scale = nodes.add("Gather", [nodes.constant("row_scale", table.row_scale, np.float32), rows], "scale")
        counts = nodes.add("Mul", [counts, scale], "factor")
    return gather_sum(nodes, table, rows, counts, "sum", is_whole=False)


def pair_places(nodes: Nodes, first: str, second: str, n_rows: int) -> str:
    """Give int64, the row of each pair of int64 token ids: `m2v_onnx.model.classification_head.pair_rows`."""
    factors = [nodes.constant(f"factor_{i}", factor, np.int64) for i, factor in enumerate(PAIR_FACTORS)]
    left = nodes.add("Mul", [first, factors[0]], "first_part")
    right = nodes.add("Mul", [second, factors[1]], "second_part")
    hashed = nodes.add("Add", [left, right], "hashed")
    return nodes.add("Mod", [hashed, nodes.constant("n_rows", n_rows, np.int64)], "places")


def write_head(
    nodes: Nodes,
    model: StaticEmbedding,
    head: ClassificationHead,
    *,
    known: str,
    added: list[str],
    with_label: bool,
) -> None:
    """Write the outputs of a classifier behind `sentence_embedding`.

    Args:
        nodes: the group "" of the graph.
        model: the classifier's model.
        head: its head.
        known: (batch, n) float32, whose sum is the number of tokens that count.
        added: (batch, C) float32 each, the sums of terms and of pairs.
        with_label: whether there is an output `label`, a string.
    """
    inner = nodes.beside("head")
    vector = "sentence_embedding"
    if head.unit and not model.config.normalize:
        vector = unit_rows(inner, vector, "unit")
    weight = inner.constant("weight", head.weight, np.float32)
    bias = inner.constant("bias", head.bias, np.float32)
    if not added:
        nodes.add("Gemm", [vector, weight, bias], "logits")
    else:
        own = inner.add("Gemm", [vector, weight, bias], "of_vector")
        axis = inner.constant("axis_1", [1], np.int64)
        n_known = inner.add("ReduceSum", [known, axis], "n_known", keepdims=1)
        divisor = inner.add("Max", [n_known, inner.constant("one", 1, np.float32)], "divisor")
        total = added[0] if len(added) == 1 else inner.add("Add", added, "added")
        share = inner.add("Div", [total, inner.add("Sqrt", [divisor], "root")], "share")
        nodes.add("Add", [own, share], "logits")
    if head.problem == "regression":
        return
    if head.problem == "multi_label":
        nodes.add("Sigmoid", ["logits"], "probabilities")
    else:
        nodes.add("Softmax", ["logits"], "probabilities", axis=1)
    if with_label:
        labels = inner.constant("labels", np.array(label_texts(head), object), np.object_)
        likeliest = inner.add("ArgMax", ["logits"], "likeliest", axis=1, keepdims=0)
        nodes.add("Gather", [labels, likeliest], "label")


def head_outputs(head: ClassificationHead, *, with_label: bool) -> list[onnx.ValueInfoProto]:
    """Give the outputs of a classifier that stand in front of `sentence_embedding`, `logits` first."""
    names = ["logits"] if head.problem == "regression" else ["logits", "probabilities"]
    shape = ["batch", head.n_outputs]
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in names]
    if with_label and head.problem != "regression":
        infos.append(helper.make_tensor_value_info("label", TensorProto.STRING, ["batch"]))
    return infos
