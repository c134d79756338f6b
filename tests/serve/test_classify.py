"""Labels over HTTP."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from m2v_onnx import Classifier
from tests.classifiers import save_tiny_classifier
from tests.serve.servers import running

TEXTS = ["sun moon", "moon", "", "comet"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory, tiny_folders):
    place = tmp_path_factory.mktemp("classifiers")
    save_tiny_classifier(place / "one")
    save_tiny_classifier(place / "many", problem="multi_label")
    return place


@pytest.fixture(scope="module")
def both(folders, tiny_folders, tmp_path_factory):
    place = tmp_path_factory.mktemp("server")
    with running(place, tiny_folders / "raw", folders / "one", folders / "many") as found:
        yield found


def test_labels_and_probabilities_are_those_of_the_classifier(both, folders):
    classifier = Classifier.from_pretrained(folders / "one")
    content = both.post("/v1/classify", {"input": TEXTS}).json  # the first that is one
    assert content["model"] == "one"
    assert content["labels"] == list(classifier.labels)
    assert [entry["label"] for entry in content["data"]] == classifier.predict(TEXTS)
    found = np.array([entry["probs"] for entry in content["data"]])
    np.testing.assert_allclose(found, classifier.predict_proba(TEXTS), rtol=1e-6)
    assert content["usage"]["prompt_tokens"] == 3


def test_the_numbers_of_a_graph(tmp_path):
    save_tiny_classifier(tmp_path / "one", graphs=("ids", "text"))
    classifier = Classifier.from_pretrained(tmp_path / "one")
    with running(tmp_path, tmp_path / "one", options=("--precision", "int8")) as server:
        data = server.post("/v1/classify", {"input": TEXTS}).json["data"]
    session = onnxruntime.InferenceSession(tmp_path / "one/onnx/model_text_quantized.onnx")
    expected = session.run(["probabilities"], {"text": np.array(TEXTS)})[0]
    found = np.array([entry["probs"] for entry in data])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(found - classifier.predict_proba(TEXTS)).max() > 1e-6


def test_any_number_of_labels(both, folders):
    classifier = Classifier.from_pretrained(folders / "many")
    content = both.post("/v1/classify", {"input": TEXTS, "model": "many"}).json
    assert [entry["label"] for entry in content["data"]] == classifier.predict(TEXTS)


def test_a_classifier_embeds_as_its_model_does(both):
    bodies = [{"input": "sun moon", "model": name} for name in ("raw", "one")]
    raw, one = (both.post("/v1/embeddings", body).json["data"][0]["embedding"] for body in bodies)
    assert raw == one


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"input": "sun", "model": "raw"}, 400, "expected a classifier (one, many), found the model raw"),
        ({"input": "sun", "model": "none"}, 404, "expected model to be one of raw, one, many"),
        ({"input": []}, 400, "expected input to hold a text, found an empty list"),
    ],
)
def test_what_is_refused_says_why(both, body, status, message):
    answer = both.post("/v1/classify", body)
    assert answer.status == status
    assert message in answer.message


def test_a_server_without_a_classifier(server):
    answer = server.post("/v1/classify", {"input": "sun"})
    assert answer.status == 400
    assert "expected a classifier (none here), found the model raw" in answer.message
