"""The universal graph: token ids in, sentence vectors out, in the form that every engine takes.

Inputs are `input_ids`, `attention_mask` and `token_type_ids`, as a BERT has them. Outputs are
`last_hidden_state`, the sentence vector repeated at every position, so that CLS, mean, last and max pooling
all give the same right vector, and then `sentence_embedding`. A classifier's are `logits`, `probabilities`
and `sentence_embedding`: no string, because optimum makes a tensor of torch of every output.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper

from m2v_onnx.export.assembly import assemble
from m2v_onnx.export.graph import Graph
from m2v_onnx.export.head_nodes import add_pairs, add_terms, head_outputs, pair_places, write_head
from m2v_onnx.export.ids.row_mean import Factors, factors, mean, weighted_sum
from m2v_onnx.export.nodes import Nodes
from m2v_onnx.model.classification_head import ClassificationHead
from m2v_onnx.model.quantization import Precision, quantize_table
from m2v_onnx.model.quantized_head import QuantizedHead, quantize_head
from m2v_onnx.model.static_embedding import StaticEmbedding

IDS_SHAPE = ("batch", "sequence")
TokenTypes = Literal["optional", "required"]


def build_ids_graph(
    model: StaticEmbedding,
    *,
    precision: Precision = "fp32",
    token_types: TokenTypes = "optional",
    head: ClassificationHead | None = None,
) -> Graph:
    """Build the ids graph.

    Args:
        model: any static model; `weights` and `mapping` become Gathers of their own.
        precision: the number type of its table.
        token_types: whether `token_type_ids`, which change nothing, may be left out. Some engines always
            give them and cannot see an optional input.
        head: a classifier's.

    Returns:
        A graph of opset 17, IR 8: `input_ids`, `attention_mask`, `token_type_ids` int64 (batch, sequence)
        to `last_hidden_state` float32 (batch, sequence, D) and `sentence_embedding` float32 (batch, D); or
        to `logits` and `probabilities` float32 (batch, C) and `sentence_embedding`.
        With precision int8 a text may have up to MOST_INT8_TOKENS tokens.
    """
    nodes = Nodes()
    ids, mask, types = [*ids_infos(), _token_types_input(token_types)]
    quantized = quantize_table(model.table, precision)
    tokens = factors(nodes, model, quantized, ids=ids.name, mask=mask.name)
    total = weighted_sum(nodes, model, quantized, tokens)
    nothing = _nothing(nodes, types.name)
    if head is None:
        _repeat(nodes, mean(nodes, model, total, tokens.known), ids.name, types.name, nothing, dim=model.dim)
        shape = [*IDS_SHAPE, model.dim]
        outputs = [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, shape)]
    else:
        mean(nodes, model, nodes.add("Add", [total, nothing], "total"), tokens.known)
        added = _add_tokens(nodes, quantize_head(head, precision), tokens)
        write_head(nodes, model, head, known=tokens.known, added=added, with_label=False)
        outputs = head_outputs(head, with_label=False)
    if token_types == "optional":
        nodes.constant(types.name, np.zeros((1, 1)), np.int64)
    return assemble(
        nodes,
        model,
        name="ids" if token_types == "optional" else "ids3",
        inputs=[ids, mask, types],
        outputs=[*outputs, sentence_output(model)],
        head=head,
    )


def _add_tokens(nodes: Nodes, head: QuantizedHead, tokens: Factors) -> list[str]:
    """Give what terms and pairs add, (batch, C) each."""
    added = [add_terms(nodes.beside("terms"), head, tokens)]
    if head.pairs is not None:
        pairs = nodes.beside("pairs")
        # The last place has no neighbour: the first one stands there, and counts as nothing.
        first = pairs.cut(tokens.token_ids, 0, 1, "first", axis=1)
        later = pairs.cut(tokens.token_ids, 1, None, "later", axis=1)
        following = pairs.add("Concat", [later, first], "following", axis=1)
        first = pairs.cut(tokens.known, 0, 1, "known_first", axis=1)
        later = pairs.cut(tokens.known, 1, None, "known_later", axis=1)
        nothing = pairs.add("Sub", [first, first], "nothing")
        following_known = pairs.add("Concat", [later, nothing], "following_known", axis=1)
        rows = pair_places(pairs, tokens.token_ids, following, len(head.pairs.rows))
        counts = pairs.add("Mul", [tokens.known, following_known], "counts")
        added.append(add_pairs(pairs, head, rows=rows, counts=counts))
    return [value for value in added if value is not None]


def ids_infos() -> list[onnx.ValueInfoProto]:
    """Give `input_ids` and `attention_mask`, int64 (batch, sequence)."""
    return [
        helper.make_tensor_value_info(name, TensorProto.INT64, IDS_SHAPE)
        for name in ("input_ids", "attention_mask")
    ]


def sentence_output(model: StaticEmbedding) -> onnx.ValueInfoProto:
    """Give `sentence_embedding`, float32 (batch, D)."""
    return helper.make_tensor_value_info("sentence_embedding", TensorProto.FLOAT, ["batch", model.dim])


def _token_types_input(token_types: TokenTypes) -> onnx.ValueInfoProto:
    # Names of its own where there is a default: onnxruntime trusts them, and the default has another shape.
    shape = ("type_batch", "type_sequence") if token_types == "optional" else IDS_SHAPE
    return helper.make_tensor_value_info("token_type_ids", TensorProto.INT64, shape)


def _nothing(nodes: Nodes, token_types: str) -> str:
    """Give 0, which depends on the token types: what they are is the same, but onnxruntime must see a use."""
    type_sum = nodes.add("ReduceSum", [token_types], "type_sum", keepdims=0)
    type_zero = nodes.add("Mul", [type_sum, nodes.constant("zero", 0, np.int64)], "type_zero")
    return nodes.cast(type_zero, TensorProto.FLOAT, "nothing")


def _repeat(nodes: Nodes, sentence: str, ids: str, token_types: str, nothing: str, *, dim: int) -> str:
    """Give `last_hidden_state`, the sentence vector at every position.

    With no element in the token types, nobody wants the hidden states: no position is written.
    """
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
