"""Processes that do the same, and are replaced when they die."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

from m2v_onnx.serve.reloading import hold_reloads, take_reloads

logger = logging.getLogger(__name__)

# A worker that cannot even start is not tried more often.
_SECONDS_BETWEEN_STARTS = 1.0
_SECONDS_TO_SEE_A_SIGNAL = 0.2


class Workers:
    """Processes that are started, watched, and told what the first one is told.

    Args:
        work: what each does; a function of a module.
        arguments: its arguments.
        n_workers: how many there are.
    """

    def __init__(self, work: Callable[..., None], arguments: tuple[Any, ...], n_workers: int) -> None:
        self._work = work
        self._arguments = arguments
        self._signals: list[int] = []
        for name in ("SIGTERM", "SIGINT", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._note)
        self._processes = [self._start() for _ in range(n_workers)]

    def run(self) -> None:
        """Replace who dies and pass SIGHUP on, until SIGTERM or SIGINT; then let all end what they do."""
        while not {signal.SIGTERM, signal.SIGINT} & set(self._signals):
            wait([process.sentinel for process in self._processes], _SECONDS_TO_SEE_A_SIGNAL)
            while self._signals and self._signals[0] not in (signal.SIGTERM, signal.SIGINT):
                self._pass_on(self._signals.pop(0))
            dead = [process for process in self._processes if not process.is_alive()]
            for process in dead:
                logger.error("worker %s ended with %s: starting another", process.pid, process.exitcode)
                self._processes.remove(process)
            if dead:
                time.sleep(_SECONDS_BETWEEN_STARTS)
                self._processes += [self._start() for _ in dead]
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _start(self) -> SpawnProcess:
        process = multiprocessing.get_context("spawn").Process(target=self._work, args=self._arguments)
        hold_reloads()  # the new process obeys when it has loaded its models
        process.start()
        take_reloads()
        return process

    def _pass_on(self, number: int) -> None:
        for process in self._processes:
            if process.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, number)
