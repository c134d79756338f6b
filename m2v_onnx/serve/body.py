"""Reading a request's body, as far as it is allowed. Who sends it too slowly, `timeouts.py` cuts off."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType

from starlette.types import Message, Receive

from m2v_onnx.serve.errors import RefusedError
from m2v_onnx.serve.settings import Limits

# As many bodies of the largest size are held at once.
_FULL_BODIES = 8


class DisconnectedError(Exception):
    """A client that went away before its body was whole."""


class BodyStore:
    """The bodies of all requests, which hold a limited number of bytes together; for one event loop.

    Args:
        limits: how long a body may be.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.n_bytes = 0

    def share(self) -> BodyShare:
        """Give the share of one request: a context, at whose end its body is let go."""
        return BodyShare(self)


class BodyShare:
    """The bytes that one request holds."""

    def __init__(self, store: BodyStore) -> None:
        self._store = store
        self._parts: list[bytes] = []
        self._n_bytes = 0

    def __enter__(self) -> BodyShare:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._store.n_bytes -= self._n_bytes

    async def read(self, headers: Iterable[tuple[bytes, bytes]], receive: Receive) -> bytes:
        """Read the body of a request.

        Raises:
            RefusedError: for a body that is too long, or compressed.
            DisconnectedError: when the client goes away.
        """
        self._check_headers(headers)
        while self._take(await receive()):
            pass
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def _check_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Refuse a body by what is said of it before it is sent."""
        for name, value in headers:
            if name == b"content-length" and int(value) > self._store.limits.max_body:
                raise self._too_long()
            if name == b"content-encoding" and value.lower() != b"identity":
                raise RefusedError(
                    415,
                    f"expected a body that is not compressed, found {value.decode('latin-1')!r:.40}: "
                    "send it plain",
                )

    def _take(self, message: Message) -> bool:
        """Take what came in; tell whether there is more to come."""
        if message["type"] == "http.disconnect":
            raise DisconnectedError
        part: bytes = message.get("body", b"")
        self._parts.append(part)
        self._n_bytes += len(part)
        self._store.n_bytes += len(part)
        if self._n_bytes > self._store.limits.max_body:
            raise self._too_long()
        if self._store.n_bytes > _FULL_BODIES * self._store.limits.max_body:
            raise RefusedError(503, "expected fewer large requests at once: try again in a second")
        return bool(message.get("more_body"))

    def _too_long(self) -> RefusedError:
        return RefusedError(
            413,
            f"expected a body of up to {self._store.limits.max_body} bytes, found more: send several "
            "requests",
        )
