"""The Hub, stood in for by a small server with the same addresses, and huggingface_hub as it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants, snapshot_download

from m2v_onnx import M2vOnnxError, StaticModel
from m2v_onnx.errors import ArgumentError, FolderError, TeacherError
from m2v_onnx.folder.on_the_hub import upload_model
from m2v_onnx.system.hub import Upload
from m2v_onnx.teacher.loading import load_teacher
from m2v_onnx.teacher.options import TeacherSource
from tests.faults.nodes import without_rights
from tests.stand_in_hub import COMMITS, TOKEN, Hub

# huggingface_hub 1 hands bytes to httpx by an older argument.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")


def test_a_model_by_id_and_revision(hub, folder, tmp_path, model):
    from tests.builders import tiny_model

    tiny_model(normalize=True).save_pretrained(tmp_path / "newer")
    (folder / "pictures.bin").write_bytes(b"large")
    hub.repositories = {("owner/name", "v1"): folder, ("owner/name", "main"): tmp_path / "newer"}
    np.testing.assert_array_equal(
        StaticModel.from_pretrained("owner/name", revision="v1").encode("sun"), [3, 4]
    )
    np.testing.assert_allclose(StaticModel.from_pretrained("owner/name").encode("sun"), [0.6, 0.8], rtol=1e-6)
    assert "pictures.bin" not in hub.fetched


def test_a_model_in_a_subfolder_and_a_cache_of_ones_own(hub, folder, tmp_path):
    (tmp_path / "family").mkdir()
    folder.rename(tmp_path / "family/small")
    hub.repositories = {("owner/name", "main"): tmp_path / "family"}
    options = {"subfolder": "small", "cache_folder": tmp_path / "own"}
    with pytest.raises(FolderError, match="expected 'owner/name' in the Hub's cache, found nothing: load it"):
        StaticModel.from_pretrained("owner/name", **options, local_files_only=True)
    assert hub.fetched == []
    assert StaticModel.from_pretrained("owner/name", **options, precision="fp32").encode("sun").tolist() == [
        3,
        4,
    ]
    assert (tmp_path / "own/models--owner--name").is_dir()
    n_fetched = len(hub.fetched)
    model = StaticModel.from_pretrained("owner/name", **options, local_files_only=True)
    np.testing.assert_array_equal(model.encode("sun"), [3, 4])
    assert len(hub.fetched) == n_fetched
    with pytest.raises(FolderError, match="none"):
        StaticModel.from_pretrained("owner/name", subfolder="none")


def test_a_private_model_wants_its_token(hub, folder):
    hub.repositories = {("private/name", "main"): folder}
    with pytest.raises(FolderError, match="found neither for 'private/name'; it is gated: .*hf auth login"):
        StaticModel.from_pretrained("private/name", token="wrong")
    assert StaticModel.from_pretrained("private/name", token=TOKEN).dim == 2


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("my-modle", None, "found neither for 'my-modle'; no such repository: check the spelling"),
        ("owner/nobody", None, "a local folder or a Hugging Face Hub id, found neither for 'owner/nobody'"),
        ("owner/name", "v9", "found neither for 'owner/name at revision v9'"),
    ],
)
def test_what_the_hub_does_not_have(hub, folder, name, revision, message):
    hub.repositories = {("owner/name", "main"): folder}
    with pytest.raises(FolderError, match=message):
        StaticModel.from_pretrained(name, revision=revision)
    with pytest.raises(TeacherError, match=message):
        load_teacher(name, TeacherSource(revision=revision))


def test_a_hub_that_only_says_404(hub):
    hub.says_why = False
    with pytest.raises(TeacherError, match="found neither for 'owner/nobody'; no such repository: check the"):
        load_teacher("owner/nobody")


@pytest.mark.parametrize("name", ["owner/name", "my-modle", "name.of.nobody"])
def test_a_hub_that_cannot_be_reached(hub, monkeypatch, name):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    message = f"expected '{name}' in a local folder or in the Hub's cache, .* cannot be reached"
    with pytest.raises(FolderError, match=message):
        StaticModel.from_pretrained(name)
    with pytest.raises(TeacherError, match=message):
        load_teacher(name)


@pytest.mark.parametrize("name", ["owner/model", "owner/teacher"])
def test_a_cache_that_may_not_be_written(hub, folder, teacher, tmp_path, monkeypatch, name):
    hub.repositories = {("owner/model", "main"): folder, ("owner/teacher", "main"): teacher}
    (tmp_path / "home").mkdir(mode=0o555)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "home/hub"))
    message = f"expected to write '{name}' into the Hub's cache, found Permission denied at .*home/hub"
    with without_rights(tmp_path / "home"), pytest.raises(M2vOnnxError, match=message):
        StaticModel.from_pretrained(name) if name == "owner/model" else load_teacher(name)


def test_a_teacher_by_id_takes_its_onnx_file_and_not_its_weights(hub, teacher):
    (teacher / "model.safetensors").write_bytes(b"weights")
    (teacher / "onnx/model_quantized.onnx").write_bytes(b"other precision")
    hub.repositories = {("owner/teacher", "main"): teacher}
    loaded = load_teacher("owner/teacher")
    assert loaded.name == "owner/teacher"
    assert loaded.onnx_path.read_bytes() == (teacher / "onnx/model.onnx").read_bytes()
    assert sorted(hub.fetched) == [
        "README.md",
        "config.json",
        "onnx/model.onnx",
        "special_tokens_map.json",
        "tokenizer.json",
    ]


def test_a_teacher_that_is_cached_needs_no_hub(hub, teacher, monkeypatch):
    hub.repositories = {("owner/teacher", "main"): teacher}
    online = load_teacher("owner/teacher")
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert load_teacher("owner/teacher").onnx_path == online.onnx_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def push(hub: Hub, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "m2v_onnx", "push", *map(str, arguments)]
    settings = {
        "HF_ENDPOINT": hub.endpoint,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(hub.root),
        **environment,
    }
    return subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )


def test_a_pushed_model_comes_back(hub, model, tmp_path):
    url = model.push_to_hub("owner/tiny", token=TOKEN)
    assert url == f"{hub.endpoint}/owner/tiny/commit/{COMMITS['main']}"
    model.save_pretrained(tmp_path / "tiny")
    downloaded = Path(snapshot_download("owner/tiny"))
    assert contents(downloaded) == contents(tmp_path / "tiny")
    np.testing.assert_array_equal(StaticModel.from_pretrained("owner/tiny").encode("sun"), [3, 4])
    assert hub.private == set()


def test_a_private_branch(hub, model):
    model.push_to_hub("tiny", token=TOKEN, private=True, revision="v1")
    assert hub.private == {"me/tiny"}
    assert contents(hub.repositories["me/tiny", "main"]) == {}
    assert "model.safetensors" in contents(hub.repositories["me/tiny", "v1"])
    url = model.push_to_hub("me/tiny", token=TOKEN, private=True, revision="v1")
    assert url.endswith(COMMITS["v1"])


def test_a_folder_is_pushed_and_an_older_models_graphs_go(hub, folder, caplog):
    (folder / "onnx/model_q4.onnx").write_bytes(b"other precision")
    (folder / "model_q4.onnx").write_bytes(b"beside the table")
    model_files = contents(folder)
    (folder / "pictures [1]").mkdir()
    (folder / "pictures [1]/a.bin").write_bytes(b"picture")
    (folder / "notes.txt").write_text("mine")
    visible = contents(folder)
    for hidden in (".git/config", ".v.npy.1.draft", "onnx/.cache/a"):
        (folder / hidden).parent.mkdir(exist_ok=True)
        (folder / hidden).write_text("hidden")
    upload_model(folder, Upload("owner/tiny", token=TOKEN))
    assert contents(hub.repositories["owner/tiny", "main"]) == model_files
    assert caplog.messages[-1:] == [f"{folder}: left out notes.txt, pictures [1]/a.bin: send them with --all"]
    upload_model(folder, Upload("owner/tiny", token=TOKEN), everything=True)
    assert contents(hub.repositories["owner/tiny", "main"]) == visible

    (folder / "onnx/model_q4.onnx").unlink()
    (folder / "model_q4.onnx").unlink()
    (folder / "pictures [1]/a.bin").unlink()
    upload_model(folder, Upload("owner/tiny", token=TOKEN))
    assert visible.keys() - contents(hub.repositories["owner/tiny", "main"]).keys() == {
        "onnx/model_q4.onnx",
        "model_q4.onnx",
    }


@pytest.mark.parametrize("name", ["config.json", "onnx/model.onnx", "README.md"])
def test_no_link_out_of_a_folder_is_followed(hub, folder, tmp_path, name):
    (tmp_path / "secret").write_text("secret")
    (folder / name).unlink()
    (folder / name).symlink_to(tmp_path / "secret")
    with pytest.raises(FolderError, match=f"files of the model in .*, found a link out of it, {name}: put a"):
        upload_model(folder, Upload("owner/tiny", token=TOKEN))
    assert hub.written == []


@pytest.mark.parametrize("kind", ["file", "folder", "link to nothing"])
def test_other_links_out_of_a_folder_are_left_out(hub, folder, tmp_path, caplog, kind):
    (tmp_path / "far").mkdir()
    (tmp_path / "far/secret").write_text("secret")
    targets = {"file": tmp_path / "far/secret", "folder": tmp_path / "far", "link to nothing": tmp_path / "x"}
    (folder / "extra").symlink_to(targets[kind])
    upload_model(folder, Upload("owner/tiny", token=TOKEN), everything=True)
    assert not any("extra" in name for name in contents(hub.repositories["owner/tiny", "main"]))


def test_push_on_the_command_line(hub, folder):
    result = push(hub, folder, "owner/tiny", "--private", "--token", TOKEN, "--json")
    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "folder": str(folder),
        "repo_id": "owner/tiny",
        "revision": "main",
        "url": f"{hub.endpoint}/owner/tiny/commit/{COMMITS['main']}",
    }
    assert hub.private == {"owner/tiny"}
    assert contents(hub.repositories["owner/tiny", "main"]) == contents(folder)
    result = push(hub, folder, "owner/tiny", "--revision", "v1", HF_TOKEN=TOKEN)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{folder}: uploaded, {hub.endpoint}/owner/tiny/commit/{COMMITS['v1']}\n"


def test_push_without_a_token_is_one_line_and_exit_1(hub, folder):
    result = push(hub, folder, "owner/tiny", HF_TOKEN="")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("error: expected to upload the model to 'owner/tiny', found HTTP 401, ")
    assert result.stderr.endswith("give a token that may write (--token, HF_TOKEN)\n")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("repo_id", "token", "message"),
    [
        ("owner/tiny", None, "HTTP 401, Invalid username or password.: log in with `hf auth login`"),
        ("owner/tiny", "hf_wrong", "HTTP 401, Invalid username or password.: log in with `hf auth login`"),
        ("closed/tiny", TOKEN, "HTTP 403, You don't have the rights .*: give a token that may write to"),
    ],
)
def test_what_the_hub_refuses(hub, model, repo_id, token, message):
    with pytest.raises(M2vOnnxError, match=f"expected to upload the model to '{repo_id}', found {message}"):
        model.push_to_hub(repo_id, token=token)
    assert hub.repositories == {}


def test_a_large_file_that_the_hub_refuses(hub, model):
    hub.full = True
    with pytest.raises(M2vOnnxError, match="found HTTP 403, Storage limit reached.: give a token"):
        model.push_to_hub("owner/tiny", token=TOKEN)
    assert contents(hub.repositories["owner/tiny", "main"]) == {}


def test_a_card_that_the_hub_refuses(hub, folder):
    (folder / "README.md").write_text("---\nlicense: none-such\n---\n")
    with pytest.raises(
        M2vOnnxError,
        match='Invalid metadata in README.md. - "license" must be one of a list: mend what it names',
    ):
        upload_model(folder, Upload("owner/tiny", token=TOKEN))


def test_a_public_repository_is_no_place_for_a_private_model(hub, model):
    hub.make_branch("owner/tiny", "main")
    with pytest.raises(
        M2vOnnxError, match="expected a private repository, found the public one 'owner/tiny'"
    ):
        model.push_to_hub("owner/tiny", token=TOKEN, private=True)
    assert hub.written == ["/api/repos/create"]


@pytest.mark.parametrize("repo_id", ["", "..", "a/b/c", "owner/my model", "owner/-x", "./owner"])
def test_a_name_that_no_repository_has(hub, model, repo_id):
    with pytest.raises(ArgumentError, match="expected a Hub repository, name or owner/name, found"):
        model.push_to_hub(repo_id, token=TOKEN)
    assert hub.written == []


def test_only_static_models_are_pushed(hub, teacher, tmp_path):
    for folder in (teacher, tmp_path / "nowhere"):
        with pytest.raises(FolderError, match="expected the folder of a static model, found none at"):
            upload_model(folder, Upload("owner/tiny", token=TOKEN))
    assert hub.written == []


def test_a_push_to_a_hub_that_cannot_be_reached(hub, model, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        M2vOnnxError, match=r"to upload the model to 'owner/tiny', found [^(\[{]*: mend .*check the network"
    ):
        model.push_to_hub("owner/tiny", token=TOKEN)
