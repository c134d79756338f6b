"""Keys, and clients that send too much, too slowly, or nothing that is right."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress

import pytest

from tests.serve.servers import running

BODY = b'{"input": "sun"}'


def head(path="/v1/embeddings", *, length=16, **headers):
    lines = [f"POST {path} HTTP/1.1", "host: a", f"content-length: {length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def read_all(connection):
    """Read until the server closes, or cuts."""
    found = b""
    try:
        while part := connection.recv(65536):
            found += part
    except ConnectionResetError:
        pass
    return found


def wait_until_cut(connection):
    """Send bytes until that is refused."""
    deadline = time.monotonic() + 60
    with suppress(ConnectionError):
        while time.monotonic() < deadline:
            connection.send(b" ")
            time.sleep(0.1)
        pytest.fail("the connection was not cut")


@pytest.fixture(scope="module")
def strict(tiny_folders, tmp_path_factory):
    """A server with a key, a short timeout, and small bodies."""
    options = ("--timeout", 1, "--max-body", 1, "--max-inputs", 8)
    place = tmp_path_factory.mktemp("strict")
    with running(place, tiny_folders / "raw", options=options, M2V_ONNX_API_KEY="sésame") as found:
        found.headers["authorization"] = "Bearer sésame".encode().decode("latin-1")
        yield found
        assert found.errors.read_text() == ""


@pytest.fixture(scope="module")
def narrow(tiny_folders, tmp_path_factory):
    """A server with room for few connections, and few bytes."""
    options = ("--max-body", 1, "--max-connections", 40)
    with running(tmp_path_factory.mktemp("narrow"), tiny_folders / "raw", options=options) as found:
        yield found


@pytest.mark.parametrize(
    "key", [None, "", "Bearer", "Bearer ", "Bearer sesame", "Basic sésame", "Bearer sésame2"]
)
@pytest.mark.parametrize("path", ["/v1/embeddings", "/embed"])
def test_who_has_no_key_gets_nothing(strict, key, path):
    headers = {} if key is None else {"authorization": key}
    with strict.connect() as connection:
        connection.sendall(head(path, connection="close", **headers) + BODY)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"www-authenticate: Bearer" in answer
    assert b"expected the server's key" in answer


def test_health_and_metrics_need_no_key(strict):
    assert [
        strict.ask("GET", path, None, {"authorization": ""}).status for path in ("/health", "/metrics")
    ] == [200] * 2
    assert strict.ask("GET", "/v1/models", None, {"authorization": ""}).status == 401
    assert strict.ask("GET", "/info", None, {"authorization": ""}).json["error_type"] == "authentication"


def test_a_body_that_says_it_is_too_long_is_not_read(strict):
    with strict.connect() as connection:
        connection.sendall(head(length=10**12, authorization="Bearer sésame"))
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_is_too_long_and_does_not_say_so(strict):
    with strict.connect() as connection:
        lines = [
            "POST /v1/embeddings HTTP/1.1",
            "host: a",
            "connection: close",
            "transfer-encoding: chunked",
            "authorization: Bearer sésame",
        ]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        with suppress(ConnectionError):  # the server may close before it has read the last part
            for _ in range(3):
                connection.sendall(b"80000\r\n" + b" " * 0x80000 + b"\r\n")
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"expected a body of up to 1000000 bytes, found more" in answer


def test_a_body_of_the_largest_size_is_read(strict):
    text = "sun " * 249_990
    answer = strict.post("/v1/embeddings", json.dumps({"input": text}).encode())
    assert answer.json["data"][0]["embedding"] == [3, 4]


def test_a_compressed_body_is_refused(strict):
    answer = strict.post("/v1/embeddings", b"\x1f\x8b", **{"content-encoding": "gzip"})
    assert (answer.status, "not compressed" in answer.message) == (415, True)


def test_too_many_texts(strict):
    assert strict.post("/v1/embeddings", {"input": ["sun"] * 9}).status == 400
    assert strict.embed(*["sun"] * 8) == [[3, 4]] * 8


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /v1/emb",
        head(authorization="Bearer sésame"),
        head(authorization="Bearer sésame") + BODY[:5],
        b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n",
    ],
    ids=["nothing", "half a head", "no body", "half a body", "nothing more"],
)
def test_who_is_slow_is_cut_off(strict, sent):
    with strict.connect() as connection:
        connection.sendall(sent)
        answer = read_all(connection)
    assert b"HTTP/1.1" not in answer or b"200 OK" in answer
    assert strict.embed("sun") == [[3, 4]]


def test_who_drips_is_cut_off(strict):
    with strict.connect() as connection:
        connection.sendall(head(authorization="Bearer sésame", length=10**6))
        wait_until_cut(connection)


def test_who_does_not_take_an_answer_is_cut_off(tiny_folders, tmp_path):
    with running(tmp_path, tiny_folders / "raw", options=("--timeout", 1)) as found:
        before = found.resident_mb()
        connections = [found.connect() for _ in range(4)]
        body = json.dumps({"input": ["sun moon"] * 2048}).encode()
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall((head(length=len(body)) + body) * 20)  # 100 KB each
        for connection in connections:
            wait_until_cut(connection)
            connection.close()
        assert found.resident_mb() - before < 60
        assert found.embed("sun") == [[3, 4]]


@pytest.mark.parametrize(
    "sent", [b"\0\1\2\3" * 100, b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n"]
)
def test_what_is_no_http_is_refused(strict, sent):
    with strict.connect() as connection:
        connection.sendall(sent)
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")
    assert strict.embed("sun") == [[3, 4]]


def test_a_client_that_goes_away_is_forgotten(strict):
    for n_sent in (0, 20, 1000):
        for _ in range(5):
            connection = strict.connect()
            body = b'{"input": "' + b"sun " * 1000 + b'"}'
            connection.sendall(head(length=len(body), authorization="Bearer sésame") + body[:n_sent])
            connection.close()
    assert strict.embed("sun") == [[3, 4]]


def wait_for(server, status, path, body):
    deadline = time.monotonic() + 30
    while server.post(path, body).status != status:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_more_connections_than_allowed_are_told_to_come_again(narrow):
    waiting = [narrow.connect() for _ in range(50)]
    wait_for(narrow, 503, "/embed", {"inputs": "sun"})
    for connection in waiting:
        connection.close()
    wait_for(narrow, 200, "/embed", {"inputs": "sun"})


def test_large_bodies_are_bounded_together(narrow):
    """Eight times the largest body is held; who sends more is told to come again."""
    connections = [narrow.connect() for _ in range(8)]
    for connection in connections:
        connection.sendall(head(length=999_999) + b" " * 999_990)
    wait_for(narrow, 503, "/embed", {"inputs": "sun " * 50})
    for connection in connections:
        connection.close()
    wait_for(narrow, 200, "/embed", {"inputs": "sun " * 50})


def test_web_pages_may_ask_where_their_origin_is_named(server, tiny_folders, tmp_path):
    headers = "authorization,content-type,x-stainless-lang"  # what OpenAI's client sends
    asked = {
        "origin": "https://a.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": headers,
    }
    assert server.ask("OPTIONS", "/v1/embeddings", None, asked).status == 405
    assert "access-control-allow-origin" not in server.get("/health", origin="https://a.example").headers
    with running(tmp_path, tiny_folders / "raw", options=("--cors-origin", "https://a.example")) as found:
        allowed = found.ask("OPTIONS", "/v1/embeddings", None, asked)
        assert (allowed.status, allowed.headers["access-control-allow-origin"]) == (200, "https://a.example")
        assert allowed.headers["access-control-allow-headers"] == headers
        assert "access-control-allow-origin" not in found.get("/health", origin="https://b.example").headers
