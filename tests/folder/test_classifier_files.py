"""A classifier's folder: written, read, refused, and used by what knows no classifier."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from m2v_onnx import StaticModel
from m2v_onnx.errors import FolderError
from m2v_onnx.folder.classifier_files import is_classifier, read_classifier
from m2v_onnx.folder.config_file import SCHEMA_VERSION
from tests.builders import replace_json, tiny_model
from tests.classifiers import save_tiny_classifier, tiny_classifier


@pytest.fixture
def folder(tmp_path):
    return save_tiny_classifier(tmp_path / "it")


def assert_same(found, expected) -> None:
    for name in ("labels", "problem", "unit"):
        assert getattr(found, name) == getattr(expected, name)
    for name in ("weight", "bias", "terms", "pairs"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("memory_map", [True, False])
@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"terms": None, "pairs": None},
        {"labels": (0, 10, -3)},
        {"labels": ("1", "2", "True")},
        {"problem": "multi_label", "unit": False},
        {"problem": "regression", "labels": ()},
    ],
)
def test_a_head_comes_back_as_it_was(tmp_path, parts, memory_map):
    save_tiny_classifier(tmp_path / "it", **parts)
    data = read_classifier(tmp_path / "it", memory_map=memory_map)
    assert_same(data.head, tiny_classifier(**parts).head)
    assert data.training == {"learner": "terms", "temperature": 0.5, "scores": {"accuracy": 0.875}}


def test_labels_come_back_in_their_type(tmp_path):
    two = {"weight": np.ones((2, 2), np.float32), "bias": np.zeros(2, np.float32), "terms": None}
    save_tiny_classifier(tmp_path / "it", labels=(False, True), pairs=None, **two)
    labels = read_classifier(tmp_path / "it").head.labels
    assert [type(label) for label in labels] == [bool, bool]
    assert json.loads((tmp_path / "it/config.json").read_text())["id2label"] == {"0": "False", "1": "True"}


def test_what_engines_read(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"]
    assert config["problem_type"] == "single_label_classification"
    assert config["id2label"] == {"0": "no", "1": "yes\t🙂", "2": "ñ"}
    assert config["label2id"] == {"no": 0, "yes\t🙂": 1, "ñ": 2}
    assert config["m2v_onnx"]["schema_version"] == SCHEMA_VERSION == 4
    assert "head_config" not in config  # model2vec knows neither terms nor pairs


def test_model2vec_gets_the_head_that_it_knows(tmp_path):
    save_tiny_classifier(tmp_path / "it", terms=None, pairs=None, unit=False)
    config = json.loads((tmp_path / "it/config.json").read_text())
    classes = ["no", "yes\t🙂", "ñ"]
    assert config["head_config"] == {"n_layers": 1, "activation": "softmax", "classes": classes}
    tensors = load_file(tmp_path / "it/head.safetensors")
    assert tensors["head.0.weight"].shape == (3, 2)


def test_it_still_is_a_static_model(folder):
    model = StaticModel.from_pretrained(folder)
    np.testing.assert_array_equal(model.encode(["sun moon"]), tiny_model().encode(["sun moon"]))
    through_graph = StaticModel.from_pretrained(folder, precision="int8")
    np.testing.assert_allclose(through_graph.encode(["sun moon"] * 9), [[1.5, 3]] * 9, atol=0.03)


@pytest.mark.usefixtures("_no_compiled_mean")
def test_the_graph_gives_its_vectors_by_name(folder):
    model = StaticModel.from_pretrained(folder)
    np.testing.assert_allclose(model.encode(["sun moon"] * 9), [[1.5, 3]] * 9, rtol=1e-6)


def test_the_same_data_give_the_same_bytes(tmp_path):
    folders = [save_tiny_classifier(tmp_path / name / "it", graphs=("ids", "text")) for name in "ab"]
    one, other = (
        {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in folders
    )
    assert one == other


def test_a_model_takes_the_place_of_a_classifier_with_nothing_left_of_it(folder):
    tiny_model().save_pretrained(folder)
    assert not is_classifier(folder)
    assert not (folder / "head.safetensors").exists()


def test_graphs_of_another_head_are_not_kept(tmp_path):
    folder = save_tiny_classifier(tmp_path / "it", graphs=("text",))
    save_tiny_classifier(folder, graphs=("ids",))
    assert (folder / "onnx/model_text.onnx").exists()
    save_tiny_classifier(folder, graphs=("ids",), bias=np.ones(3, np.float32))
    assert not (folder / "onnx/model_text.onnx").exists()


def test_everybody_may_read_the_head_who_may_read_the_table(folder):
    assert (folder / "head.safetensors").stat().st_mode == (folder / "config.json").stat().st_mode


def test_the_card_says_what_it_tells_apart(folder):
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "pipeline_tag: text-classification" in card
    assert "- 3 labels: `no`, `yes\\t🙂`, `ñ`" in card
    assert "- learner: terms" in card
    assert "| accuracy | 0.875 |" in card
    assert 'await pipeline("text-classification", "./it"' in card


def test_a_folder_of_no_classifier(tmp_path):
    tiny_model().save_pretrained(tmp_path / "model")
    with pytest.raises(FolderError, match="expected the folder of a classifier, with head.safetensors"):
        read_classifier(tmp_path / "model")


def edit_head(folder, **changes) -> None:
    tensors = {**load_file(folder / "head.safetensors"), **changes}
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    save_file(kept, folder / "head.safetensors")


DAMAGES = {
    "no bias": (lambda f: edit_head(f, **{"head.0.bias": None}), "expected head.0.weight and head.0.bias"),
    "NaN": (
        lambda f: edit_head(f, **{"head.0.bias": np.full(3, np.nan, np.float32)}),
        "bias must hold numbers up to 1e\\+30, found NaN",
    ),
    "terms of another tokenizer": (
        lambda f: edit_head(f, terms=np.ones((5, 3), np.float32)),
        "it has 5 tokens, the model 6",
    ),
    "columns of another head": (
        lambda f: edit_head(f, pairs=np.ones((5, 2), np.float32)),
        r"pairs must have 3 columns, .*found shape \(5, 2\)",
    ),
    "another type": (
        lambda f: edit_head(f, terms=np.ones((6, 3), np.float16)),
        "terms must be float32, found float16",
    ),
    "labels that are no numbers": (
        lambda f: edit_section(f, label_type="int"),
        "expected labels of type int under 0, 1",
    ),
    "a label too few": (
        lambda f: replace_json(f / "config.json", id2label={"0": "no", "1": "yes"}),
        "expected 3 labels for 3 columns",
    ),
    "two labels alike": (
        lambda f: replace_json(f / "config.json", id2label={"0": "no", "1": "yes", "2": "no"}),
        "labels must differ, found 'no' twice",
    ),
    "an unheard-of problem": (
        lambda f: replace_json(f / "config.json", problem_type="riddle"),
        "problem_type in .* must be one of single_label_classification, .*found 'riddle'",
    ),
    "other factors": (
        lambda f: edit_section(f, pair_factors=[3, 4]),
        r"pair_factors in .* must be \[1000003, 7919\], found \[3, 4\]",
    ),
}


def edit_section(folder, **changes) -> None:
    ours = json.loads((folder / "config.json").read_text())["m2v_onnx"]
    replace_json(folder / "config.json", m2v_onnx={**ours, "classifier": {**ours["classifier"], **changes}})


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_folders_are_refused(folder, damage):
    change, message = DAMAGES[damage]
    change(folder)
    with pytest.raises(FolderError, match=message):
        read_classifier(folder)
