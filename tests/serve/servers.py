"""A real server in a process of its own, and a client of a few lines."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The words of an error, in either form."""
        error = self.json["error"]
        return error["message"] if isinstance(error, dict) else error


@dataclass
class Running:
    """A server that runs."""

    process: subprocess.Popen[str]
    port: int
    errors: Path
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", path, content, headers)

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, {**self.headers, **headers})
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            connection.close()

    def embed(self, *texts: str) -> list[list[float]]:
        answer = self.post("/v1/embeddings", {"input": list(texts)})
        assert answer.status == 200, answer.body
        return [entry["embedding"] for entry in answer.json["data"]]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def count(self, name: str) -> float:
        """Give the sum of a counter in /metrics whose line begins so."""
        lines = self.get("/metrics").body.decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    def resident_mb(self) -> float:
        """Give the memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


@contextmanager
def running(
    folder: Path, *models: object, options: tuple[object, ...] = (), **environment: str
) -> Iterator[Running]:
    """Run a server; what it writes to stderr lies in `folder`."""
    command = [sys.executable, "-m", "m2v_onnx", "serve", *map(str, [*models, "--port", 0, *options])]
    errors = folder / "stderr"
    with errors.open("w") as stderr:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, env={**os.environ, **environment}
        )
    try:
        line = child.stdout.readline()
        found = re.search(r":(\d+)/v1$", line)
        assert found, f"{line}{errors.read_text()}"
        yield Running(child, int(found[1]), errors)
    finally:
        try:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            child.wait(timeout=60)
        finally:
            child.kill()
            child.stdout.close()
