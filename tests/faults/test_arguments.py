"""Arguments of another kind are refused with what to pass; `~` is a home."""

from __future__ import annotations

import numpy as np
import pytest

from m2v_onnx import StaticModel, TextGraph
from m2v_onnx.distill import distill
from m2v_onnx.errors import ArgumentError
from tests.builders import tiny_model


class Frame:
    """What of a table of pandas counts here: it is iterated by its columns' names."""

    columns = ("text",)

    def __iter__(self):
        return iter(self.columns)


NO_TEXTS = [
    (b"x", "found bytes: decode it"),
    (bytearray(b"x"), "found bytearray: decode it"),
    (5, "found int: put it into a string"),
    (2.5, "found float: put it into a string"),
    (None, "found NoneType: put it into a string"),
    ({}, r"found dict: pass its values, list\(texts.values\(\)\)"),
    ({"a": "sun"}, "found dict: pass its values"),
    (Frame(), r"found Frame: pass a column of it, such as texts\['text'\]"),
]


@pytest.mark.parametrize(("texts", "message"), NO_TEXTS)
@pytest.mark.parametrize("method", ["encode", "encode_stream", "encode_as_sequence", "tokenize"])
def test_what_is_no_text(model, method, texts, message):
    with pytest.raises(ArgumentError, match=f"texts must be a string or strings, {message}"):
        getattr(model, method)(texts)


@pytest.mark.parametrize(("texts", "message"), NO_TEXTS)
def test_what_is_no_text_for_a_graph(tmp_path, texts, message):
    tiny_model().save_pretrained(tmp_path / "m", graphs=("text",), precisions=("fp32",))
    with pytest.raises(ArgumentError, match=message):
        TextGraph.from_pretrained(tmp_path / "m").encode(texts)


@pytest.mark.parametrize("value", [2.5, "32", True, 0, -1, [1]])
@pytest.mark.parametrize("name", ["batch_size", "n_threads", "max_length"])
def test_numbers(model, name, value):
    with pytest.raises(ArgumentError, match=f"{name} must be (a whole number|1 or more), found "):
        model.encode(["sun"], **{name: value})
    with pytest.raises(ArgumentError, match=f"{name} must be (a whole number|1 or more), found "):
        model.encode_stream(["sun"], **{name: value})


def test_numbers_of_numpy_are_numbers(model):
    vectors = model.encode(["sun moon"] * 3, batch_size=np.int64(2), max_length=np.int32(1))
    np.testing.assert_array_equal(vectors, [[3, 4]] * 3)


@pytest.mark.parametrize("load", [StaticModel.from_pretrained, TextGraph.from_pretrained])
@pytest.mark.parametrize("name", ["owner/name", "model", "./nowhere"])
@pytest.mark.parametrize("precision", ["q8", "INT8", 8])
def test_precisions(load, name, precision):
    with pytest.raises(ArgumentError, match=f"precision must be one of fp32, .*, found {precision!r}"):
        load(name, precision=precision)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("batchsize", "found 'batchsize': use batch_size"),
        ("n_thread", "use n_threads"),
        ("show_progressbar", "use show_progress_bar"),
        ("normalize_embeddings", "a model normalises as its config says"),
        ("convert_to_tensor", "call torch.from_numpy"),
        ("truncate_dim", "take the first columns"),
        ("prompt_name", "put the prompt in front of each text"),
        ("qwertz", "use some of batch_size, max_length, n_threads, show_progress_bar"),
    ],
)
def test_unknown_arguments_of_encode(model, name, message):
    with pytest.raises(ArgumentError, match=message):
        model.encode(["sun"], **{name: True})


@pytest.mark.parametrize(
    ("name", "message"),
    [("quantize_to", "load with precision"), ("cache_dir", "use cache_folder"), ("tokens", "use token")],
)
def test_unknown_arguments_of_loading(folder, name, message):
    with pytest.raises(ArgumentError, match=message):
        StaticModel.from_pretrained(folder, **{name: 1})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pca_dim", "use pca_dims"),
        ("sif_coef", "use sif_coefficient"),
        ("device", "execution="),
        ("poolin", "use pooling"),
    ],
)
def test_unknown_arguments_of_distill(teacher, name, message):
    with pytest.raises(ArgumentError, match=message):
        distill(teacher, **{name: 1})


def test_a_home_is_found(folder, teacher, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    model = StaticModel.from_pretrained("~/model")
    model.save_pretrained("~/deep/other", graphs=("text",), precisions=("fp32",))
    assert TextGraph.from_pretrained("~/deep/other").dim == 2
    assert TextGraph("~/deep/other/onnx/model_text.onnx").dim == 2
    (tmp_path / "words.txt").write_text("star\n")
    assert distill("~/teacher", vocabulary="~/words.txt", sequences=300, pca_dims=2).n_tokens == 9
    assert not (tmp_path / "~").exists()


def test_a_model_is_described_in_a_line(folder):
    model = StaticModel.from_pretrained(folder)
    assert repr(model) == "StaticModel(6 tokens x 2 dimensions, float32, WordPiece)"
    assert "\n" not in repr(tiny_model(table=np.ones((6, 2), np.float16)))
