"""Many requests at once, some of them malformed: `python -m tests.serve.flooding MODEL [REQUESTS]`.

Every vector that comes back is compared with `encode`, every refusal with what it must be. Ends with 1 where
something is wrong.
"""

from __future__ import annotations

import base64
import http.client
import json
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from m2v_onnx import StaticModel
from tests.serve.servers import Running, running

N_CONNECTIONS = 32
_MOST_DIFFERENCE = 1e-6
_WORDS = "sun|moon|moonlight|star|cat|on|roof|zürich|中文|😀|[PAD]|it's|12.5| |!|\0"

# A body, its path, and the status that it must get; None for a connection that is cut by us.
MALFORMED: list[tuple[str, bytes, int]] = [
    ("/v1/embeddings", b"", 400),
    ("/v1/embeddings", b'{"input": "sun"', 400),
    ("/v1/embeddings", b"\xff\xfe\0", 400),
    ("/v1/embeddings", b"[" * 5000, 400),
    ("/v1/embeddings", b'{"input": []}', 400),
    ("/v1/embeddings", b'{"input": [1, 2, 3]}', 400),
    ("/v1/embeddings", b'{"input": ["sun", null]}', 400),
    ("/v1/embeddings", b'{"input": "sun", "dimensions": 100000}', 400),
    ("/v1/embeddings", b'{"input": "sun", "encoding_format": "hex"}', 400),
    ("/v1/embeddings", b'{"input": "sun", "model": "none"}', 404),
    ("/v1/embeddings", json.dumps({"input": ["sun"] * 2049}).encode(), 400),
    ("/embed", b'{"inputs": {"a": 1}}', 400),
    ("/embed", b'{"inputs": "\\ud800"}', 400),
    ("/nowhere", b"{}", 404),
    ("/health", b"{}", 405),
]
BROKEN = [
    b"\0\1\2\3 nonsense\r\n\r\n",
    b"POST /v1/embeddings HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{",
    b"POST /v1/embeddings HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999\r\n\r\n{",
    b"POST /embed HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    b"GET /health HTT",
]


@dataclass
class Flood:
    """What was sent, and what went wrong.

    Attributes:
        server: the server.
        model: the model that it serves.
        kinds: of the requests, one each.
        wrong: a line for each that got something else than it must.
    """

    server: Running
    model: StaticModel
    kinds: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def send(self, n_requests: int, n_malformed: int, *, seed: int) -> None:
        """Send requests on several connections at once."""
        jobs = [True] * n_malformed + [False] * (n_requests - n_malformed)
        random.Random(seed).shuffle(jobs)
        threads = [
            threading.Thread(
                target=self._work, args=(jobs[start::N_CONNECTIONS], random.Random(seed + start))
            )
            for start in range(N_CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, jobs: list[bool], rng: random.Random) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=300)
        for is_malformed in jobs:
            begun = time.monotonic()
            try:
                if is_malformed:
                    self._send_malformed(connection, rng)
                else:
                    self._send_texts(connection, rng)
            except (OSError, http.client.HTTPException, ValueError) as error:
                seconds, fresh = time.monotonic() - begun, connection.sock is None
                self.wrong.append(
                    f"{type(error).__name__} {error} after {seconds:.1f} s, {is_malformed=} {fresh=}"
                )
                connection.close()
        connection.close()

    def _send_malformed(self, connection: http.client.HTTPConnection, rng: random.Random) -> None:
        if rng.random() < 0.2:
            self.kinds.append("broken")
            with socket.create_connection(("127.0.0.1", self.server.port), timeout=300) as broken:
                broken.sendall(rng.choice(BROKEN))
            return
        self.kinds.append("malformed")
        path, body, expected = rng.choice(MALFORMED)
        connection.request("POST", path, body)
        response = connection.getresponse()
        answer = response.read()
        if response.status != expected or b'"error"' not in answer:
            self.wrong.append(
                f"{path} {body[:60]!r}: {response.status}, expected {expected}: {answer[:200]!r}"
            )

    def _send_texts(self, connection: http.client.HTTPConnection, rng: random.Random) -> None:
        n_texts = rng.choice([1, 1, 1, 1, 1, 1, 2, 10, 10, 100])
        words = _WORDS.split("|")
        texts = [" ".join(rng.choices(words, k=rng.choice([0, 1, 5, 30]))) for _ in range(n_texts)]
        dims = rng.choice([None, None, 1, self.model.dim])
        kind, build = rng.choice(_KINDS)
        self.kinds.append(kind)
        path, body, read = build(texts, dims)
        connection.request("POST", path, json.dumps(body))
        response = connection.getresponse()
        answer = json.loads(response.read())
        if response.status != 200:
            self.wrong.append(f"{kind}, {n_texts} texts: {response.status} {answer}")
            return
        found = np.array(read(answer), np.float32)
        expected = self.model.encode(texts)[:, :dims]
        if kind == "embed" or (self.model.config.normalize and dims is not None):
            lengths = np.linalg.norm(expected, axis=1, keepdims=True)
            expected = expected / np.where(lengths == 0, 1, lengths)
        if found.shape != expected.shape or np.abs(found - expected).max() > _MOST_DIFFERENCE:
            self.wrong.append(f"{kind}, dims {dims}, {texts[:3]}: other vectors than encode gives")


Request = tuple[str, dict[str, object], Callable[[object], list[object]]]


def _ask_floats(texts: list[str], dims: int | None) -> Request:
    body = {"input": texts, **({} if dims is None else {"dimensions": dims})}
    return "/v1/embeddings", body, lambda answer: [entry["embedding"] for entry in answer["data"]]


def _ask_base64(texts: list[str], dims: int | None) -> Request:
    path, body, read = _ask_floats(texts, dims)
    return (
        path,
        {**body, "encoding_format": "base64"},
        lambda answer: [_from_base64(row) for row in read(answer)],
    )


def _ask_tei(texts: list[str], dims: int | None) -> Request:
    return "/embed", {"inputs": texts, "dimensions": dims}, list


def _from_base64(row: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(row), "<f4")


_KINDS = [("floats", _ask_floats), ("base64", _ask_base64), ("embed", _ask_tei)]


def main() -> int:
    folder, n_requests = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with tempfile.TemporaryDirectory() as place, running(Path(place), folder) as server:
        flood = Flood(server, StaticModel.from_pretrained(folder))
        memory = []
        for part in range(5):
            flood.send(n_requests // 5, n_requests // 50, seed=part)
            memory.append(round(server.resident_mb(), 1))
        is_alive = server.get("/health").status == 200 and server.process.poll() is None
        log = server.errors.read_text()
    counts = dict(Counter(flood.kinds))
    print(counts, f"wrong: {len(flood.wrong)}", f"alive: {is_alive}", f"MB by fifths: {memory}")
    print("\n".join([*flood.wrong[:20], log[-2000:]]).strip())
    return 0 if is_alive and not flood.wrong and not log else 1


if __name__ == "__main__":
    sys.exit(main())
