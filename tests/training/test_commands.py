"""train, train-pairs and classify as a user runs them."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys

import pytest

from m2v_onnx import Classifier, StaticModel
from m2v_onnx.errors import ArgumentError, M2vOnnxError
from m2v_onnx.evaluation import evaluate
from tests.test_cli import run
from tests.training.builders import reviews, word_model
from tests.training.test_pairs import pairs

GRAPH = ("--graph", "ids", "--precision", "fp32")


def write_csv(path, columns, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "words"
    word_model().save_pretrained(folder, graphs=["ids"], precisions=["fp32"])
    return folder


@pytest.fixture
def data(tmp_path):
    return write_csv(tmp_path / "train.csv", ["text", "label"], list(zip(*reviews(80), strict=True)))


def test_from_a_file_to_labels(model, data, tmp_path):
    test = write_csv(
        tmp_path / "test.csv",
        ["text", "label"],
        [("the song was good", "liked"), ("so bad", "liked"), ("bad plot", "disliked")],
    )
    output, report = tmp_path / "c", tmp_path / "report"
    result = run("train", model, data, output, "--test", test, "--report", report, *GRAPH)
    assert result.returncode == 0, result.stderr
    assert "2 labels from 80 texts" in result.stdout
    assert "3 texts: accuracy 0.667" in result.stdout
    assert "1 x disliked for liked" in result.stdout
    assert result.stderr.startswith("1 texts of the test file were learned from, too")
    assert {path.name for path in report.iterdir()} == {
        *("report.json", "mistakes.tsv"),
        *(f"{name}.{suffix}" for name in ("confusion", "calibration") for suffix in ("png", "svg")),
    }
    again = run("train", model, data, tmp_path / "d", "--test", test, "--report", report, *GRAPH)
    assert again.returncode == 1
    assert "expected a place without a report, found " in again.stderr
    assert not (tmp_path / "d").exists()
    inside = run(
        "train", model, data, tmp_path / "d", "--test", test, "--report", tmp_path / "d/report", *GRAPH
    )
    assert inside.returncode == 1
    assert "expected a place for the report outside the classifier's folder" in inside.stderr
    assert not (tmp_path / "d").exists()
    mistakes = (report / "mistakes.tsv").read_text().splitlines()
    assert mistakes[0] == "expected\tfound\tprobability\ttext"
    assert [line.split("\t")[0::3] for line in mistakes[1:]] == [["liked", "so bad"]]
    assert json.loads((report / "report.json").read_text())["test"]["accuracy"] == pytest.approx(2 / 3)
    scores = Classifier.from_pretrained(output).training["scores"]
    assert scores["test accuracy"] == pytest.approx(2 / 3)

    result = run("classify", output, "-", stdin="the film was fine\nawful\n")
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["liked", "disliked"]
    result = run("classify", output, "-", "--json", "--proba", stdin="fine\n")
    answer = json.loads(result.stdout)
    assert (answer["text"], answer["label"]) == ("fine", "liked")
    assert answer["probabilities"]["liked"] == answer["probability"]
    assert run("verify", output).returncode == 0


def test_classify_names_nulls_lines_and_columns(model, data, tmp_path):
    assert run("train", model, data, tmp_path / "c", "--learner", "frozen", *GRAPH).returncode == 0
    lines = [{"text": "the film was fine"}, {"text": None}, *[{"text": "awful"}] * 5000]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    result = run("classify", tmp_path / "c", path)
    labels = [line.split("\t")[0] for line in result.stdout.splitlines()]
    assert (labels[0], labels[2:]) == ("liked", 5000 * ["disliked"])
    assert result.stderr == "1 of 5,002 texts were null: they were read as empty texts\n"
    assert run("classify", tmp_path / "c", path, "-q").stderr == ""
    (tmp_path / "a.tsv").write_text("text\nawful\n")
    assert run("classify", tmp_path / "c", tmp_path / "a.tsv").stdout.startswith("disliked\t")
    result = run("classify", tmp_path / "c", "-", "--input-format", "jsonl", stdin='{"text": "awful"}\n')
    assert result.stdout.startswith("disliked\t")
    with path.open("a") as file:
        file.write('{"text": "\\ud800"}\n')
    for command in (("classify", tmp_path / "c", path), ("search", model, path, "film")):
        result = run(*command)
        expected = (
            f"error: expected valid Unicode in field 'text' in line 5003 of {path}, found a lone surrogate"
        )
        assert (result.returncode, result.stderr.startswith(expected)) == (1, True), result.stderr
    result = run("classify", tmp_path / "c", path, "--column", "nope")
    assert result.stderr.startswith("error: expected a string in field 'nope' in line 1 of ")


def test_the_same_command_writes_the_same_bytes(model, data, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        result = run("train", model, data, tmp_path / name / "c", *GRAPH, "--json")
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["training"]["n_texts"] == 80
    files = sorted(path for path in (tmp_path / "a" / "c").rglob("*") if path.is_file())
    for path in files:
        other = tmp_path / "b" / path.relative_to(tmp_path / "a")
        assert path.read_bytes() == other.read_bytes(), path.name


def test_several_labels_and_numbers(model, tmp_path):
    texts, opinions = reviews(80)
    rows = [
        (text, ";".join([opinion] * (opinion == "liked") + ["song"] * ("song" in text)), len(text))
        for text, opinion in zip(texts, opinions, strict=True)
    ]
    data = write_csv(tmp_path / "d.csv", ["body", "tags", "size"], rows)
    columns = ("--text-column", "body", "--label-column")
    result = run(
        *("train", model, data, tmp_path / "m", *columns, "tags", "--multi-label", "--separator", ";"), *GRAPH
    )
    assert result.returncode == 0, result.stderr
    result = run("classify", tmp_path / "m", "-", stdin="the song was good\nbad film\n")
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == ["liked, song", ""]
    result = run("train", model, data, tmp_path / "r", *columns, "size", "--regression", *GRAPH)
    assert result.returncode == 0, result.stderr
    value = float(run("classify", tmp_path / "r", "-", stdin=f"{texts[0]}\n").stdout)
    assert abs(value - len(texts[0])) < 3


def test_small(model, data, tmp_path):
    result = run("train", model, data, tmp_path / "s", "--small", "--graph", "text", "--precision", "fp32")
    assert result.returncode == 0, result.stderr
    assert Classifier.from_pretrained(tmp_path / "s").model.dim == 2
    assert run("verify", tmp_path / "s").returncode == 0


def test_pairs(model, tmp_path):
    data = write_csv(tmp_path / "p.csv", ["title", "body"], list(zip(*pairs(200), strict=True)))
    columns = ("--text-column", "title", "--other-column", "body")
    result = run("train-pairs", model, data, tmp_path / "o", *columns, "--epochs", 20, *GRAPH, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["mrr_after"] > found["mrr_before"]
    assert (found["pairs"], found["held_out"]) == (180, 20)
    assert StaticModel.from_pretrained(tmp_path / "o").dim == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--label-column", "topic"), "train.csv, found text, label: name another with --label-column"),
        (("--learner", "forest"), "learner must be one of auto, frozen, terms, table, found 'forest'"),
        (("--class-weight", "x=2"), "class_weight must name labels that some text has, found 'x'"),
        (("--test", "{test}"), "found 'new' in row 0 of the test file"),
        (("--regression",), "expected a number for column 'label' in line 2 of "),
        (("--small", "--learner", "table"), "take another learner"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(model, data, tmp_path, arguments, message):
    test = write_csv(tmp_path / "t.csv", ["text", "label"], [("good", "new")])
    given = [argument.format(test=test) for argument in arguments]
    result = run("train", model, data, tmp_path / "c", *given)
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "--multi-label", "--regression"),
        ("train", "--report", "r"),
        ("train", "--class-weight", "x=much"),
        ("train", "--allow-unseen"),
        ("train", "--separator", ";"),
        ("train", "--strict", "--multi-label"),
        ("train", "--no-pairs", "--learner", "frozen"),
        ("train-pairs", "--dims", "64,many"),
    ],
)
def test_wrong_usage_exits_2(model, data, tmp_path, arguments):
    command, *options = arguments
    assert run(command, model, data, tmp_path / "c", *options).returncode == 2


def test_unseen_labels_may_be_counted(model, data, tmp_path):
    test = write_csv(tmp_path / "t.csv", ["text", "label"], [("good", "new"), ("so good", "liked")])
    result = run("train", model, data, tmp_path / "c", "--test", test, "--allow-unseen", *GRAPH, "--json")
    assert result.returncode == 0, result.stderr
    scores = json.loads(result.stdout)["test"]
    assert (scores["accuracy"], scores["n_unseen"]) == (0.5, 1)


def test_ctrl_c_writes_nothing(model, tmp_path):
    texts, labels = reviews(50_000)
    texts[0] = ""  # a note says so when the learning begins
    data = write_csv(tmp_path / "d.csv", ["text", "label"], list(zip(texts, labels, strict=True)))
    output = tmp_path / "out" / "c"
    output.parent.mkdir()
    command = [sys.executable, "-m", "m2v_onnx", "train", model, data, output, "--learner", "table"]
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)
    assert "1 empty texts" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert list(output.parent.iterdir()) == []


def test_evaluate_takes_the_answers_of_a_classifier(model, data, tmp_path):
    output = tmp_path / "c"
    assert run("train", model, data, output, *GRAPH).returncode == 0
    tasks = tmp_path / "eval" / "classification"
    tasks.mkdir(parents=True)
    for name, rows in (
        ("train", reviews(20)),
        ("test", (["good", "bad", "song"], ["liked", "liked", "liked"])),
    ):
        lines = [f"{label}\t{text}" for text, label in zip(*rows, strict=True)]
        (tasks / f"a_{name}.tsv").write_text("\n".join(["label\ttext", *lines]) + "\n")
    (result,) = evaluate({"c": output}, data=tmp_path / "eval")
    expected = Classifier.from_pretrained(output).predict(["good", "bad", "song"]).count("liked") / 3
    assert result.scores["classification/a_test"].value == pytest.approx(100 * expected)
    (other,) = evaluate({"m": model}, data=tmp_path / "eval")
    assert other.fingerprint != result.fingerprint


def test_a_static_model_is_no_classifier(model):
    with pytest.raises(M2vOnnxError, match="expected the folder of a classifier"):
        Classifier.from_pretrained(model)


def test_a_model_is_not_replaced_by_its_own_classifier(model, data, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    for command in ("train", "train-pairs"):
        result = run(command, copy, data, copy, *(["--other-column", "label"] if "-" in command else []))
        assert result.returncode == 1
        assert "expected another folder than that of the model" in result.stderr
    assert StaticModel.from_pretrained(copy).n_tokens == StaticModel.from_pretrained(model).n_tokens


def test_a_classifier_has_no_precision_to_evaluate(model, data, tmp_path):
    output = tmp_path / "c"
    assert run("train", model, data, output, *GRAPH).returncode == 0
    tasks = tmp_path / "eval" / "classification"
    tasks.mkdir(parents=True)
    lines = [f"{label}\t{text}" for text, label in zip(*reviews(50), strict=True)]
    (tasks / "a_all.tsv").write_text("\n".join(["label\ttext", *lines]) + "\n")
    with pytest.raises(ArgumentError, match="expected a classifier without a precision, found .*c:fp32"):
        evaluate({"c": f"{output}:fp32"}, data=tmp_path / "eval")
    found = evaluate({"c": output, "m": model}, data=tmp_path / "eval")
    assert found[0].scores["classification/a_all"].value == 100
