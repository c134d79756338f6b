"""What a client is told that gets another answer than it asked for."""

from __future__ import annotations

import orjson

_KINDS = {401: "authentication_error", 500: "server_error", 503: "overloaded_error"}
_HEADERS = {
    401: [(b"www-authenticate", b"Bearer")],
    503: [(b"retry-after", b"1")],
}


class RefusedError(Exception):
    """A request that is refused.

    Args:
        status: the HTTP status.
        message: what was expected, what was found, and what to do.
        param: the field of the body that is meant.
        code: a word for programs, one of OpenAI's.
    """

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """What the status wants beside it."""
        return _HEADERS.get(self.status, [])

    def to_openai(self) -> bytes:
        """Give the body that OpenAI's clients read."""
        kind = _KINDS.get(self.status, "invalid_request_error")
        error = {"message": str(self), "type": kind, "param": self.param, "code": self.code}
        return orjson.dumps({"error": error})

    def to_tei(self) -> bytes:
        """Give the body that clients of Text Embeddings Inference read."""
        kind = _KINDS.get(self.status, "validation_error").removesuffix("_error")
        return orjson.dumps({"error": str(self), "error_type": kind})
