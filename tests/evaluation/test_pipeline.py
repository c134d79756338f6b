"""Models on tasks: which are chosen, what is kept, what is refused."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from m2v_onnx.errors import ArgumentError, DataError, FolderError, M2vOnnxError, TeacherError
from m2v_onnx.evaluation import evaluate
from m2v_onnx.evaluation.models import load_model, parse_model
from m2v_onnx.evaluation.tasks.registry import FAMILIES, find_tasks
from tests.builders import teacher_rows, write_modules, write_tiny_teacher
from tests.evaluation.builders import Lookup, write_data, write_tsv


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data")


def test_every_family_is_found_and_scored(data, model, tmp_path):
    (result,) = evaluate({"tiny": model}, data=data, output=tmp_path / "results")
    assert list(dict.fromkeys(name.partition("/")[0] for name in result.scores)) == list(FAMILIES)
    assert all(np.isfinite(score.value) for score in result.scores.values())
    assert (result.model, result.size_bytes) == ("tiny", 6 * 2 * 4)
    content = json.loads((tmp_path / "results/tiny.json").read_text())
    assert content["tasks"]["sts/a_test"]["value"] == result.scores["sts/a_test"].value


def test_sets_to_tune_on_are_scored_when_named(data):
    assert [task.name for task in find_tasks(data, names=["sts", "sts_multi"])] == [
        "sts/a_test",
        "sts_multi/b_dev",
    ]
    assert [task.name for task in find_tasks(data, names=["sts/a_dev"])] == ["sts/a_dev"]
    assert "sts/a_dev" not in [task.name for task in find_tasks(data)]


def test_finished_tasks_do_not_run_again(data, tmp_path):
    encoder = Lookup({"sun": (1, 0), "moon": (0, 1)}, otherwise=(1, 1))
    options = {"data": data, "tasks": ["sts", "pair"], "output": tmp_path / "results"}
    first = evaluate({"a": encoder}, **options)
    n_calls = encoder.n_calls
    assert evaluate({"a": encoder}, **options) == first
    assert encoder.n_calls == n_calls + 1  # to know the model again
    write_tsv(data / "pair/g_test.tsv", "label|sentence1|sentence2", "1|sun|moon", "0|sun|sun")
    (changed,) = evaluate({"a": encoder}, **options)
    assert changed.scores["pair/g_test"].value == 50
    assert changed.scores["sts/a_test"] == first[0].scores["sts/a_test"]
    encoder.vectors["sun"] = (0.5, 1)
    (other,) = evaluate({"a": encoder}, **options)
    assert other.fingerprint != changed.fingerprint
    assert other.scores["sts/a_test"] != changed.scores["sts/a_test"]


def test_scores_without_intervals(data, model, tmp_path):
    options = {"data": data, "tasks": ["sts", "pair"], "output": tmp_path / "results"}
    (plain,) = evaluate({"tiny": model}, **options, with_intervals=False)
    assert {score.low for score in plain.scores.values()} == {None}
    (whole,) = evaluate({"tiny": model}, **options)
    assert None not in {score.low for score in whole.scores.values()}
    assert [s.value for s in whole.scores.values()] == [s.value for s in plain.scores.values()]
    assert evaluate({"tiny": model}, **options, with_intervals=False) == [whole]  # those are there


def test_an_interrupted_run_goes_on(data, tmp_path):
    class Interrupted(Lookup):
        keys_pressed = True

        def encode(self, texts):
            if "moon !" in texts and self.keys_pressed:  # the second column of the pairs
                raise KeyboardInterrupt
            return super().encode(texts)

    encoder = Interrupted({"sun": (1, 0), "moon": (0, 1)}, otherwise=(1, 1))
    options = {"data": data, "tasks": ["sts", "pair"], "output": tmp_path / "results"}
    with pytest.raises(KeyboardInterrupt):
        evaluate({"a": encoder}, **options)
    assert list(json.loads((tmp_path / "results/a.json").read_text())["tasks"]) == ["sts/a_test"]
    encoder.keys_pressed, encoder.n_calls = False, 0
    (result,) = evaluate({"a": encoder}, **options)
    assert encoder.n_calls == 1 + 2  # to know the model again, and the columns of the pairs
    assert list(result.scores) == ["sts/a_test", "pair/g_test"]


def test_a_teacher_is_the_whole_transformer_with_its_own_pooling(tmp_path):
    folder = write_tiny_teacher(tmp_path / "teacher")
    rows = teacher_rows()
    states = rows[[3, 7, 4]] + 0.01 * np.arange(1, 4)[:, None]  # [CLS] sun [SEP], see `tiny_teacher_graph`
    vectors = {}
    for name, content in {
        "nothing said": None,
        "flags": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False, "include_prompt": True},
        "name": {"pooling_mode": "lasttoken"},
    }.items():
        if content is not None:
            write_modules(folder, "Transformer", "Pooling", Pooling=content)
        model = load_model(folder, name=name)
        assert model.size_bytes == (folder / "onnx/model.onnx").stat().st_size
        vectors[name] = model.embed(["sun"])[0]
    np.testing.assert_allclose(vectors["nothing said"], states.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(vectors["flags"], states[0], atol=1e-6)
    np.testing.assert_allclose(vectors["name"], states[2], atol=1e-6)


def test_a_teacher_cuts_and_normalises_as_it_says(tmp_path):
    folder = write_tiny_teacher(tmp_path / "teacher")
    plain = load_model(folder, name="plain")
    modules = [
        {"type": f"sentence_transformers.models.{n}", "path": ""} for n in ("Transformer", "Normalize")
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 3}')
    cut = load_model(folder, name="cut")
    assert cut.fingerprint != plain.fingerprint
    expected = plain.embed(["sun"])
    np.testing.assert_allclose(cut.embed(["sun moon !"]), expected / np.linalg.norm(expected), atol=1e-6)
    modules.append({"type": "sentence_transformers.models.LSTM", "path": "2_LSTM"})
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(
        TeacherError, match=r"modules among Transformer, Pooling, Dense, .* in .*, found LSTM"
    ):
        load_model(folder, name="dense")
    write_modules(folder, "Transformer", "Pooling", Pooling={"pooling_mode_max_tokens": True})
    highest = load_model(folder, name="max").embed(["sun"])[0]
    rows = teacher_rows()[[3, 7, 4]] + 0.01 * np.arange(1, 4)[:, None]
    np.testing.assert_allclose(highest, rows.max(axis=0), atol=1e-6)


def test_a_precision_is_that_graph(folder):
    assert parse_model(f"{folder}:int8") == ("model:int8", f"{folder}:int8")
    plain, by_graph = (load_model(f"{folder}{suffix}", name="x") for suffix in ("", ":int8"))
    assert plain.fingerprint != by_graph.fingerprint
    assert by_graph.size_bytes == (folder / "onnx/model_quantized.onnx").stat().st_size
    np.testing.assert_allclose(by_graph.embed(["sun"]), plain.embed(["sun"]), rtol=0.02)
    with pytest.raises(FolderError, match="int4"):
        load_model(f"{folder}:int4", name="x")


def test_any_object_of_python(tmp_path, monkeypatch):
    (tmp_path / "my_models.py").write_text(
        "class Ones:\n"
        "    size_bytes = 7\n"
        "    def encode(self, texts): return [[1.0, 2.0] for _ in texts]\n"
        "ones, nothing = Ones(), 3\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    path = list(sys.path)
    model = load_model("python:my_models.ones", name="ones")
    assert sys.path == path
    assert model.size_bytes == 7
    np.testing.assert_array_equal(model.embed(["a", "b"]), np.array([[1, 2], [1, 2]], np.float32))
    for place, message in {
        "my_models.twos": "an object with encode at python:my_models.twos, found module 'my_models' has no",
        "no_module.ones": "found No module named 'no_module'",
        "ones": "found Empty module name",
        "my_models.nothing": "an object with encode at python:my_models.nothing, found a int",
    }.items():
        with pytest.raises(ArgumentError, match=message):
            load_model(f"python:{place}", name="x")


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (
            [[1.0, np.nan]] * 7,
            r"finite vectors from the model bad, found NaN or infinity for 7 of 7 texts, first ''",
        ),
        ([[1.0]] * 3, r"\(7, D\) numbers from encode of the model bad, found float64 of shape \(3, 1\)"),
        ([1.0] * 7, r"found float64 of shape \(7,\)"),
        ([["x"]] * 7, r"found <U1 of shape \(7, 1\)"),
    ],
)
def test_a_model_that_gives_no_vectors_is_named(data, vectors, message):
    class Bad:
        def encode(self, texts):
            return vectors

    with pytest.raises(M2vOnnxError, match=message):
        evaluate({"bad": Bad()}, data=data)


def test_unknown_tasks_are_answered_with_a_list(data, tmp_path):
    with pytest.raises(
        ArgumentError, match=r"among sts, .*, speed, or .* sts/a_dev, found 'stss'.* sts/a_test, "
    ):
        find_tasks(data, names=["sts", "stss"])
    with pytest.raises(DataError, match="expected a folder with the files of some of sts, .* found none"):
        find_tasks(tmp_path / "nowhere")
    (data / "bitext/l.tsv").unlink()
    with pytest.raises(DataError, match="expected the files of bitext in the data folder, found none"):
        find_tasks(data, names=["bitext"])


def test_names_that_would_share_a_file_are_refused(data, tmp_path):
    models = {"a b": Lookup({}), "a-b": Lookup({})}
    with pytest.raises(ArgumentError, match=r"found 'a b' and 'a-b', both for .*a-b.json: name one"):
        evaluate(models, data=data, output=tmp_path)


def test_results_of_somebody_else_are_not_overwritten(data, tmp_path):
    (tmp_path / "a.json").write_text('{"my": "file"}')
    with pytest.raises(
        DataError, match=r"the results of a model in .*a.json, found the keys my: delete the file"
    ):
        evaluate({"a": Lookup({})}, data=data, output=tmp_path)
    assert (tmp_path / "a.json").read_text() == '{"my": "file"}'
