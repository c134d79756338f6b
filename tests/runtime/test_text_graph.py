"""A static model as one file, without the tokenizers library."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

from m2v_onnx import StaticModel, TextGraph
from m2v_onnx.errors import ArgumentError, FolderError
from m2v_onnx.tokenizer.hard_texts import HARD_TEXTS
from tests.builders import tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text") / "model"
    tiny_model(normalize=True).save_pretrained(folder, graphs=("ids", "text"), precisions=("fp32", "int8"))
    return folder


def test_it_gives_the_models_vectors(folder):
    texts = [*HARD_TEXTS, *["sun moonlight!"] * 300]
    expected = StaticModel.from_pretrained(folder).encode(texts)
    graph = TextGraph.from_pretrained(folder)
    np.testing.assert_allclose(graph.encode(texts), expected, atol=1e-6)
    np.testing.assert_allclose(graph.encode("sun"), [0.6, 0.8], rtol=1e-6)
    assert graph.encode([]).shape == (0, 2)
    assert graph.encode(text for text in ["sun", "moon"]).shape == (2, 2)
    assert TextGraph.from_pretrained(folder, precision="int8").encode("sun") @ [0.6, 0.8] > 0.999


def test_nothing_but_onnxruntime_and_numpy_is_loaded(folder):
    script = (
        "import sys; sys.modules.update(tokenizers=None, safetensors=None, onnx=None)\n"
        "from m2v_onnx import TextGraph\n"
        "print(TextGraph.from_pretrained(sys.argv[1]).encode('sun').tolist())"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, folder], capture_output=True, text=True, check=True
    )
    np.testing.assert_allclose(np.fromstring(result.stdout.strip("[]\n"), sep=","), [0.6, 0.8], rtol=1e-6)


def test_eight_threads_on_one_graph(folder):
    graph = TextGraph.from_pretrained(folder)
    expected = graph.encode(HARD_TEXTS)
    results: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: results.append(graph.encode(HARD_TEXTS))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    for result in results:
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["sun", 3], r"texts\[1\] must be a string, found int: 3"),
        ([None], r"texts\[0\] must be a string, found NoneType"),
        ([b"sun"], r"texts\[0\] must be a string, found bytes"),
        (["sun", "a\ud800"], r"texts\[1\] must be valid Unicode, found a lone surrogate at character 1"),
    ],
)
def test_what_is_no_text_is_refused_by_its_index(folder, texts, message):
    with pytest.raises(ArgumentError, match=message):
        TextGraph.from_pretrained(folder).encode(texts)


def test_a_graph_that_is_missing_or_another(folder, tmp_path):
    with pytest.raises(FolderError, match="expected onnx/model_text_q4.onnx in .*--precision int4"):
        TextGraph.from_pretrained(folder, precision="int4")
    with pytest.raises(FolderError, match="expected onnx/model_text.onnx in nowhere, found no such file"):
        TextGraph.from_pretrained("./nowhere")
    (tmp_path / "onnx").mkdir()
    shutil.copy(folder / "onnx/model.onnx", tmp_path / "onnx/model_text.onnx")
    with pytest.raises(FolderError, match="expected a graph with the input text in .*, found input_ids"):
        TextGraph.from_pretrained(tmp_path)
    (tmp_path / "onnx/model_text.onnx").write_bytes(b"")
    with pytest.raises(FolderError, match="found a damaged one"):
        TextGraph.from_pretrained(tmp_path)
