"""What of the integrations is small enough for every run; `make integrations` has them all."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from m2v_onnx import StaticModel
from m2v_onnx.errors import FolderError
from m2v_onnx.integrations.models import as_model
from m2v_onnx.integrations.sklearn import StaticEmbedder
from tests.builders import ROWS, tiny_model
from tests.environments import ROOT, install_node
from tests.integrations.blocks import check_block, read_blocks, run_program, write_letters_model
from tests.integrations.environments import ENVIRONMENT_OF
from tests.serve.servers import running

TEXTS = ["a cat sleeps", "", "the stock market fell. " * 50, "Zürich 中文 \0"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder that holds `my-model`."""
    folder = tmp_path_factory.mktemp("integrations")
    write_letters_model(folder / "my-model")
    return folder


@pytest.fixture
def has_uv():
    if not Path(sys.executable).with_name("uv").exists():
        pytest.skip("uv is not installed beside this Python: run `make test`")


def test_every_section_with_a_block_has_an_environment():
    assert read_blocks().keys() == ENVIRONMENT_OF.keys()


@pytest.mark.slow
@pytest.mark.usefixtures("has_uv")
@pytest.mark.parametrize("name", [name for name, place in ENVIRONMENT_OF.items() if place == "small"])
def test_a_block_gives_the_vectors_of_encode(place, name):
    check_block(name, place)


@pytest.mark.slow
@pytest.mark.usefixtures("has_uv")
@pytest.mark.parametrize("language", ["python", "node"])
def test_the_clients_of_openai(place, tmp_path, language):
    options = ("--api-key", "secret")
    with running(tmp_path, place / "my-model", options=options) as server:
        arguments = [server.address, "my-model", "secret", json.dumps(TEXTS)]
        if language == "python":
            program = Path(__file__).with_name("openai_client.py").read_text()
            printed = run_program("small", f"import sys; sys.argv[1:] = {arguments!r}\n{program}", place)
        else:
            node = ROOT / "tests/integrations/node"
            install_node(node)
            command = ["node", node / "openai_client.mjs", *arguments]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    answers = json.loads(printed)
    expected = StaticModel.from_pretrained(place / "my-model").encode(TEXTS)
    for name in ("default", "float"):
        np.testing.assert_allclose(np.array(answers[name], np.float32), expected, atol=1e-6)
    short = StaticModel.from_pretrained(place / "my-model", dims=2).encode(TEXTS)
    np.testing.assert_allclose(answers["short"], short, atol=1e-6)
    assert answers["models"] == ["my-model"]
    kinds = {
        name: (answers[name]["kind"], answers[name]["status"])
        for name in ("wrongKey", "tokens", "wide", "noModel")
    }
    assert kinds == {
        "wrongKey": ("AuthenticationError", 401),
        "tokens": ("BadRequestError", 400),
        "wide": ("BadRequestError", 400),
        "noModel": ("NotFoundError", 404),
    }
    assert "check_embedding_ctx_length=False" in answers["tokens"]["message"]
    assert "expected dimensions to lie between 1 and the model's 16, found 999" in answers["wide"]["message"]


def test_the_estimator_is_cloned_searched_and_pickled_by_its_name(tmp_path):
    tiny_model().save_pretrained(tmp_path / "model", precisions=("fp32", "int8"))
    embedder = StaticEmbedder(str(tmp_path / "model"))
    np.testing.assert_array_equal(embedder.fit_transform(["sun", "moon"]), [[3, 4], [0, 2]])
    np.testing.assert_array_equal(clone(embedder).set_params(dims=1).transform(("sun",)), [[3]])
    np.testing.assert_allclose(
        clone(embedder).set_params(normalize=True).transform(["sun"]), [[0.6, 0.8]], rtol=1e-6
    )
    assert embedder.get_feature_names_out().tolist() == ["embedding0", "embedding1"]
    search = GridSearchCV(
        make_pipeline(embedder, LogisticRegression()), {"staticembedder__precision": [None, "int8"]}, cv=2
    )
    search.fit(["sun", "moon"] * 4, [0, 1] * 4)
    assert search.predict(["moon", "sun"]).tolist() == [1, 0]
    pickled = pickle.dumps(search.best_estimator_)
    assert len(pickled) < 4000
    assert pickle.loads(pickled).predict(["moon"]).tolist() == [1]


def test_a_name_means_the_folder_that_is_there_now(tmp_path, monkeypatch):
    for place, factor in (("one", 1), ("two", 2)):
        tiny_model(table=factor * ROWS).save_pretrained(tmp_path / place / "model")
    monkeypatch.chdir(tmp_path / "one")
    embedder = StaticEmbedder("model")
    assert embedder.transform(["sun"]).tolist() == [[3, 4]]
    pickled = pickle.dumps(embedder)
    monkeypatch.chdir(tmp_path / "two")
    assert embedder.transform(["sun"]).tolist() == as_model("model").encode(["sun"]).tolist() == [[6, 8]]
    assert pickle.loads(pickled).transform(["sun"]).tolist() == [[3, 4]]
    tiny_model(table=3 * ROWS).save_pretrained("model")
    assert embedder.transform(["sun"]).tolist() == [[9, 12]]


def test_a_model_that_is_not_there_is_named_when_fitting(tmp_path):
    with pytest.raises(FolderError, match="none"):
        StaticEmbedder(str(tmp_path / "none")).fit(["sun"])
