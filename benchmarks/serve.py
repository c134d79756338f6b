"""CPU of the server a request, beside the framework's own 404: `python -m benchmarks.serve MODEL [ROUNDS]`.

The floor is Starlette without a path, under uvicorn with the same settings. Each request is sent on one
connection when the last one was answered; what counts is the CPU time of the server's process.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SENTENCE = "It's dangerous to go alone! Take this, and travel by the light of the moon."
FLOOR = (
    "from starlette.applications import Starlette; from m2v_onnx.serve.run import listen, run_app\n"
    "from m2v_onnx.serve.settings import Limits\n"
    "listener = listen('127.0.0.1', 0)\n"
    "print(f'at http://127.0.0.1:{listener.getsockname()[1]}', flush=True)\n"
    "run_app(Starlette(), listener, Limits())"
)
# What is sent, where, and how often.
REQUESTS: dict[str, tuple[str, dict[str, object], int]] = {
    "/embed, one text": ("/embed", {"inputs": SENTENCE}, 2000),
    "/v1/embeddings, one text": ("/v1/embeddings", {"input": SENTENCE}, 2000),
    "/v1/embeddings, one text, base64": (
        "/v1/embeddings",
        {"input": SENTENCE, "encoding_format": "base64"},
        2000,
    ),
    "64 texts, base64": ("/v1/embeddings", {"input": [SENTENCE] * 64, "encoding_format": "base64"}, 300),
    "1,000 texts, base64": ("/v1/embeddings", {"input": [SENTENCE] * 1000, "encoding_format": "base64"}, 40),
    "1,000 texts": ("/v1/embeddings", {"input": [SENTENCE] * 1000}, 40),
}


def main() -> None:
    model, n_rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 7
    serve = [sys.executable, "-m", "m2v_onnx", "serve", model, "--port", "0"]
    taken: dict[str, list[float]] = {name: [] for name in ("404 of the framework", *REQUESTS)}
    with started([sys.executable, "-c", FLOOR]) as floor, started(serve) as server:
        for _ in range(n_rounds):
            taken["404 of the framework"].append(cpu_a_request(*floor, "/nothing", {}, 2000))
            for name, (path, body, n_requests) in REQUESTS.items():
                taken[name].append(cpu_a_request(*server, path, body, n_requests))
    print("| request | us of CPU | of the 404 in its round |\n| --- | --- | --- |")
    for name, values in taken.items():
        ratios = [value / base for value, base in zip(values, taken["404 of the framework"], strict=True)]
        print(f"| {name} | {statistics.median(values) * 1e6:.0f} | {statistics.median(ratios):.2f} |")


@contextmanager
def started(command: list[str]) -> Iterator[tuple[int, int]]:
    """Start a server that prints its address; give its process and its port."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        port = int(child.stdout.readline().split(":")[-1].split("/")[0])
        yield child.pid, port
        child.terminate()


def cpu_a_request(process: int, port: int, path: str, body: dict[str, object], n_requests: int) -> float:
    """Send a request many times; give the server's seconds of CPU for one."""
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {len(content)}"
    )
    request = head.encode() + b"\r\n\r\n" + content
    with socket.create_connection(("127.0.0.1", port)) as connection:
        exchange(connection, request)
        before = cpu_seconds(process)
        for _ in range(n_requests):
            exchange(connection, request)
        return (cpu_seconds(process) - before) / n_requests


def exchange(connection: socket.socket, request: bytes) -> None:
    """Send a request and read its answer."""
    connection.sendall(request)
    answer = bytearray()
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += _receive(connection)
    head = bytes(answer[:end]).lower()
    n_left = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) - (len(answer) - end - 4)
    while n_left > 0:
        n_left -= len(_receive(connection))


def _receive(connection: socket.socket) -> bytes:
    if not (part := connection.recv(1 << 20)):
        raise ConnectionError("the server closed the connection before its answer was whole")
    return part


def cpu_seconds(process: int) -> float:
    """Give what a process has taken, its threads included."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
