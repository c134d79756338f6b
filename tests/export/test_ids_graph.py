"""The ids graph as other engines see it."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest

from m2v_onnx.export.ids.ids_graph import build_ids_graph
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.recipe import Recipe
from m2v_onnx.version import __version__
from tests.builders import tiny_model

CONFIG = ModelConfig(normalize=True, teacher="owner/name", recipe=Recipe("model2vec-0.10"))


@pytest.fixture(scope="module")
def proto():
    return build_ids_graph(tiny_model(config=CONFIG)).to_proto()


@pytest.fixture(scope="module")
def session(proto):
    return onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])


def run(session, ids, mask, **more):
    feeds = {"input_ids": np.array(ids, np.int64), "attention_mask": np.array(mask, np.int64), **more}
    return session.run(None, feeds)


def test_the_graph_is_valid_and_loads_in_older_runtimes(proto):
    onnx.checker.check_model(proto, full_check=True)
    assert [(opset.domain, opset.version) for opset in proto.opset_import] == [("", 17)]
    assert proto.ir_version == 8


def test_inputs_and_outputs_in_the_order_that_engines_want(session):
    assert [entry.name for entry in session.get_inputs()] == ["input_ids", "attention_mask"]
    assert [entry.name for entry in session.get_overridable_initializers()] == ["token_type_ids"]
    outputs = [(entry.name, entry.shape) for entry in session.get_outputs()]
    assert outputs == [("last_hidden_state", ["batch", "sequence", 2]), ("sentence_embedding", ["batch", 2])]


def test_the_file_holds_the_same_model_as_memory(proto, tmp_path):
    table = np.arange(6 * 200, dtype=np.float32).reshape(6, 200)  # lengths of more than one byte
    for model in (tiny_model(config=CONFIG), tiny_model(table=table)):
        graph = build_ids_graph(model)
        graph.write(tmp_path / "model.onnx")
        assert onnx.load(tmp_path / "model.onnx") == graph.to_proto()


def test_metadata(proto):
    assert {entry.key: entry.value for entry in proto.metadata_props} == {
        "name": "static model of owner/name",
        "dim": "2",
        "recipe": "model2vec-0.10",
        "teacher": "owner/name",
        "m2v_onnx_version": __version__,
    }


def test_every_pooling_of_the_hidden_state_is_the_sentence_vector(session):
    hidden, vectors = run(session, [[2, 3, 0], [2, 1, 4]], [[1, 1, 0], [1, 1, 1]])
    expected = np.array([[1.5, 3], [2, 2]]) / np.linalg.norm([[1.5, 3], [2, 2]], axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, expected, rtol=1e-6)
    for pooled in (hidden[:, 0], hidden[:, -1], hidden.max(axis=1)):
        np.testing.assert_array_equal(pooled, vectors)
    np.testing.assert_allclose(hidden.mean(axis=1), vectors, rtol=1e-6)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0), (2, 3)])
def test_nothing_to_embed_gives_zeros(session, shape):
    unknown = np.ones(shape, np.int64)
    hidden, vectors = run(session, unknown, unknown)
    np.testing.assert_array_equal(vectors, np.zeros((shape[0], 2), np.float32))
    assert hidden.shape == (*shape, 2)
    hidden, vectors = run(session, np.full(shape, 2), np.zeros(shape))
    np.testing.assert_array_equal(vectors, np.zeros((shape[0], 2), np.float32))


def test_token_types_are_taken_and_change_nothing(session):
    ids, mask = [[2, 3], [4, 5]], [[1, 1], [1, 0]]
    plain = run(session, ids, mask)
    typed = run(session, ids, mask, token_type_ids=np.ones((2, 2), np.int64))
    for one, other in zip(plain, typed, strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_loads_without_a_word_on_stderr(folder, capfd):
    from m2v_onnx import StaticModel

    StaticModel.from_pretrained(folder).encode(["sun"] * 9)
    assert capfd.readouterr() == ("", "")


def test_without_an_element_in_the_token_types_the_hidden_states_are_left_out(session):
    ids, mask = [[2, 3, 5], [4, 0, 0]], [[1, 1, 1], [1, 0, 0]]
    expected = run(session, ids, mask)[1]
    for shape in ((0, 0), (2, 0)):
        hidden, vectors = run(session, ids, mask, token_type_ids=np.empty(shape, np.int64))
        assert hidden.shape == (2, 0, 2)
        np.testing.assert_array_equal(vectors, expected)
