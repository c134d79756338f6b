"""The way to ask of Text Embeddings Inference, and what is counted."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx import __version__
from tests.builders import tiny_model
from tests.serve.servers import running


@pytest.fixture(scope="module")
def unit_server(tiny_folders, tmp_path_factory):
    with running(tmp_path_factory.mktemp("unit"), tiny_folders / "unit") as found:
        yield found


def test_vectors_are_unit_vectors_unless_the_client_says_no(server, unit_server):
    body = {"inputs": ["sun", "comet"]}
    for one in (server, unit_server):
        np.testing.assert_allclose(one.post("/embed", body).json, [[0.6, 0.8], [0, 0]], rtol=1e-6)
        assert one.post("/embed", {**body, "normalize": False}).json == [[3, 4], [0, 0]]


def test_the_numbers_of_a_graph_without_its_last_step(tmp_path):
    table = np.random.default_rng(0).normal(size=(6, 64)).astype(np.float32)
    tiny_model(table=table, normalize=True).save_pretrained(tmp_path / "m", precisions=("fp32", "int8"))
    with running(tmp_path, tmp_path / "m", options=("--precision", "int8")) as found:
        unit, raw = (
            np.array(found.post("/embed", {"inputs": "sun moon", "normalize": flag}).json)
            for flag in (True, False)
        )
    np.testing.assert_allclose(raw / np.linalg.norm(raw), unit, atol=1e-6)
    assert np.abs(raw - (table[2] + table[3]) / 2).max() > 1e-3


def test_one_text_and_fewer_dimensions(server):
    assert server.post("/embed", {"inputs": "sun", "dimensions": 1, "normalize": False}).json == [[3]]
    assert server.post("/embed", {"inputs": "sun", "dimensions": 1}).json == [[1]]


def test_a_long_text_is_cut_unless_the_client_says_no(unit_server):
    body = {"inputs": ["sun", "sun moon sun moon"], "truncate": True}
    assert unit_server.post("/embed", body).status == 200
    answer = unit_server.post("/embed", {**body, "truncate": False})
    assert answer.status == 413
    assert answer.json == {
        "error": "expected texts of up to 3 tokens, found 4 in inputs[1]: shorten it, or leave out truncate",
        "error_type": "validation",
    }
    assert unit_server.post("/embed", {"inputs": ["sun moon !"], "truncate": False}).status == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"inputs": []}, "expected inputs to hold a text, found an empty list"),
        ({"input": "sun"}, "expected inputs to be a text or a list of texts, found null"),
        ({"inputs": [[1, 2]]}, "expected inputs to hold texts, found token ids"),
        ({"inputs": "sun", "normalize": "yes"}, "expected normalize to be true or false, found 'yes'"),
        ({"inputs": "sun", "truncate": 1}, "expected truncate to be true or false, found 1"),
        ({"inputs": "sun", "dimensions": 9}, "between 1 and the model's 2, found 9"),
        ({"inputs": "sun", "prompt_name": "query"}, "expected no prompt_name, found 'query'"),
        ({"inputs": "sun", "prompt_name": "right"}, "expected no prompt_name, found 'right'"),
        ({"inputs": "sun", "truncation_direction": "Left"}, "expected no truncation_direction, found 'Left'"),
    ],
)
def test_what_is_refused_says_why(server, body, message):
    answer = server.post("/embed", body)
    assert answer.status == 400
    assert message in answer.json["error"]
    assert answer.json["error_type"] == "validation"


def test_info_tells_of_the_first_model(server, unit_server):
    info = server.get("/info").json
    assert info["model_id"] == "raw"
    assert info["version"] == __version__
    assert info["max_client_batch_size"] == 2048
    assert (info["max_input_length"], unit_server.get("/info").json["max_input_length"]) == (512, 3)


def test_health(server):
    answer = server.get("/health")
    assert (answer.status, answer.body) == (200, b"")
    assert server.ask("HEAD", "/health", None, {}).status == 200


def test_requests_texts_and_tokens_are_counted(unit_server):
    names = (
        'm2v_onnx_requests_total{path="/v1/embeddings",status="200"}',
        'm2v_onnx_requests_total{path="/v1/embeddings",status="400"}',
        'm2v_onnx_request_seconds_count{path="/v1/embeddings"}',
        'm2v_onnx_texts_total{model="unit"}',
        'm2v_onnx_tokens_total{model="unit"}',
    )
    before = [unit_server.count(name) for name in names]
    unit_server.embed("sun moon", "comet")
    unit_server.post("/v1/embeddings", b"{")
    after = [unit_server.count(name) for name in names]
    assert np.subtract(after, before).tolist() == [1, 1, 2, 2, 2]
    answer = unit_server.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
