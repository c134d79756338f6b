"""A server's life: its models are replaced, its workers die, it is told to end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from tests.builders import ROWS, tiny_model
from tests.serve.servers import running


@pytest.fixture
def replaced(tmp_path):
    """A folder that a test replaces."""
    tiny_model().save_pretrained(tmp_path / "model", precisions=("fp32", "int8"))
    return tmp_path / "model"


def wait_until(is_so):
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_replaced_model_answers_after_sighup_and_no_request_fails(replaced, tmp_path):
    answers_by_client, is_over = [[] for _ in range(4)], threading.Event()
    with running(tmp_path, replaced) as server:

        def ask(answers):
            while not is_over.is_set():
                answers.append(server.post("/v1/embeddings", {"input": ["sun"]}))

        threads = [threading.Thread(target=ask, args=(answers,)) for answers in answers_by_client]
        for thread in threads:
            thread.start()
        tiny_model(table=ROWS * 2).save_pretrained(replaced)
        wait_until(lambda: all(answers_by_client))
        assert server.embed("sun") == [[3, 4]]
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.embed("sun") == [[6, 8]])
        n_old = [len(answers) for answers in answers_by_client]
        wait_until(lambda: all(len(a) > n + 1 for a, n in zip(answers_by_client, n_old, strict=True)))
        is_over.set()
        for thread in threads:
            thread.join()
        wait_until(lambda: server.count('m2v_onnx_reloads_total{outcome="done"}') == 1)
    assert "loaded model again" in server.errors.read_text()
    assert {answer.status for answers in answers_by_client for answer in answers} == {200}
    found = [[answer.json["data"][0]["embedding"] for answer in answers] for answers in answers_by_client]
    assert [sorted(vectors) for vectors in found] == found  # each client has the old ones, then the new ones
    assert [(vectors[0], vectors[-1]) for vectors in found] == [([3, 4], [6, 8])] * 4


def test_a_broken_model_does_not_take_the_place_of_one_that_answers(replaced, tmp_path):
    with running(tmp_path, replaced) as server:
        assert server.embed("sun") == [[3, 4]]
        (replaced / "config.json").write_text("{")
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: server.count('m2v_onnx_reloads_total{outcome="failed"}') == 1)
        assert server.embed("sun") == [[3, 4]]
    log = server.errors.read_text()
    assert log.startswith("kept the models that were loaded before: ")
    assert "config.json" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("precision", "damage"), [("fp32", "written to"), ("fp32", "removed"), ("int8", "cut")]
)
def test_files_that_are_written_to_change_no_answer(replaced, tmp_path, precision, damage):
    with running(tmp_path, replaced, options=("--precision", precision)) as server:
        texts = ["sun moon!"], ["sun moonlight ! " * 20] * 100
        before = [server.embed(*some) for some in texts]
        for path in [path for path in replaced.rglob("*") if path.is_file()]:
            if damage == "removed":
                path.unlink()
            else:
                content = path.read_bytes()
                path.write_bytes(b"" if damage == "cut" else b"\xff" * len(content))
        assert [server.embed(*some) for some in texts] == before
    assert server.errors.read_text() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_and_answers_what_was_begun(tiny_folders, tmp_path, number):
    with running(tmp_path, tiny_folders / "raw") as server, server.connect() as connection:
        body = json.dumps({"input": "sun"}).encode()
        head = f"POST /v1/embeddings HTTP/1.1\r\nhost: a\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        connection.sendall(head + body[:5])
        wait_until(lambda: server.get("/health").status == 200)  # it has read the head
        server.process.send_signal(number)
        wait_until(lambda: is_refused(server.port))
        connection.sendall(body[5:])
        answer = b""
        while part := connection.recv(65536):
            answer += part
        assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["data"][0]["embedding"] == [3, 4]
        assert server.process.wait(timeout=60) == 0
    assert server.errors.read_text() == ""


def is_refused(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except ConnectionError:
        return True
    return False


@pytest.mark.skipif(not Path("/proc").exists(), reason="needs /proc")
def test_workers_share_a_port_and_are_replaced_when_they_die(replaced, tmp_path):
    with running(tmp_path, replaced, options=("--workers", 2)) as server:
        wait_until(lambda: len(workers(server)) == 2)
        assert server.embed("sun", "moon") == [[3, 4], [0, 2]]
        first = workers(server)[0]
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: len(workers(server)) == 2 and first not in workers(server))
        assert server.embed("sun", "moon") == [[3, 4], [0, 2]]
        wait_until(lambda: server.count("m2v_onnx_texts_total") == 4)
        tiny_model(table=ROWS * 2).save_pretrained(replaced)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: {tuple(server.embed("sun")[0]) for _ in range(20)} == {(6, 8)})
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=60) == 0


def workers(server):
    """Give the processes that answer."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return [int(child) for child in children if b"spawn_main" in command_line(child)]


def command_line(process):
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""


def serve(*arguments, **environment):
    command = [sys.executable, "-m", "m2v_onnx", "serve", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment}
    )


def test_what_cannot_be_served_ends_in_one_line(tiny_folders, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        model = tiny_folders / "raw"
        shutil.copytree(model, tmp_path / "damaged")
        (tmp_path / "damaged/model.safetensors").write_bytes(b"x")
        cases = {
            (
                model,
                "--port",
                port,
            ): rf"expected to listen at 127.0.0.1, port {port}, found Address already in use",
            (model, "--host", "256.0.0.1"): "expected to listen at 256.0.0.1, port 8000, found",
            (model, "--host", f"{'a' * 64}.org"): "port 8000, found",
            (tmp_path / "none", "--port", 0): "found nothing at",
            (tmp_path / "damaged", "--port", 0): "model.safetensors",
            (model, tmp_path / "damaged", "--port", 0, "--workers", 2): "model.safetensors",
            (model, model, "--port", 0): "found 'raw' twice: write NAME=MODEL",
            (model, "--port", 0, "--api-key", " "): "expected a key of some characters",
        }
        for arguments, message in cases.items():
            result = serve(*arguments)
            assert (result.returncode, result.stdout) == (1, ""), arguments
            assert message in result.stderr
            assert len(result.stderr.splitlines()) == 1, result.stderr
    assert serve(model, "--workers", 0).returncode == 2


def test_vectors_are_those_of_encode(tiny_folders, tmp_path):
    texts = ["sun moon!", "moonlight", "", "comet", "sun " * 600, "[PAD] sun [UNK]", "SUN\0"]
    with running(tmp_path, tiny_folders / "unit") as server:
        model = tiny_model(normalize=True, max_length=3)
        np.testing.assert_array_equal(np.array(server.embed(*texts), np.float32), model.encode(texts))
