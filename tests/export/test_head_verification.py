"""What `verify` finds in a classifier's folder."""

from __future__ import annotations

import json
from typing import get_args

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from m2v_onnx.errors import FolderError
from m2v_onnx.export.kinds import GraphName
from m2v_onnx.export.verification import verify_folder
from m2v_onnx.export.write import save_classifier
from m2v_onnx.model.quantization import Precision
from tests.builders import replace_json
from tests.classifiers import save_tiny_classifier, tiny_classifier


@pytest.fixture
def folder(tmp_path):
    return save_tiny_classifier(tmp_path / "it", precisions=("fp32",))


def problems(folder) -> dict[str, str]:
    return {report.file: report.problem for report in verify_folder(folder) if report.problem is not None}


def edit_tensor(path, name, change) -> None:
    proto = onnx.load(path)
    (tensor,) = (one for one in proto.graph.initializer if one.name == name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), name))
    path.write_bytes(proto.SerializeToString())


@pytest.mark.parametrize("table", ["embedded", "shared"])
def test_all_is_well(tmp_path, table):
    everything = {"graphs": get_args(GraphName), "precisions": get_args(Precision)}
    save_classifier(tiny_classifier(), tmp_path / "it", table=table, **everything)
    reports = list(verify_folder(tmp_path / "it"))
    assert len(reports) == 5 * 4 + 1
    for report in reports:
        assert report.problem is None
        if report.graph in ("tokens", "tokenizer"):
            assert report.logit_difference is None
        else:
            assert report.logit_difference < 1e-5
            assert report.labels_differ == 0


def test_the_goldens_hold_logits_and_labels(folder):
    goldens = json.loads((folder / "goldens.json").read_text())
    assert len(goldens["logits"]) == len(goldens["labels"]) == len(goldens["texts"])
    # The empty text gets what the bias says.
    assert goldens["labels"][0] == ("no", "yes\t🙂", "ñ")[int(np.argmax(goldens["logits"][0]))]


@pytest.mark.parametrize("name", ["terms/table", "pairs/table", "head:weight", "head:bias"])
def test_a_wrong_tensor_of_the_head_is_named(folder, name):
    edit_tensor(folder / "onnx/model.onnx", name.replace("/", ":"), lambda array: array + 1)
    message = problems(folder)["onnx/model.onnx"]
    assert message.startswith("expected NumPy's logits within 1e-5, found a difference of ")


def test_a_graph_without_logits_in_front_is_named(folder):
    path = folder / "onnx/model.onnx"
    proto = onnx.load(path)
    proto.graph.output.append(proto.graph.output[0])
    del proto.graph.output[0]
    path.write_bytes(proto.SerializeToString())
    found = problems(folder)["onnx/model.onnx"]
    assert found == "expected logits as the first output, found probabilities, sentence_embedding, logits"


def test_labels_in_another_order_are_named(tmp_path):
    folder = save_tiny_classifier(tmp_path / "it", graphs=("codepoints",), precisions=("fp32",))
    edit_tensor(folder / "onnx/model_codepoints.onnx", "head:labels", lambda array: array[::-1])
    message = problems(folder)["onnx/model_codepoints.onnx"]
    assert message == "expected the label of the largest logit, found another"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": [[9.0, 1, 1]] * 29}, "expected the logits and labels of the goldens in .*, found others"),
        ({"labels": ["no"] * 29}, "expected the logits and labels of the goldens in .*, found others"),
        ({"logits": [[1.0]]}, "found another model's"),
        ({"logits": "none"}, "expected goldens in .*found damaged ones"),
    ],
)
def test_goldens_that_were_changed(folder, change, message):
    replace_json(folder / "goldens.json", **change)
    with pytest.raises(FolderError, match=message):
        list(verify_folder(folder))


def test_labels_that_were_renamed_are_another_classifier(folder):
    replace_json(folder / "config.json", id2label={"0": "ñ", "1": "yes", "2": "no"})
    with pytest.raises(FolderError, match="found another model's"):
        list(verify_folder(folder))
