"""The package in environments made from scratch, and the peer reading our folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import numpy as np
import pytest

from m2v_onnx import StaticModel

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
BASE = {"numpy", "onnxruntime", "tokenizers", "safetensors", "huggingface_hub", "typer", "rich"}
TEXTS = json.loads((ROOT / "tests/data/peer_minilm_256.json").read_text(encoding="utf-8"))["texts"]


@pytest.fixture(scope="module")
def uv():
    path = Path(sys.executable).with_name("uv")
    if not path.exists():
        pytest.skip("uv is not installed beside this Python: run `make test`")
    return path


def make_environment(uv: Path, folder: Path, *packages: object) -> Path:
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([uv, "pip", "install", "-q", "--python", python, *map(str, packages)], check=True)
    return python


def run_in(python: Path, code: str, *arguments: object) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [python, "-I", "-c", code, *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def check_tests_in(source: Path) -> None:
    """Nothing of what the tests leave behind is packed."""
    git = subprocess.run(["git", "ls-files", "tests"], cwd=ROOT, capture_output=True, text=True, check=False)
    if git.returncode:
        return  # no clone: nothing to compare with
    with tarfile.open(source) as archive:
        names = [name.partition("/")[2] for name in archive.getnames() if archive.getmember(name).isfile()]
    assert sorted(name for name in names if name.startswith("tests/")) == sorted(git.stdout.split())


@pytest.mark.parametrize("compiler", ["cc", "false"])
def test_the_wheel_alone_encodes(uv, folder, tmp_path, compiler):
    has_headers = Path(sysconfig.get_path("include"), "Python.h").exists()
    if compiler == "cc" and not (shutil.which("cc") and has_headers):
        pytest.skip("there is no C compiler, or no Python.h")
    # The wheel is built from the source distribution: nothing that an older build left is found there.
    command = [uv, "build", "-q", "--out-dir", tmp_path, ROOT]
    subprocess.run(command, check=True, env={**os.environ, "CC": compiler})
    check_tests_in(next(tmp_path.glob("*.tar.gz")))
    python = make_environment(uv, tmp_path / "environment", next(tmp_path.glob("*.whl")))
    code = (
        "import importlib.metadata as m, json, re, sys; from m2v_onnx import StaticModel, M2vOnnxError\n"
        "required = [re.match('[A-Za-z0-9_-]+', r)[0] for r in m.requires('m2v-onnx') if 'extra' not in r]\n"
        "model = StaticModel.from_pretrained(sys.argv[1])\n"
        "try: model.save_pretrained(sys.argv[1])\nexcept M2vOnnxError as error: message = str(error)\n"
        "installed = [d.metadata['Name'].lower() for d in m.distributions()]\n"
        "vectors = model.encode(['sun'] * 2000)[[0, -1]].tolist()\n"
        "from m2v_onnx.runtime.row_mean import CompiledMean\n"
        "is_compiled = CompiledMean.is_available()\n"
        "print(json.dumps([required, vectors, message, installed, is_compiled]))"
    )
    required, vectors, message, installed, is_compiled = json.loads(run_in(python, code, folder))
    assert {name.replace("-", "_") for name in required} == BASE
    assert vectors == [[3, 4], [3, 4]]
    assert is_compiled == (compiler == "cc")
    assert 'pip install "m2v-onnx[export]"' in message
    assert not {"torch", "transformers", "optimum", "onnx", "scikit-learn"} & set(installed)


def test_model2vec_itself_reads_our_folder(uv, minilm_onnx, tmp_path):
    from m2v_onnx.distill import distill

    model = distill(minilm_onnx, pca_dims=256)
    model.save_pretrained(tmp_path / "model")
    sts = ROOT.parent / "shared/eval/sts"  # research use only: compared where it is at hand
    lines = [
        line for path in sorted(sts.glob("sts*.tsv")) for line in path.read_text("utf-8").split("\n")[1:-1]
    ]
    texts = [*TEXTS, *(text for line in lines for text in line.split("\t")[2:4])]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    python = make_environment(uv, tmp_path / "peer", "model2vec==0.10.0")
    code = (
        "import json, sys, numpy; from model2vec import StaticModel\n"
        "texts = json.load(open(sys.argv[2]))\n"
        "numpy.save(sys.argv[3], StaticModel.from_pretrained(sys.argv[1]).encode(texts))"
    )
    run_in(python, code, tmp_path / "model", tmp_path / "texts.json", tmp_path / "v.npy")
    ours = StaticModel.from_pretrained(tmp_path / "model").encode(texts)
    np.testing.assert_allclose(ours, np.load(tmp_path / "v.npy"), atol=1e-5)
