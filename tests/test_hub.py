"""The Hub, stood in for by a small server with the same addresses, and huggingface_hub as it is."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants, file_download

from m2v_onnx import StaticModel
from m2v_onnx.distill import TeacherSource
from m2v_onnx.distill.teacher import load_teacher
from m2v_onnx.errors import FolderError, TeacherError

COMMITS = {"main": "a" * 40, "v1": "b" * 40}
TOKEN = "hf_secret"


class Hub(ThreadingHTTPServer):
    """Serves folders as repositories: {(owner/name, revision): folder}; owner "private" wants a token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[tuple[str, str], Path] = {}
        self.fetched: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = self.path.split("?")[0].strip("/").split("/")
        is_api = parts[:2] == ["api", "models"]
        repo_id, *rest = ["/".join(parts[2:4]), *parts[4:]] if is_api else ["/".join(parts[:2]), *parts[2:]]
        name = rest[1] if len(rest) > 1 else "main"  # resolve/NAME/file, revision/NAME, tree/NAME
        revision = next((known for known, commit in COMMITS.items() if name in (known, commit)), None)
        folder = self.server.repositories.get((repo_id, revision or ""))
        if folder is None:
            known = any(repo_id == repository for repository, _ in self.server.repositories)
            self.answer(404, {"X-Error-Code": "RevisionNotFound" if known else "RepoNotFound"})
        elif repo_id.startswith("private/") and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, {"X-Error-Code": "GatedRepo"})
        elif is_api:
            files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
            if rest[:1] == ["tree"]:
                content = [{"type": "file", "path": file, "oid": "0" * 40, "size": 1} for file in files]
                self.answer(200, {"Content-Type": "application/json"}, json.dumps(content).encode())
                return
            content = {"id": repo_id, "sha": COMMITS[revision], "siblings": [{"rfilename": f} for f in files]}
            self.answer(200, {"Content-Type": "application/json"}, json.dumps(content).encode())
        else:
            file = "/".join(rest[2:])
            content = (folder / file).read_bytes()
            if self.command == "GET":
                self.server.fetched.append(file)
            etag = hashlib.sha256(content).hexdigest()
            self.answer(200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMITS[revision]}, content)

    def answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    server = Hub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    address = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    for module in (constants, file_download):
        monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", address, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    yield server
    server.shutdown()
    server.server_close()


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


def test_a_private_model_wants_its_token(hub, folder):
    hub.repositories = {("private/name", "main"): folder}
    with pytest.raises(FolderError, match="found neither for 'private/name' .*hf auth login"):
        StaticModel.from_pretrained("private/name", token="wrong")
    assert StaticModel.from_pretrained("private/name", token=TOKEN).dim == 2


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
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


def test_a_hub_that_cannot_be_reached(hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FolderError, match="found neither for 'owner/name'"):
        StaticModel.from_pretrained("owner/name")


def test_a_teacher_by_id_takes_its_onnx_file_and_not_its_weights(hub, teacher):
    (teacher / "model.safetensors").write_bytes(b"weights")
    (teacher / "onnx/model_quantized.onnx").write_bytes(b"other precision")
    hub.repositories = {("owner/teacher", "main"): teacher}
    loaded = load_teacher("owner/teacher")
    assert loaded.name == "owner/teacher"
    assert loaded.onnx_path.read_bytes() == (teacher / "onnx/model.onnx").read_bytes()
    assert sorted(hub.fetched) == [
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
