"""What all paths of a server share."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import anyio
import anyio.to_thread

from m2v_onnx.serve.body import BodyStore
from m2v_onnx.serve.errors import RefusedError
from m2v_onnx.serve.metrics import Metrics
from m2v_onnx.serve.models import ModelStore
from m2v_onnx.serve.settings import Settings
from m2v_onnx.system.cores import count_cores

Result = TypeVar("Result")


@dataclass(frozen=True)
class ServerState:
    """What all paths share.

    Attributes:
        settings: what the server was told.
        models: the models.
        metrics: what is counted.
        bodies: the bodies of all requests.
        threads: how many of them work side by side.
    """

    settings: Settings
    models: ModelStore
    metrics: Metrics
    bodies: BodyStore
    threads: anyio.CapacityLimiter

    @classmethod
    def of(cls, settings: Settings) -> ServerState:
        """Load the models.

        Raises:
            FolderError: when one of them cannot be loaded.
        """
        threads = anyio.CapacityLimiter(count_cores())
        return cls(settings, ModelStore(settings), Metrics(), BodyStore(settings.limits), threads)

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """Do long work beside the event loop."""
        return await anyio.to_thread.run_sync(work, limiter=self.threads)

    def check_key(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Refuse who does not send the key.

        Raises:
            RefusedError: saying how to send it.
        """
        key = self.settings.api_key
        if key is None:
            return
        sent = next((value for name, value in headers if name == b"authorization"), b"")
        if not hmac.compare_digest(sent, b"Bearer " + key.encode()):
            raise RefusedError(
                401,
                "expected the server's key, found another or none: send the header Authorization: Bearer KEY",
                code="invalid_api_key",
            )
