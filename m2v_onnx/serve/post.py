"""Requests with a body: read, answered in the event loop or in a thread, and counted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from starlette.types import Receive, Scope

from m2v_onnx.serve.models import ModelStore, ServedModel
from m2v_onnx.serve.settings import Limits
from m2v_onnx.serve.state import ServerState

# Up to here the work takes about a millisecond, and is done in the event loop; more goes to a thread.
_SHORT_BODY = 20_000
_FEW_TEXTS = 64


class Question(Protocol):
    """What a body asks for."""

    @property
    def served(self) -> ServedModel:
        """The model that answers."""

    @property
    def texts(self) -> list[str]:
        """The texts."""

    def answer(self) -> tuple[bytes, int]:
        """Give the body of the answer, and how many tokens were averaged."""


class PostAnswer:
    """Answers requests with a body, as `Endpoint` wants it.

    Args:
        state: what all paths share.
        read: says what a body asks for, or refuses.
    """

    def __init__(self, state: ServerState, read: Callable[[bytes, ModelStore, Limits], Question]) -> None:
        self._state = state
        self._read = read

    async def __call__(self, scope: Scope, receive: Receive) -> bytes:
        """Give the body of the answer to one request."""
        state = self._state
        with state.bodies.share() as share:
            body = await share.read(scope["headers"], receive)
            read = partial(self._read, body, state.models, state.settings.limits)
            is_short = len(body) <= _SHORT_BODY
            question = read() if is_short else await state.in_thread(read)
            is_short = is_short and len(question.texts) <= _FEW_TEXTS
            answer, n_tokens = question.answer() if is_short else await state.in_thread(question.answer)
        state.metrics.count_texts(question.served.name, len(question.texts), n_tokens)
        return answer
