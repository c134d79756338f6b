"""What `verify` finds."""

from __future__ import annotations

import json
import shutil
from typing import get_args

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file

from m2v_onnx.errors import FolderError
from m2v_onnx.export.kinds import GraphName
from m2v_onnx.export.verification import verify_folder
from m2v_onnx.model.quantization import Precision
from m2v_onnx.tokenizer.hard_texts import HARD_TEXTS
from tests.builders import ROWS, tiny_model, word_piece

EVERYTHING = {"graphs": get_args(GraphName), "precisions": get_args(Precision)}


@pytest.fixture(params=["embedded", "shared"])
def whole_folder(request, tmp_path):
    tiny_model(normalize=True).save_pretrained(tmp_path / "m", table=request.param, **EVERYTHING)
    return tmp_path / "m"


def problems(folder) -> dict[str, str]:
    return {report.file: report.problem for report in verify_folder(folder) if report.problem is not None}


def test_all_is_well(whole_folder):
    reports = list(verify_folder(whole_folder))
    assert len(reports) == 5 * 4 + 1
    for report in reports:
        assert report.problem is None
        assert (report.opset, report.ir_version) == (17, 8)
        foreign = ("ai.onnx.ml.LabelEncoder", "com.microsoft.Tokenizer")
        assert report.foreign_operators == (foreign if report.graph in ("text", "tokenizer") else ())
        assert report.graph == "tokenizer" or report.specification_difference < 1e-6
    assert reports[0].golden_difference < 1e-6


def test_the_goldens_hold_what_hurts(whole_folder):
    goldens = json.loads((whole_folder / "goldens.json").read_text())
    assert goldens["texts"] == list(HARD_TEXTS)
    assert goldens["token_ids"][0] == []
    assert goldens["vectors"][0] == [0, 0]
    assert max(map(len, goldens["token_ids"])) == 512


def edit(path, change) -> None:
    proto = onnx.load(path)
    change(proto.graph)
    path.write_bytes(proto.SerializeToString())


def replace_table(graph, table) -> None:
    (old,) = (tensor for tensor in graph.initializer if tensor.name == "table")
    old.CopyFrom(numpy_helper.from_array(table, "table"))


DAMAGES = {
    "another table": (
        lambda g: replace_table(g, np.roll(ROWS, 1, axis=1)),
        "expected NumPy's vectors within 1.0e-04, found a difference of ",
    ),
    "a smaller table": (
        lambda g: replace_table(g, ROWS[:, :1].copy()),
        "expected",
    ),
    "NaN": (lambda g: replace_table(g, ROWS * np.float32(np.nan)), "found a difference of nan"),
    "an operator that nobody knows": (
        lambda g: setattr(g.node[0], "op_type", "Nothing"),
        "expected a valid ONNX model, found another: No Op registered for Nothing",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_wrong_graph_is_named(folder, damage):
    change, message = DAMAGES[damage]
    edit(folder / "onnx/model.onnx", change)
    found = problems(folder)
    assert set(found) == {"onnx/model.onnx"}
    assert message in found["onnx/model.onnx"]


def test_hidden_states_count_too(tmp_path):
    tiny_model().save_pretrained(tmp_path / "m", graphs=("tokens",), precisions=("fp32",))

    def forget_the_mask(graph):
        for node in graph.node:
            if node.output[0] == "weighted_rows":
                node.input[1] = "half"
        graph.initializer.append(numpy_helper.from_array(np.array(0.5, np.float32), "half"))

    edit(tmp_path / "m/onnx/model_tokens.onnx", forget_the_mask)
    assert "expected other hidden states" in problems(tmp_path / "m")["onnx/model_tokens.onnx"]


def test_truncated_graphs(folder):
    path = folder / "onnx/model_quantized.onnx"
    path.write_bytes(path.read_bytes()[:-40])
    assert "expected a valid ONNX model" in problems(folder)["onnx/model_quantized.onnx"]


def point_outside(tensor, location) -> None:
    for entry in tensor.external_data:
        if entry.key == "location":
            entry.value = location


@pytest.mark.parametrize("location", ["../model.safetensors", "/etc/passwd", "a/../../b"])
def test_external_data_outside_the_folder_is_refused(tmp_path, location):
    tiny_model().save_pretrained(tmp_path / "m", table="shared", precisions=("fp32",))
    path = tmp_path / "m/model.onnx"
    proto = onnx.load(path, load_external_data=False)
    for tensor in proto.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            point_outside(tensor, location)
    path.write_bytes(proto.SerializeToString())
    message = f"expected external data inside the graph's folder, found the path {location}"
    assert problems(tmp_path / "m") == {"model.onnx": message}


def test_external_data_that_is_missing_or_short(tmp_path):
    tiny_model().save_pretrained(tmp_path / "m", table="shared", precisions=("fp32",))
    path = tmp_path / "m/model.onnx"
    proto = onnx.load(path, load_external_data=False)
    for tensor in proto.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            point_outside(tensor, "elsewhere.bin")
    path.write_bytes(proto.SerializeToString())
    for content in (None, b"short"):
        if content is not None:
            (tmp_path / "m/elsewhere.bin").write_bytes(content)
        found = problems(tmp_path / "m")["model.onnx"]
        assert "bytes of external data in" in found
        assert found.endswith(f"found {len(content or b'')}")


def test_goldens_of_another_model(folder, tmp_path):
    tiny_model(normalize=True).save_pretrained(tmp_path / "other")
    shutil.copy(tmp_path / "other/goldens.json", folder / "goldens.json")
    with pytest.raises(FolderError, match="found another model's: write them again by"):
        list(verify_folder(folder))


def test_a_table_that_was_changed(folder):
    tensors = load_file(folder / "model.safetensors")
    save_file({"embeddings": tensors["embeddings"] + 1}, folder / "model.safetensors")
    with pytest.raises(FolderError, match="found another model's"):
        list(verify_folder(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"token_ids": [[2]] * len(HARD_TEXTS)}, "expected the token ids of the goldens .*for text 0, ''"),
        ({"vectors": [[1.0, 1.0]] * len(HARD_TEXTS)}, "expected the vectors of the goldens .*difference of"),
        ({"vectors": [[1.0]]}, "found another model's"),
        ({"vectors": "none"}, "expected goldens in .*found damaged ones"),
    ],
)
def test_goldens_that_were_changed(folder, change, message):
    path = folder / "goldens.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(FolderError, match=message):
        list(verify_folder(folder))


def test_no_goldens_and_no_graphs(folder):
    (folder / "onnx/model.onnx").unlink()
    (folder / "onnx/model_quantized.onnx").unlink()
    with pytest.raises(FolderError, match="expected ONNX graphs in .*, found none"):
        list(verify_folder(folder))
    (folder / "goldens.json").unlink()
    with pytest.raises(FolderError, match="expected goldens.json in .*, found none"):
        list(verify_folder(folder))


def test_a_tokenizer_that_gives_other_ids(tmp_path):
    tiny_model().save_pretrained(tmp_path / "m", graphs=("tokenizer",))
    other = tiny_model(tokenizer=word_piece(("[PAD]", "[UNK]", "moon", "sun", "##light", "!")))
    other.save_pretrained(tmp_path / "other", graphs=("tokenizer",))
    shutil.copy(tmp_path / "other/onnx/tokenizer.onnx", tmp_path / "m/onnx/tokenizer.onnx")
    problem = problems(tmp_path / "m")["onnx/tokenizer.onnx"]
    assert problem.startswith("expected the token ids of the goldens, found others for text 20")
