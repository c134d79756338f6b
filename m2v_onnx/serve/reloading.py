"""Models that are loaded again while requests come in."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from m2v_onnx.serve.state import ServerState


def hold_reloads() -> None:
    """Let SIGHUP wait, in this process and those that it starts, until somebody obeys it."""
    if hasattr(signal, "SIGHUP"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def take_reloads() -> None:
    """Take SIGHUP again, and one that waited."""
    if hasattr(signal, "SIGHUP"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


@asynccontextmanager
async def reload_on_signal(state: ServerState) -> AsyncIterator[None]:
    """Load all models again at each SIGHUP while the block runs; Windows has no such signal.

    The old models answer until the new ones are there, and stay where one of these cannot be loaded.
    """
    number = getattr(signal, "SIGHUP", None)
    if number is None:
        yield
        return
    asked = asyncio.Event()

    async def reload_when_asked() -> None:
        while await asked.wait():
            asked.clear()
            state.metrics.count_reload(is_done=await state.in_thread(state.models.reload))

    loop = asyncio.get_running_loop()
    task = loop.create_task(reload_when_asked())
    loop.add_signal_handler(number, asked.set)
    take_reloads()
    try:
        yield
    finally:
        loop.remove_signal_handler(number)
        task.cancel()
