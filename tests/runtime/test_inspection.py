"""Descriptions of models and texts."""

from __future__ import annotations

import pytest

from m2v_onnx import StaticModel
from m2v_onnx.errors import ArgumentError
from m2v_onnx.folder.reading import find_graph
from m2v_onnx.runtime.inspection import TokenDescription, describe_model, describe_text


def test_a_model_with_its_graph(folder):
    description = describe_model(StaticModel.from_pretrained(folder), graph_path=find_graph(folder))
    assert (description.tokens, description.dim, description.dtype) == (6, 2, "float32")
    assert (description.table_bytes, description.tokenizer) == (48, "WordPiece")
    assert description.graph.inputs == [
        "input_ids int64 [batch, sequence]",
        "attention_mask int64 [batch, sequence]",
        "token_type_ids int64 [type_batch, type_sequence] (optional)",
    ]
    assert description.graph.outputs[1] == "sentence_embedding float [batch, 2]"
    assert description.graph.metadata["dim"] == "2"


def test_a_model_without_a_graph(model):
    assert describe_model(model, graph_path=None).graph is None


def test_the_tokens_of_a_text_and_their_weights(model):
    assert describe_text(model, "sunlight comet") == [
        TokenDescription("sun", 2, 5.0),
        TokenDescription("##light", 4, 1.0),
        TokenDescription("[UNK]", 1, 0.0),
    ]


def test_what_is_no_text(model):
    with pytest.raises(ArgumentError, match="lone surrogate"):
        describe_text(model, "\ud800")
