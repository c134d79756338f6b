"""The application under uvicorn: its socket, its processes, its signals."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing.connection import wait
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from m2v_onnx.errors import M2vOnnxError
from m2v_onnx.serve.app import make_app
from m2v_onnx.serve.metrics import SHARED_PLACE
from m2v_onnx.serve.reloading import hold_reloads
from m2v_onnx.serve.settings import Limits, Settings
from m2v_onnx.serve.timeouts import TimeoutProtocol
from m2v_onnx.serve.workers import Workers

# Connections that wait until a server is ready for them; the system may allow fewer.
_BACKLOG = 2048
# Of every process: a line for what goes wrong, and for models that were loaded again.
_LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "uvicorn": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "m2v_onnx.serve": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}


def serve(
    settings: Settings, *, host: str, port: int, n_workers: int = 1, on_ready: Callable[[str], None]
) -> None:
    """Answer requests until SIGTERM or Ctrl-C, then end those that were begun.

    SIGHUP loads the models again; the old ones answer until then. A worker that dies is replaced.

    Args:
        settings: what is served.
        host: the address to listen at.
        port: the port; 0 for any that is free.
        n_workers: processes that answer; each has its own copy of the tables.
        on_ready: called with the server's address, once it answers requests and obeys signals.

    Raises:
        FolderError: when a model cannot be loaded.
        M2vOnnxError: when the address is in use, or no address.
    """
    hold_reloads()
    with listen(host, port) as listener:
        app = make_app(settings)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listener.getsockname()[1]}"
        if n_workers == 1:
            run_app(app, listener, settings.limits, on_ready=partial(on_ready, address))
            return
        del app  # it was loaded for its errors
        with tempfile.TemporaryDirectory() as counts:
            os.environ[SHARED_PLACE] = counts  # for the workers
            workers = Workers(_work, (settings, listener), n_workers)
            on_ready(address)
            workers.run()


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it has started."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()


def run_app(
    app: ASGIApp,
    listener: socket.socket,
    limits: Limits,
    *,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Answer requests with an application until SIGTERM or Ctrl-C; `on_ready` is called before the first."""
    config = uvicorn.Config(
        app,
        http=TimeoutProtocol,
        ws="none",
        interface="asgi3",
        log_config=_LOGGING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=limits.max_connections,
        timeout_keep_alive=limits.timeout,  # uvicorn's 5 seconds cut off clients that are busy themselves
        timeout_graceful_shutdown=limits.timeout,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again that it has obeyed
        _Server(config, on_ready).run([listener])


def listen(host: str, port: int) -> socket.socket:
    """Open a socket.

    Raises:
        M2vOnnxError: when it cannot be had.
    """
    with ExitStack() as closing:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = closing.enter_context(socket.socket(family, kind, protocol))
            if os.name != "nt":  # there it lets two servers take one port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen(_BACKLOG)
        except (OSError, UnicodeError) as error:  # the second for what can be no name of a host
            found = getattr(error, "strerror", None) or error
            raise M2vOnnxError(
                f"expected to listen at {host}, port {port}, found {found}: name another (--host, --port)"
            ) from error
        closing.pop_all()
        return listener


def _work(settings: Settings, listener: socket.socket) -> None:
    """Answer requests in a process of their own, as long as the one that started it lives."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()
    run_app(make_app(settings), listener, settings.limits)


def _end_after(sentinel: int) -> None:
    """Ask this process to end when another one has ended."""
    wait([sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
