"""The ASGI application: every path, and who answers it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope

from m2v_onnx.serve import classify, openai, tei
from m2v_onnx.serve.endpoint import Answer, Endpoint
from m2v_onnx.serve.errors import RefusedError
from m2v_onnx.serve.metrics import CONTENT_TYPE
from m2v_onnx.serve.post import PostAnswer
from m2v_onnx.serve.reloading import reload_on_signal
from m2v_onnx.serve.settings import Settings
from m2v_onnx.serve.state import ServerState


def make_app(settings: Settings) -> Starlette:
    """Make the application, with its models loaded. While it runs, SIGHUP loads them again.

    Raises:
        FolderError: when a model cannot be loaded.
    """
    state = ServerState.of(settings)
    count_elsewhere = state.metrics.of_path("other")

    async def refuse(_request: Request, error: Exception) -> Response:
        refusal = _as_refusal(error)
        count_elsewhere(refusal.status, 0)
        headers = getattr(error, "headers", None)
        return Response(refusal.to_openai(), refusal.status, headers, "application/json")

    def reload(_app: Starlette) -> AbstractAsyncContextManager[None]:
        return reload_on_signal(state)

    app = Starlette(
        routes=_routes(state),
        middleware=_middleware(settings),
        exception_handlers={HTTPException: refuse, Exception: refuse},
        lifespan=reload,
    )
    app.router.redirect_slashes = False  # it would send clients to whatever host they name
    return app


def _routes(state: ServerState) -> list[Route]:
    """Give every path."""
    openai_endpoint = partial(Endpoint, state)
    tei_endpoint = partial(Endpoint, state, write_error=RefusedError.to_tei)
    open_endpoint = partial(Endpoint, state, needs_key=False)
    models, limits = state.models, state.settings.limits
    embeddings = PostAnswer(state, openai.EmbeddingRequest.read)
    embed = PostAnswer(state, tei.EmbedRequest.read)
    labels = PostAnswer(state, classify.ClassifyRequest.read)
    return [
        Route("/v1/embeddings", openai_endpoint("/v1/embeddings", embeddings), methods=["POST"]),
        Route("/v1/classify", openai_endpoint("/v1/classify", labels), methods=["POST"]),
        Route("/embed", tei_endpoint("/embed", embed), methods=["POST"]),
        _get("/v1/models", openai_endpoint, lambda _scope: openai.list_models(models)),
        _get(
            "/v1/models/{name:path}",
            openai_endpoint,
            lambda scope: openai.describe_model(models, scope["path_params"]["name"]),
        ),
        _get("/info", tei_endpoint, lambda _scope: tei.describe_server(models, limits)),
        _get("/health", open_endpoint, lambda _scope: b""),
        _get(
            "/metrics",
            partial(open_endpoint, content_type=CONTENT_TYPE),
            lambda _scope: state.metrics.to_text(),
        ),
    ]


def _get(path: str, endpoint: Callable[[str, Answer], Endpoint], write: Callable[[Scope], bytes]) -> Route:
    """Give a path that is answered at once."""

    async def answer(scope: Scope, _receive: Receive) -> bytes:
        return write(scope)

    return Route(path, endpoint(path, answer), methods=["GET"])


def _middleware(settings: Settings) -> list[Middleware]:
    """Let web pages of the named origins ask."""
    if not settings.cors_origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["*"],  # clients send some of their own, such as x-stainless-lang
        )
    ]


def _as_refusal(error: Exception) -> RefusedError:
    """Say what else went wrong: a path or method that there is not, or a fault of ours."""
    if not isinstance(error, HTTPException):
        return RefusedError(500, f"expected no {type(error).__name__}, found one: see the server's log")
    if error.status_code == 405:
        return RefusedError(405, "expected another method: GET to read, POST to embed")
    return RefusedError(error.status_code, "expected a path that there is, such as POST /v1/embeddings")
