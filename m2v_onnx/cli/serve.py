"""`m2v-onnx serve`: models over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from m2v_onnx.cli.options import Token, as_utf8
from m2v_onnx.cli.output import show_notes
from m2v_onnx.errors import require_module
from m2v_onnx.model.quantization import Precision

_LIMITS = "Limits"


def serve(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL…",
            help="Folders or Hub ids of static models; NAME=MODEL to name one.",
            show_default=False,
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for any that is free.")] = 8000,
    api_key: Annotated[
        str | None,
        typer.Option(
            envvar="M2V_ONNX_API_KEY",
            help="Key that clients must send as a bearer token.",
            show_default="none",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer.")] = 1,
    precision: Annotated[
        Precision | None,
        typer.Option(show_default="the table as it is", help="Encode as the graph of this precision does."),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(help="Origin of web pages that may ask, or *. May be repeated.", show_default="none"),
    ] = None,
    max_body: Annotated[
        int, typer.Option(rich_help_panel=_LIMITS, min=1, help="Megabytes of a request.")
    ] = 32,
    max_inputs: Annotated[
        int, typer.Option(rich_help_panel=_LIMITS, min=1, help="Texts of a request.")
    ] = 2048,
    max_connections: Annotated[
        int, typer.Option(rich_help_panel=_LIMITS, min=2, help="Connections at once, of each worker.")
    ] = 512,
    timeout: Annotated[
        int,
        typer.Option(rich_help_panel=_LIMITS, min=1, help="Seconds for a request's head, body or answer."),
    ] = 30,
    token: Token = None,
) -> None:
    """Answer over HTTP as OpenAI's embeddings do, and Text Embeddings Inference.

    Example: `m2v-onnx serve my-model --port 8000`
    """
    show_notes(quiet=False)
    for module, package in (
        ("uvicorn", "uvicorn"),
        ("starlette", "starlette"),
        ("orjson", "orjson"),
        ("prometheus_client", "prometheus-client"),
    ):
        require_module(module, package=package, extra="serve")
    from m2v_onnx.serve.run import serve as run  # an extra, and slow
    from m2v_onnx.serve.settings import Limits, Settings, name_models

    limits = Limits(max_body * 1_000_000, max_inputs, timeout, max_connections)
    settings = Settings(
        name_models([as_utf8(model) for model in models]),
        api_key,
        precision,
        token,
        tuple(cors_origin or ()),
        limits,
    )

    def say(address: str) -> None:
        print(f"{', '.join(settings.models)} at {address}/v1", flush=True)

    run(settings, host=host, port=port, n_workers=workers, on_ready=say)
