"""What Prometheus is told."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

# Where several workers keep what they count; the library reads it when it is imported.
SHARED_PLACE = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        requests = Counter("m2v_onnx_requests", "Requests.", ("path", "status"), registry=registry)
        self._seconds = Histogram(
            "m2v_onnx_request_seconds",
            "From the head of a request to its answer.",
            ("path",),
            buckets=_SECONDS,
            registry=registry,
        )
        texts = Counter("m2v_onnx_texts", "Texts embedded.", ("model",), registry=registry)
        tokens = Counter("m2v_onnx_tokens", "Tokens averaged.", ("model",), registry=registry)
        reloads = Counter("m2v_onnx_reloads", "Models loaded again.", ("outcome",), registry=registry)
        # Finding a counter by its labels takes longer than counting.
        self._requests, self._texts, self._tokens, self._reloads = (
            cache(counter.labels) for counter in (requests, texts, tokens, reloads)
        )

    def of_path(self, path: str) -> Callable[[int, float], None]:
        """Give what counts a request of a path: by its status, and its seconds."""
        requests, observe = self._requests, self._seconds.labels(path).observe

        def count(status: int, seconds: float) -> None:
            requests(path, status).inc()
            observe(seconds)

        return count

    def count_texts(self, model: str, n_texts: int, n_tokens: int) -> None:
        """Count texts that were embedded, and the tokens of them that were averaged."""
        self._texts(model).inc(n_texts)
        self._tokens(model).inc(n_tokens)

    def count_reload(self, *, is_done: bool) -> None:
        """Count that models were loaded again, or that the old ones stayed."""
        self._reloads("done" if is_done else "failed").inc()

    def to_text(self) -> bytes:
        """Give the counters of all workers in Prometheus' text format."""
        if SHARED_PLACE not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
