"""The folder: reading every layout, refusing damage, and writing all or nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from m2v_onnx import StaticModel
from m2v_onnx.errors import FolderError
from m2v_onnx.folder import replacement
from m2v_onnx.folder.reading import is_model_folder
from m2v_onnx.folder.replacement import replace_folder
from m2v_onnx.model.config import ModelConfig
from m2v_onnx.model.recipe import Recipe
from tests.builders import ROWS, replace_json, tiny_model, word_piece


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_save_then_load_is_identity(tmp_path):
    recipe = Recipe("mine", pca_dims=0.9, sif_coefficient=1e-3)
    config = ModelConfig(normalize=True, max_length=None, teacher="owner/name", recipe=recipe)
    model = tiny_model(config=config, table=ROWS.astype(np.float16), weights=np.arange(6, dtype=np.float32))
    model.save_pretrained(tmp_path / "model")
    again = StaticModel.from_pretrained(tmp_path / "model")
    assert again.config == config
    assert again.table.dtype == np.float16
    np.testing.assert_array_equal(again.table[2:], model.table[2:])  # [PAD] and [UNK] never count
    np.testing.assert_array_equal(again.weights, model.weights)
    assert again.tokenizer.to_str() == model.tokenizer.to_str()


def test_the_same_model_gives_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        tiny_model().save_pretrained(tmp_path / name / "model")  # its card holds the folder's name
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")


def test_files_are_readable_as_the_umask_says(folder):
    modes = {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()}
    assert len(modes) == 1


def write_layout(root: Path, layout: str) -> Path:
    names = {
        "model2vec": ("config.json", "model.safetensors", "embeddings", "tokenizer.json"),
        "model2vec-0.1": ("config.json", "embeddings.safetensors", "embeddings", "tokenizer.json"),
        "flat": (
            "config_sentence_transformers.json",
            "model.safetensors",
            "embedding.weight",
            "tokenizer.json",
        ),
        "nested": (
            "config_sentence_transformers.json",
            "0_StaticEmbedding/model.safetensors",
            "embedding.weight",
            "0_StaticEmbedding/tokenizer.json",
        ),
    }
    config, table, tensor, tokenizer = names[layout]
    (root / table).parent.mkdir(parents=True)
    (root / config).write_text(json.dumps({"normalize": True}))
    save_file({tensor: ROWS}, root / table)
    word_piece().save(str(root / tokenizer))
    if layout in ("flat", "nested"):
        modules = [{"type": "sentence_transformers.models.StaticEmbedding"}, {"type": "x.models.Normalize"}]
        (root / "modules.json").write_text(json.dumps(modules))
    return root


@pytest.mark.parametrize("layout", ["model2vec", "model2vec-0.1", "flat", "nested"])
def test_every_layout_is_read(tmp_path, layout):
    model = StaticModel.from_pretrained(write_layout(tmp_path / "model", layout))
    np.testing.assert_allclose(model.encode("sun"), [0.6, 0.8], rtol=1e-6)
    # model2vec cuts at 512 tokens unless its config says otherwise, sentence-transformers never.
    assert model.config.max_length == (512 if "model2vec" in layout else None)


def test_float64_weights_and_int64_mapping_are_read(tmp_path):
    root = write_layout(tmp_path / "model", "model2vec")
    tensors = {"embeddings": ROWS, "weights": np.full(6, 0.5), "mapping": np.arange(6)}
    save_file(tensors, root / "model.safetensors")
    model = StaticModel.from_pretrained(root)
    assert (model.weights.dtype, model.mapping.dtype) == (np.float32, np.int32)
    np.testing.assert_array_equal(model.encode_as_sequence("sun"), ROWS[[2]] / 2)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "truncated table": (
        lambda f: truncate(f / "model.safetensors"),
        "model.safetensors, found a damaged one",
    ),
    "empty table": (
        lambda f: (f / "model.safetensors").write_bytes(b""),
        "model.safetensors, found a damaged",
    ),
    "table of another length": (
        lambda f: save_file({"embeddings": ROWS[:5]}, f / "model.safetensors"),
        "one row per token: the tokenizer has 6 tokens, the table 5 rows",
    ),
    "table of rank 1": (
        lambda f: save_file({"embeddings": ROWS[0]}, f / "model.safetensors"),
        r"must have rows and columns, found shape \(2,\)",
    ),
    "table of integers": (
        lambda f: save_file({"embeddings": ROWS.astype(np.uint8)}, f / "model.safetensors"),
        "expected tensors of F64, F32, .* found U8",
    ),
    "no table in it": (
        lambda f: save_file({"encoder.layer.0.weight": ROWS}, f / "model.safetensors"),
        "found encoder.layer.0.weight …: a transformer wants `m2v-onnx distill` first",
    ),
    "no table": (
        lambda f: (f / "model.safetensors").unlink(),
        "expected a static model with one of model.safe",
    ),
    "truncated tokenizer": (lambda f: truncate(f / "tokenizer.json"), "tokenizer.json, found a damaged one"),
    "no tokenizer": (lambda f: (f / "tokenizer.json").unlink(), "tokenizer.json, found nothing"),
    "binary tokenizer": (
        lambda f: (f / "tokenizer.json").write_bytes(b"\xff\xfe"),
        "expected UTF-8 text in .*tokenizer.json",
    ),
    "truncated config": (lambda f: truncate(f / "config.json"), "expected JSON in .*config.json"),
    "empty config": (lambda f: (f / "config.json").write_text(""), "expected JSON in .*config.json"),
    "config that is a list": (lambda f: (f / "config.json").write_text("[]"), "JSON dict in .*found a list"),
    "normalize that is a word": (
        lambda f: replace_json(f / "config.json", normalize="yes"),
        "normalize in .*config.json must be true or false, found 'yes'",
    ),
    "max_length of 0": (
        lambda f: replace_json(f / "config.json", max_length=0),
        "max_length in .*config.json must be a whole number from 1 to 2147483647, or null, found 0",
    ),
    "a newer schema": (
        lambda f: replace_json(f / "config.json", m2v_onnx={"schema_version": 99}),
        "written by a newer m2v-onnx .schema 99.*pip install --upgrade m2v-onnx",
    ),
    "a damaged recipe": (
        lambda f: replace_json(
            f / "config.json", m2v_onnx={"schema_version": 1, "recipe": {"name": "x", "y": 1}}
        ),
        "expected a recipe under m2v_onnx in .*config.json, found a damaged one",
    ),
    "truncated graph": (lambda f: truncate(f / "onnx/model.onnx"), "model.onnx, found a damaged one"),
    "empty graph": (lambda f: (f / "onnx/model.onnx").write_bytes(b""), "model.onnx, found a damaged one"),
}


@pytest.mark.usefixtures("_no_compiled_mean")
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named(folder, damage):
    destroy, message = DAMAGES[damage]
    destroy(folder)
    with pytest.raises(FolderError, match=message):
        StaticModel.from_pretrained(folder, precision="fp32").encode(["sun"] * 9)


@pytest.mark.usefixtures("_no_compiled_mean")
def test_a_graph_of_another_model_is_named(folder, tmp_path):
    tiny_model(table=np.ones((6, 3), np.float32)).save_pretrained(tmp_path / "other")
    shutil.copy(tmp_path / "other/onnx/model.onnx", folder / "onnx/model.onnx")
    with pytest.raises(FolderError, match="expected an output sentence_embedding of width 2 in"):
        StaticModel.from_pretrained(folder, precision="fp32").encode(["sun"] * 9)


@pytest.mark.usefixtures("_no_compiled_mean")
def test_a_folder_that_was_replaced_after_it_was_loaded_is_named(folder):
    model = StaticModel.from_pretrained(folder, precision="fp32")
    tiny_model(table=ROWS[::-1].copy()).save_pretrained(folder)
    with pytest.raises(
        FolderError, match="expected the table's vectors from .*found others.*load the folder again"
    ):
        model.encode(["sun"] * 9)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", "expected a static model's folder or a Hub id, found nothing at nowhere"),
        ("/no/such/folder", "found nothing at /no/such/folder"),
    ],
)
def test_a_model_that_is_not_there(name, message):
    with pytest.raises(FolderError, match=message):
        StaticModel.from_pretrained(name)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "onnx/model.onnx"])
def test_a_file_of_a_model_where_its_folder_is_expected(folder, name):
    with pytest.raises(
        FolderError, match=f"expected a model's folder, .*{name}: .*of a model name the folder"
    ):
        StaticModel.from_pretrained(folder / name)


def test_an_older_model_is_replaced_and_other_files_are_kept(folder):
    (folder / "notes.txt").write_text("mine")
    (folder / ".git").mkdir()
    (folder / ".git/HEAD").write_text("ref")
    (folder / "onnx/model_tokens.onnx").write_bytes(b"of the older model")
    (folder / "onnx/measured.txt").write_text("mine, too")
    tiny_model(normalize=True).save_pretrained(folder)
    assert StaticModel.from_pretrained(folder).config.normalize
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / ".git/HEAD").read_text() == "ref"
    assert (folder / "onnx/measured.txt").read_text() == "mine, too"
    assert not (folder / "onnx/model_tokens.onnx").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_transformers_folder_is_no_older_model(tmp_path, model):
    save_file({"bert.encoder.weight": ROWS}, tmp_path / "model.safetensors")
    word_piece().save(str(tmp_path / "tokenizer.json"))
    before = snapshot(tmp_path)
    with pytest.raises(FolderError, match="expected a new or empty folder or an older static model"):
        model.save_pretrained(tmp_path)
    assert snapshot(tmp_path) == before


def test_the_current_folder_is_refused(folder, monkeypatch, model):
    (folder / "inner").mkdir()
    for here in (folder, folder / "inner"):
        monkeypatch.chdir(here)
        with pytest.raises(FolderError, match="found the current one, .*work outside it"):
            model.save_pretrained(folder)
    assert is_model_folder(folder)


def test_a_graph_of_another_library_is_left_alone(folder):
    replace = json.loads((folder / "config.json").read_text())
    del replace["m2v_onnx"]
    (folder / "config.json").write_text(json.dumps(replace))
    (folder / "onnx/model.onnx").write_bytes(b"of other inputs and outputs")
    model = StaticModel.from_pretrained(folder)
    np.testing.assert_array_equal(model.encode(["sun"] * 9), [[3, 4]] * 9)


def test_other_folders_are_refused_unless_forced(tmp_path, model):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(FolderError, match="found other files in .*--force"):
        model.save_pretrained(tmp_path)
    assert not is_model_folder(tmp_path)
    model.save_pretrained(tmp_path, force=True)
    assert is_model_folder(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_an_empty_folder_and_a_new_one_are_fine(tmp_path, model):
    (tmp_path / "empty").mkdir()
    model.save_pretrained(tmp_path / "empty")
    model.save_pretrained(tmp_path / "new" / "deep")
    assert is_model_folder(tmp_path / "empty")
    assert is_model_folder(tmp_path / "new" / "deep")


def test_a_file_in_the_way_is_refused(tmp_path, model):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="found the file .*name another"):
        model.save_pretrained(tmp_path / "file")


def test_a_place_that_cannot_be_written(tmp_path, model):
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="expected to write the model beside .*Not a directory"):
        model.save_pretrained(tmp_path / "file" / "model")


def test_a_table_that_is_not_finite_is_refused_and_the_old_model_stays(folder):
    before = snapshot(folder)
    table = ROWS.copy()
    table[3, 1], table[5, 0] = np.nan, np.inf
    with pytest.raises(FolderError, match=r"found NaN, infinity or larger ones in 2 of 6 rows \(ids 3, 5"):
        tiny_model(table=table).save_pretrained(folder)
    assert snapshot(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_without_an_exchange_in_one_step_the_folder_is_still_replaced(folder, monkeypatch):
    # File systems such as NFS have none.
    monkeypatch.setattr(replacement, "_exchange_in_one_step", lambda draft, path: False)
    tiny_model(normalize=True).save_pretrained(folder)
    assert StaticModel.from_pretrained(folder).config.normalize
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_rename_that_fails_brings_the_old_model_back(folder, monkeypatch):
    before = snapshot(folder)
    monkeypatch.setattr(replacement, "_exchange_in_one_step", lambda draft, path: False)
    rename = Path.rename

    def fail_on_drafts(self, target):
        if self.name.endswith(".draft"):
            raise OSError("busy")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_on_drafts)
    with pytest.raises(FolderError, match="expected to write the model beside .*found busy"):
        tiny_model(normalize=True).save_pretrained(folder)
    assert snapshot(folder) == before


def test_ctrl_c_leaves_the_old_model_and_no_draft(folder):
    before = snapshot(folder)

    def interrupted():
        with replace_folder(folder) as draft:
            (draft / "config.json").write_text("{}")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert snapshot(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no exchange of folders in one step")
def test_a_kill_at_any_moment_leaves_one_whole_model(tmp_path):
    script = (
        "import sys, itertools; from tests.builders import tiny_model\n"
        "models = [tiny_model(), tiny_model(normalize=True)]\n"
        "models[0].save_pretrained(sys.argv[1]); print('ready', flush=True)\n"
        "for n in itertools.count(1): models[n % 2].save_pretrained(sys.argv[1])\n"
    )
    states = {}
    for name, normalize in (("one", False), ("two", True)):
        tiny_model(normalize=normalize).save_pretrained(tmp_path / name / "m")
        states[normalize] = snapshot(tmp_path / name / "m")
    target = tmp_path / "target" / "m"
    for delay in np.linspace(0.001, 0.05, 8):
        child = subprocess.Popen(
            [sys.executable, "-c", script, str(target)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        assert child.stdout.readline() == b"ready\n"
        time.sleep(delay)
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
        assert snapshot(target) in states.values()
