"""The calls of model2vec's first README, with the package's name changed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from m2v_onnx import StaticModel
from m2v_onnx.distill import distill
from m2v_onnx.errors import ArgumentError
from tests.builders import replace_json, tiny_model, tiny_teacher_graph, write_tiny_teacher

DISTILL = """
from model2vec.distill import distill

# Choose a Sentence Transformer model
model_name = "BAAI/bge-base-en-v1.5"

# Distill the model
m2v_model = distill(model_name=model_name, pca_dims=256)

# Save the model
m2v_model.save_pretrained("m2v_model")
"""
ENCODE = """
from model2vec import StaticModel

# Load a model from the HuggingFace hub, or a local one.
model_name = "minishlab/M2V_base_output"
# You can optionally pass a token if you're loading a private model
model = StaticModel.from_pretrained(model_name, token=None)

# Make embeddings
embeddings = model.encode(["It's dangerous to go alone!", "It's a secret to everybody."])
"""
VOCABULARY = """
from model2vec.distill import distill

# Load a vocabulary as a list of strings
vocabulary = ["word1", "word2", "word3"]
# Choose a model name
model_name = "BAAI/bge-base-en-v1.5"

# Distill the model with the custom vocabulary
m2v_model = distill(model_name=model_name, vocabulary=vocabulary, pca_dims=256)

# Save the model
m2v_model.save_pretrained("m2v_model")
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder in which these names are local ones: a teacher of 384 columns, and a static model."""
    teacher = write_tiny_teacher(tmp_path / "BAAI/bge-base-en-v1.5", tiny_teacher_graph(384))
    replace_json(teacher / "config.json", hidden_size=384)
    tiny_model().save_pretrained(tmp_path / "minishlab/M2V_base_output")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(snippet):
    names = {}
    exec(snippet.replace("model2vec", "m2v_onnx"), names)
    return names


def test_a_model_is_loaded_and_encodes(place):
    names = run(ENCODE)
    np.testing.assert_array_equal(names["embeddings"], [[0, 0], [0, 0]])  # "!" has zeros
    assert names["model"].encode(["sun"]).tolist() == [[3, 4]]


@pytest.mark.slow
@pytest.mark.parametrize(("snippet", "words"), [(DISTILL, set()), (VOCABULARY, {"word1", "word2", "word3"})])
def test_a_teacher_is_distilled_by_its_name(place, snippet, words):
    made = run(snippet)["m2v_model"]
    saved = StaticModel.from_pretrained("m2v_model")
    assert saved.dim == 256
    assert words <= set(saved.tokens)
    assert {"sun", "moon"} <= set(saved.tokens)
    np.testing.assert_array_equal(saved.encode(["sun moon", "word1"]), made.encode(["sun moon", "word1"]))


@pytest.mark.slow
def test_the_command_line(place):
    (place / "vocabulary.txt").write_text("word1\nword2\n")
    options = "--model-name BAAI/bge-base-en-v1.5 --vocabulary-path vocabulary.txt --device cpu"
    command = [sys.executable, "-m", "m2v_onnx.distill", *options.split(), "--save-path", "m2v_model"]
    subprocess.run(command, check=True, cwd=place)
    model = StaticModel.from_pretrained("m2v_model")
    assert (model.dim, {"word1", "word2", "sun"} <= set(model.tokens)) == (256, True)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--model-name", "./none", "--save-path", "x"), 1, "error: expected"),
        (("--model-name", "./none", "--save-path", "x", "--device", "tpu"), 1, "found 'tpu'"),
        (("--save-path", "x"), 2, "--model-name"),
    ],
)
def test_wrong_command_lines(tmp_path, options, code, message):
    command = [sys.executable, "-m", "m2v_onnx.distill", *options]
    result = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert (result.returncode, message in result.stderr) == (code, True), result.stderr


def test_one_teacher_is_named(teacher):
    with pytest.raises(ArgumentError, match="expected one teacher, found 'a' and model_name 'b'"):
        distill("a", model_name="b")
    with pytest.raises(ArgumentError, match="expected a teacher, found none"):
        distill(pca_dims=2)
