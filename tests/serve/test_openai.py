"""OpenAI's way to ask, and what is refused in its form."""

from __future__ import annotations

import base64

import numpy as np
import pytest


def ask(server, **body):
    return server.post("/v1/embeddings", body)


def test_texts_get_their_vectors_in_order(server):
    answer = ask(server, input=["sun", "sun moon", "comet", "", "moonlight"], model="raw")
    assert answer.status == 200
    assert answer.json == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": embedding}
            for index, embedding in enumerate([[3, 4], [1.5, 3], [0, 0], [0, 0], [0.5, 1]])
        ],
        "model": "raw",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},  # sun, sun moon, moon ##light
    }


def test_one_text_gets_one_vector(server):
    assert ask(server, input="sun").json["data"] == [{"object": "embedding", "index": 0, "embedding": [3, 4]}]


def test_base64_is_little_endian_float32(server):
    assert ask(server, input="sun", encoding_format=None).json["data"][0]["embedding"] == [3, 4]
    entries = ask(server, input=["sun", "moon"], encoding_format="base64").json["data"]
    found = [np.frombuffer(base64.b64decode(entry["embedding"]), "<f4").tolist() for entry in entries]
    assert found == [[3, 4], [0, 2]]


def test_a_model_is_asked_by_its_name_and_cuts_texts_at_its_limit(server):
    answer = ask(server, input=["sun", "sun sun sun moon moon"], model="other").json
    np.testing.assert_allclose([entry["embedding"] for entry in answer["data"]], [[0.6, 0.8]] * 2, rtol=1e-6)
    assert answer["model"] == "other"
    assert answer["usage"]["prompt_tokens"] == 4


def test_fewer_dimensions_are_the_first_and_unit_again_where_the_model_gives_unit_vectors(server):
    assert ask(server, input="sun", dimensions=1).json["data"][0]["embedding"] == [3]
    assert ask(server, input="sun", dimensions=1, model="other").json["data"][0]["embedding"] == [1]
    assert ask(server, input="sun", dimensions=2).json["data"][0]["embedding"] == [3, 4]


def test_many_texts_are_answered_in_a_thread(server):
    texts = ["sun", "moon", "sun moon"] * 500
    answer = ask(server, input=texts).json
    found = np.array([entry["embedding"] for entry in answer["data"]])
    np.testing.assert_allclose(found, [[3, 4], [0, 2], [1.5, 3]] * 500, atol=1e-6)
    assert answer["usage"]["total_tokens"] == 2000


def test_models_are_listed_and_described(server):
    listed = server.get("/v1/models").json
    assert (listed["object"], [model["id"] for model in listed["data"]]) == ("list", ["raw", "other"])
    assert server.get("/v1/models/other").json == listed["data"][1]
    assert listed["data"][1]["object"] == "model"
    assert server.get("/v1/models/none").json["error"]["code"] == "model_not_found"


REFUSED = [
    (b"", "expected a body of JSON"),
    (b"{", "expected a body of JSON"),
    (b"\xff\xfe", "expected a body of JSON"),
    (b'{"input": "\\ud800"}', "expected a body of JSON"),
    (b"[" * 100_000, "expected a body of JSON"),
    (b'{"a":' * 100_000, "expected a body of JSON"),
    (b"NaN", "expected a body of JSON"),
    (b'"sun"', "expected a JSON object, found 'sun'"),
    (["sun"], "expected a JSON object, found a list of 1"),
    (None, "expected a JSON object, found null"),
    ({}, "expected input to be a text or a list of texts, found null"),
    ({"input": 5}, "expected input to be a text or a list of texts, found 5"),
    ({"input": {"a": 1}}, "expected input to be a text or a list of texts, found an object"),
    ({"input": []}, "expected input to hold a text, found an empty list"),
    ({"input": ["sun"] * 2049}, "expected up to 2048 texts in input, found 2049"),
    ({"input": ["sun", None]}, r"expected input[1] to be a text, found null"),
    ({"input": ["sun", True]}, r"expected input[1] to be a text, found true"),
    ({"input": ["sun", ["moon"]]}, r"expected input[1] to be a text, found a list of 1"),
    ({"input": [101, 102]}, "check_embedding_ctx_length=False"),
    ({"input": [[101, 102], [103]]}, "check_embedding_ctx_length=False"),
    ({"input": ["sun", 7]}, "check_embedding_ctx_length=False"),
    ({"input": "sun", "dimensions": 3}, "expected dimensions to lie between 1 and the model's 2, found 3"),
    ({"input": "sun", "dimensions": 0}, "expected dimensions to lie between 1 and the model's 2, found 0"),
    ({"input": "sun", "dimensions": True}, "found true"),
    ({"input": "sun", "dimensions": 1.0}, "found 1.0"),
    ({"input": "sun", "dimensions": "2"}, "found '2'"),
    (
        {"input": "sun", "encoding_format": "hex"},
        "expected encoding_format to be float or base64, found 'hex'",
    ),
    ({"input": "sun", "encoding_format": 0}, "expected encoding_format to be float or base64, found 0"),
]


@pytest.mark.parametrize(("body", "message"), REFUSED, ids=[str(index) for index in range(len(REFUSED))])
def test_what_is_refused_says_why(server, body, message):
    answer = server.post("/v1/embeddings", body)
    assert answer.status == 400
    assert message in answer.message
    assert answer.json["error"].keys() == {"message", "type", "param", "code"}
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert server.embed("sun") == [[3, 4]]


@pytest.mark.parametrize("model", ["text-embedding-3-small", "", 5, ["raw"], {"a": 1}])
def test_a_model_that_there_is_not(server, model):
    answer = ask(server, input="sun", model=model)
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
    assert "expected model to be one of raw, other, found" in answer.message


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/embeddings", 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/v1/embeddings/", 404),
        ("POST", "/v1/completions", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/" + "a" * 10_000, 404),
    ],
)
def test_paths_and_methods_that_there_are_not(server, method, path, status):
    answer = server.ask(method, path, None, {})
    assert answer.status == status
    assert answer.message.startswith("expected a")
