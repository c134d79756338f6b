"""Jobs in a child process that may crash or hang."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from types import TracebackType

# Under a compiler's checks each growth of a string copies it, and all takes several times as long.
_MOST_SECONDS = 120.0 if "asan" in os.environ.get("LD_PRELOAD", "") else 20.0


class Supervisor:
    """Gives jobs to a `checks.fuzz.worker`, and starts another one behind a crash or a hang."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def run(self, kind: str, place: str) -> str:
        """Give the outcome of a job: what the worker says, or `signal N`, or `hang`."""
        child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(json.dumps([kind, place]) + "\n")
            child.stdin.flush()
        except BrokenPipeError:
            return self._died(child)
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            if not selector.select(_MOST_SECONDS):
                self._end()
                return "hang"
        outcome = child.stdout.readline().strip()
        return outcome or self._died(child)

    def _start(self) -> subprocess.Popen[str]:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "checks.fuzz.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._child.stdout is not None
        self._child.stdout.readline()  # its imports take long under a compiler's checks
        return self._child

    def _died(self, child: subprocess.Popen[str]) -> str:
        self._child = None
        return f"signal {-child.wait()}"

    def _end(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None
