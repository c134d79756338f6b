"""What a server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from m2v_onnx.errors import ArgumentError, check_positive
from m2v_onnx.folder.names import model_name
from m2v_onnx.model.quantization import Precision


@dataclass(frozen=True)
class Limits:
    """How much one request may ask for.

    Attributes:
        max_body: bytes of a body; eight times as many may be held for all requests together.
        max_inputs: texts in a request.
        timeout: seconds that a client may take to send a head, to send a body, and to take an answer.
        max_connections: connections open at once, of one worker.

    Raises:
        ArgumentError: when a number is out of its range.
    """

    max_body: int = 32_000_000
    max_inputs: int = 2048
    timeout: int = 30
    max_connections: int = 512

    def __post_init__(self) -> None:
        check_positive(
            max_body=self.max_body,
            max_inputs=self.max_inputs,
            timeout=self.timeout,
            max_connections=self.max_connections,
        )


@dataclass(frozen=True)
class Settings:
    """What is served, and to whom.

    Attributes:
        models: the folder or Hub id of each model, by the name that clients ask for; the first answers who
            names none.
        api_key: what clients must send as a bearer token; None lets everybody in.
        precision: see `StaticModel.from_pretrained`.
        token: the Hub token for private repositories.
        cors_origins: origins of web pages that may ask; `*` for all.
        limits: how much a request may ask for.

    Raises:
        ArgumentError: without a model, and for an empty key.
    """

    models: dict[str, str]
    api_key: str | None = None
    precision: Precision | None = None
    token: str | None = None
    cors_origins: tuple[str, ...] = ()
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if not self.models:
            raise ArgumentError("expected a model to serve, found none: name its folder or Hub id")
        if self.api_key is not None and not self.api_key.strip():
            raise ArgumentError(
                "expected a key of some characters, found an empty one: set one, or leave it out"
            )


def name_models(arguments: list[str]) -> dict[str, str]:
    """Give models by the names that clients ask for: `NAME=MODEL`, else a folder's name, or a Hub id.

    >>> name_models(["minishlab/potion-base-8M", "text-embedding-3-small=models/e5"])
    {'minishlab/potion-base-8M': 'minishlab/potion-base-8M', 'text-embedding-3-small': 'models/e5'}

    Raises:
        ArgumentError: for a name that two of them have.
    """
    models: dict[str, str] = {}
    for argument in arguments:
        path = Path(argument).expanduser()
        name, has_name, place = argument.partition("=")
        if path.exists():
            name, place = model_name(path), argument
        elif not has_name:
            place = argument
        if not name or not place:
            raise ArgumentError(f"expected a model or NAME=MODEL, found {argument!r}: write both parts")
        if name in models:
            raise ArgumentError(
                f"expected another name for each model, found {name!r} twice: write NAME=MODEL for one"
            )
        models[name] = place
    return models
