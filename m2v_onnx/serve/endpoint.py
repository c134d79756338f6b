"""One path: who may ask, what goes back, and what is counted."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import perf_counter

from starlette.types import Receive, Scope, Send

from m2v_onnx.errors import ArgumentError, M2vOnnxError
from m2v_onnx.serve.body import DisconnectedError
from m2v_onnx.serve.errors import RefusedError
from m2v_onnx.serve.state import ServerState

logger = logging.getLogger(__name__)

Answer = Callable[[Scope, Receive], Awaitable[bytes]]
JSON = b"application/json"
# What nginx logs for it: no client ever sees it.
_WENT_AWAY = 499


class Endpoint:
    """An ASGI application that answers one path with a body.

    Args:
        state: what all paths share.
        path: what it is called in the metrics.
        answer: gives the body of an answer, or refuses.
        write_error: gives the body of a refusal.
        content_type: what the answer is.
        needs_key: whether only those may ask who have the server's key.
    """

    def __init__(
        self,
        state: ServerState,
        path: str,
        answer: Answer,
        *,
        write_error: Callable[[RefusedError], bytes] = RefusedError.to_openai,
        content_type: bytes = JSON,
        needs_key: bool = True,
    ) -> None:
        self._state = state
        self._answer = answer
        self._write_error = write_error
        self._content_type = content_type
        self._needs_key = needs_key
        self._count = state.metrics.of_path(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = perf_counter()
        headers = [(b"content-type", self._content_type)]
        try:
            if self._needs_key:
                self._state.check_key(scope["headers"])
            status, body = 200, await self._answer(scope, receive)
        except DisconnectedError:
            self._count(_WENT_AWAY, perf_counter() - begun)
            return
        except (RefusedError, M2vOnnxError) as error:
            refusal = _as_refusal(error)
            status, body = refusal.status, self._write_error(refusal)
            headers = [(b"content-type", JSON), *refusal.headers]
        headers.append((b"content-length", str(len(body)).encode()))
        self._count(status, perf_counter() - begun)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _as_refusal(error: RefusedError | M2vOnnxError) -> RefusedError:
    """Tell a client what it did wrong, and the log what is wrong with a model."""
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, ArgumentError):
        return RefusedError(400, str(error))
    logger.error("%s", error)
    return RefusedError(500, "expected a model that is whole, found a damaged one: see the server's log")
