"""Connections of clients that begin something and do not end it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as AnyProtocol
else:
    from uvicorn.protocols.http.auto import AutoHTTPProtocol as AnyProtocol


class TimeoutProtocol(AnyProtocol):
    """HTTP as uvicorn speaks it, with a timeout; `timeout_graceful_shutdown` says how many seconds.

    A connection is cut when two looks in a row find it with the same request, and that one not at work: the
    client sends a head or a body too slowly, or does not take its answer.
    """

    _timer: asyncio.TimerHandle | None = None
    _seen: object = ()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look."""
        super().connection_made(transport)
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look_later(self) -> None:
        timeout = self.config.timeout_graceful_shutdown or 30
        self._timer = self.loop.call_later(timeout, self._look)

    def _look(self) -> None:
        request = self.cycle
        is_at_work = request is not None and not request.more_body and not request.response_complete
        if self._seen is request and not is_at_work:
            self.transport.abort()
            return
        self._seen = request
        self._look_later()
