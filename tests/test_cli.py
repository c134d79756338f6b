"""The command line as a user runs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from m2v_onnx import StaticModel, __version__
from m2v_onnx.folder.classifier_files import read_classifier
from tests.classifiers import save_tiny_classifier


def run(*arguments: object, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "m2v_onnx", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def test_distil_inspect_encode(teacher, tmp_path):
    output = tmp_path / "my-model"
    result = run("distill", teacher, output, "--pca-dims", 3)
    assert (result.returncode, result.stderr) == (0, "")
    assert "my-model: 8 tokens x 3 dimensions, float32" in result.stdout

    described = json.loads(run("inspect", output, "--text", "sun comet", "--json").stdout)
    assert (described["tokens"], described["dim"], described["teacher"]) == (8, 3, "teacher")
    assert described["recipe"]["pca_dims"] == 3
    assert [token["token"] for token in described["texts"]["sun comet"]] == ["sun", "[UNK]"]

    (tmp_path / "texts.txt").write_text("sun\nmoon\n")
    result = run("encode", output, tmp_path / "texts.txt", "--output", tmp_path / "v.npy")
    assert (result.returncode, result.stderr) == (0, "")
    model = StaticModel.from_pretrained(output)
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), model.encode(["sun", "moon"]))


def test_every_choice_reaches_the_recipe(teacher, tmp_path):
    (tmp_path / "words.txt").write_text("star\n")
    options = {
        "--vocabulary": tmp_path / "words.txt",
        "--pca-dims": "0.9",
        "--recipe": "model2vec-0.10",
        "--pooling": "first",
        "--sif": "1e-3",
        "--token-remove-pattern": "none",
        "--dtype": "float16",
        "--word-padding": "none",
        "--prefix-space": "text",
        "--added-tokens": "keep",
        "--prompt": "the moon ",
        "--provider": "cpu",
        "--batch-size": 2,
        "--threads": 1,
    }
    flat = [part for pair in options.items() for part in pair]
    result = run("distill", teacher, tmp_path / "m", *flat, "--no-normalize", "--json")
    assert result.returncode == 0, result.stderr
    described = json.loads(result.stdout)
    assert described["recipe"] == {
        "name": "model2vec-0.10",
        "pooling": "first",
        "pca_dims": 0.9,
        "weighting": "sif",
        "sif_coefficient": 0.001,
        "token_remove_pattern": None,
        "normalize": False,
        "dtype": "float16",
        "affixes": "teacher",
        "keep_special_tokens": False,
        "vocabulary_mode": "extend",
        "word_padding": "none",
        "prefix_space": "text",
        "added_tokens": "keep",
        "prompt": "the moon ",
        "sequences": None,
        "shortest_sequence": 4,
        "longest_sequence": 30,
        "frequencies": "zipf",
        "ridge": 0.5,
        "scaling": 0.25,
        "seed": 0,
        "n_texts": 0,
    }
    assert described["tokens"] == 10  # [unused0] stays, star is new


def test_fit_to_a_file_of_texts(teacher, tmp_path):
    lines = [" ".join("sun" if bit == "1" else "moon" for bit in f"{index:08b}") for index in range(250)]
    (tmp_path / "texts.csv").write_text("body\n" + "\n".join(lines) + "\nsun\n")
    options = ("--text-column", "body", "--sequences", 60, "--pca-dims", 2)
    result = run("fit", teacher, tmp_path / "texts.csv", tmp_path / "m", *options)
    assert result.returncode == 0, result.stderr
    assert "texts: 250 used; left out: 0 empty, 1 of one word" in result.stderr
    assert "texts held out: cosine to the teacher" in result.stderr
    described = json.loads(run("inspect", tmp_path / "m", "--json").stdout)
    assert described["dim"] == 2
    assert 200 < described["recipe"]["n_texts"] < 250
    again = run("fit", teacher, "-", tmp_path / "m2", "--base", tmp_path / "m", "-q", stdin="\n".join(lines))
    assert again.returncode == 0, again.stderr
    assert json.loads(run("inspect", tmp_path / "m2", "--json").stdout)["tokens"] == described["tokens"]


def test_no_pca_and_no_weights(teacher, tmp_path):
    described = json.loads(
        run("distill", teacher, tmp_path / "m", "--pca-dims", "none", "--sif", "none", "--json").stdout
    )
    assert (described["dim"], described["recipe"]["weighting"]) == (4, "none")


def test_export_gives_a_plain_folder_its_graph(folder, tmp_path):
    (folder / "onnx/model.onnx").unlink()
    result = run("export", folder, tmp_path / "with-graph", "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["graph"]["outputs"][1] == "sentence_embedding float [batch, 2]"
    assert StaticModel.from_pretrained(tmp_path / "with-graph").graph_path is not None


def test_export_of_word_vectors(tmp_path):
    (tmp_path / "vectors.txt").write_text("sun 3 4\nmoon 0 2\nsun 9 9\n")
    result = run("export", tmp_path / "vectors.txt", tmp_path / "model", "--json")
    assert result.returncode == 0, result.stderr
    assert "vectors.txt: 2 words and 0 phrases of 3 entries; after normalisation 1 are dup" in result.stderr
    described = json.loads(result.stdout)
    assert (described["tokens"], described["tokenizer"], described["max_length"]) == (4, "WordLevel", None)
    result = run("encode", tmp_path / "model", "-", stdin="Sun moon\n")
    assert json.loads(result.stdout)["embedding"] == [1.5, 3.0]


def test_encode_to_json_lines_from_standard_input(folder):
    result = run("encode", folder, "-", stdin="sun\n\nmöon\n")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert rows[0] == {"text": "sun", "embedding": [3.0, 4.0]}
    assert [row["text"] for row in rows] == ["sun", "", "möon"]


def test_encode_a_column(folder, tmp_path):
    (tmp_path / "a.csv").write_text("id,body\n1,sun\n")
    result = run("encode", folder, tmp_path / "a.csv", "--column", "body", "-o", tmp_path / "v.npy", "--json")
    assert json.loads(result.stdout) == {
        "output": str(tmp_path / "v.npy"),
        "texts": 1,
        "nulls": 0,
        "dim": 2,
        "files": 1,
        "skipped": 0,
    }


def test_quiet_says_nothing(folder, tmp_path):
    (tmp_path / "a.txt").write_text("sun\n")
    result = run("encode", folder, tmp_path / "a.txt", "-o", tmp_path / "v.npy", "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("encode", "./nowhere", "-"),
            "error: expected a static model's folder or a Hub id, found nothing at",
        ),
        (("inspect", "./nowhere"), "error: expected a static model's folder"),
        (("distill", "./nowhere", "out"), "error: expected a teacher's folder or a Hub id, found nothing at"),
        (("distill", "{teacher}", "out", "--pca-dims", "0"), "error: pca_dims must be a whole number from 1"),
        (
            ("distill", "{teacher}", "out", "--pca-dims", "-1"),
            "error: pca_dims must be a whole number from 1",
        ),
        (
            ("distill", "{teacher}", "out", "--pca-dims", "5"),
            "error: pca_dims must be at most the teacher's width, 4",
        ),
        (("distill", "{teacher}", "out", "--provider", "cuda"), "error: expected CUDAExecutionProvider"),
        (
            ("distill", "{teacher}", "{teacher}"),
            "error: expected a new or empty folder or an older static model",
        ),
        (("export", "{teacher}", "out"), "error: expected a static model with one of"),
        (
            ("export", "{folder}/config.json", "out"),
            "error: expected a model's folder, or word vectors",
        ),
        (("encode", "{folder}", "{folder}/nowhere.txt"), "error: expected to read "),
        (("fit", "{teacher}", "nowhere", "out"), "error: expected to read nowhere, found No such file"),
        (
            ("distill", "{teacher}", "out", "--frequencies", "corpus:nowhere"),
            "error: expected to read nowhere, found No such file",
        ),
        (
            ("encode", "{folder}", "{folder}/model.safetensors"),
            "error: expected a name that ends in .parquet",
        ),
    ],
)
def test_errors_are_one_line_and_exit_1(tmp_path, teacher, folder, arguments, message):
    filled = [argument.format(teacher=teacher, folder=folder) for argument in arguments]
    filled = [str(tmp_path / "out") if argument == "out" else argument for argument in filled]
    result = run(*filled)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("distill", "teacher"),
        ("encode", "model", "texts", "--no-such-option"),
        ("distill", "teacher", "out", "--provider", "tpu"),
        ("distill", "teacher", "out", "--pca-dims", "many"),
        ("distill", "teacher", "out", "--pca-dims=--5"),
        ("push", "model"),
        ("no-such-command",),
    ],
)
def test_wrong_usage_exits_2(arguments):
    result = run(*arguments)
    assert result.returncode == 2
    assert "Usage:" in result.stderr


@pytest.mark.parametrize(
    "command", ["distill", "export", "verify", "push", "encode", "search", "inspect", "evaluate"]
)
def test_help_shows_an_example(command):
    result = run(command, "--help")
    assert result.returncode == 0
    assert f"m2v-onnx {command} " in result.stdout.replace("Usage:", "").split("Example:")[1]


def test_brackets_in_a_text_are_no_markup(folder):
    result = run("inspect", folder, "--text", "sun [/b] [bold]")
    assert result.returncode == 0, result.stderr
    assert "sun [/b] [bold]" in result.stdout


def test_version():
    assert run("--version").stdout == f"m2v-onnx {__version__}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no SIGINT to a child")
def test_ctrl_c_leaves_nothing_behind(folder, tmp_path):
    command = [sys.executable, "-m", "m2v_onnx", "encode", str(folder), "-", "-o", str(tmp_path / "v.npy")]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdin.write(b"sun\n" * 10_000)
    child.stdin.flush()
    while not list(tmp_path.glob(".v.npy.*.draft")):
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=20)
    assert child.returncode not in (0, 1, 2) or b"Aborted" in errors
    assert b"Traceback" not in errors
    assert [path.name for path in tmp_path.iterdir() if "v.npy" in path.name] == []


def test_verify_says_what_is_wrong(folder):
    result = run("verify", folder)
    assert (result.returncode, result.stderr) == (0, "")
    named = [word for word in result.stdout.split() if word.startswith("onnx/")]
    assert named == ["onnx/model.onnx", "onnx/model_quantized.onnx"]
    (folder / "onnx/model.onnx").write_bytes((folder / "onnx/model_quantized.onnx").read_bytes()[:900])
    result = run("verify", folder, "--json")
    assert result.returncode == 1
    assert result.stderr.startswith("error: onnx/model.onnx: expected a valid ONNX model")
    graphs = {graph["file"]: graph["problem"] for graph in json.loads(result.stdout)["graphs"]}
    assert graphs["onnx/model_quantized.onnx"] is None
    assert graphs["onnx/model.onnx"] is not None


def test_export_writes_what_was_asked_for(folder, tmp_path):
    options = ["--graph", "ids,tokens", "--precision", "fp32,int4", "--shared-table", "--dims", 1]
    result = run("export", folder, tmp_path / "m", *options)
    assert result.returncode == 0, result.stderr
    assert {path.relative_to(tmp_path / "m").as_posix() for path in (tmp_path / "m").rglob("*.onnx")} == {
        "model.onnx",
        "model_tokens.onnx",
        "onnx/model_q4.onnx",
        "onnx/model_tokens_q4.onnx",
    }
    assert run("verify", tmp_path / "m").returncode == 0
    described = json.loads(run("export", folder, tmp_path / "m", "--quantize-vocabulary", 3, "--json").stdout)
    assert (described["tokens"], described["table_bytes"]) == (6, 3 * 2 * 4)
    assert run("verify", tmp_path / "m").returncode == 0


def test_export_of_a_classifier_gives_a_classifier(tmp_path):
    folder = save_tiny_classifier(tmp_path / "it", precisions=("fp32",))
    result = run("export", folder, folder, "--graph", "ids,codepoints", "--precision", "fp32")
    assert (result.returncode, result.stderr) == (0, "")
    assert read_classifier(folder).head.labels == ("no", "yes\t🙂", "ñ")
    assert run("verify", folder).returncode == 0
    assert (folder / "onnx/model_codepoints.onnx").exists()
    result = run("export", folder, tmp_path / "other", "--dims", 1)
    assert result.returncode == 1
    assert "expected no --dims and no --quantize-vocabulary for the classifier" in result.stderr
