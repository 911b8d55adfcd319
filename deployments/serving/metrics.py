"""Metrics of `reviews serve` for Prometheus: what was asked, how long it took, and which model answers."""

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram, generate_latest

from deployments.metrics.metric_definitions import HomeRegistry, Metric
from deployments.serving.champion_following import FollowedChampion

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Metric("reviews_serve_requests_total", "Requests that were answered.", ("path", "status"))
SECONDS = Metric("reviews_serve_request_seconds", "How long they took, in seconds: a histogram.", ("path",))
TEXTS = Metric(
    "reviews_serve_texts_total",
    "Texts that were answered: `scored`, or the rule that they break.",
    ("outcome",),
)
TOGETHER = Metric("reviews_serve_batch_texts", "How many texts were scored together: a histogram.")
WAITING = Metric("reviews_serve_texts_waiting", "Texts that wait to be scored.")
MODEL = Metric("reviews_serve_model_info", "1 for the model that answers.", ("model_id", "variant"))
CURRENT = Metric(
    "reviews_serve_champion_answers", "1 if that is the champion, 0 if the champion can't be loaded."
)
SERVING = (REQUESTS, SECONDS, TEXTS, TOGETHER, WAITING, MODEL, CURRENT)

PATHS = ("/score", "/scores", "/health", "/metrics", "/docs", "/openapi.json")
"""Values of the label `path`; all other paths are `other`, so that nobody can invent values."""
SECONDS_BOUNDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
TEXTS_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class ServingMetrics:
    """The registry, the metrics that requests change, and those of the state."""

    registry: HomeRegistry
    requests: Counter
    texts: Counter
    seconds: Histogram
    together: Histogram
    waiting: Gauge
    model: Gauge
    current: Gauge


def make_metrics(home: str) -> ServingMetrics:
    """Return new metrics of an app, of a home with this label."""
    registry = HomeRegistry(home)
    waiting, model, current = (
        Gauge(each.name, each.meaning, each.labels, registry=registry) for each in (WAITING, MODEL, CURRENT)
    )
    return ServingMetrics(
        registry,
        Counter(REQUESTS.name, REQUESTS.meaning, REQUESTS.labels, registry=registry),
        Counter(TEXTS.name, TEXTS.meaning, TEXTS.labels, registry=registry),
        Histogram(SECONDS.name, SECONDS.meaning, SECONDS.labels, registry=registry, buckets=SECONDS_BOUNDS),
        Histogram(TOGETHER.name, TOGETHER.meaning, registry=registry, buckets=TEXTS_BOUNDS),
        waiting,
        model,
        current,
    )


def expose(metrics: ServingMetrics, champion: FollowedChampion, waiting: int) -> bytes:
    """Return the metrics in Prometheus's text format, with the state at this moment."""
    promoted = champion.find().promoted
    metrics.waiting.set(waiting)
    metrics.model.clear()
    metrics.model.labels(promoted.model_id, promoted.variant).set(1)
    metrics.current.set(champion.find_trouble() is None)
    return generate_latest(metrics.registry)


def measure_requests(app: "ASGIApp", metrics: ServingMetrics) -> "ASGIApp":
    """Wrap an app: count its answers, and the time until each was sent."""

    async def measure(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        began, status = perf_counter(), 500

        async def note_status(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        path = scope["path"] if scope["path"] in PATHS else "other"
        try:
            await app(scope, receive, note_status)
        finally:
            metrics.requests.labels(path, str(status)).inc()
            metrics.seconds.labels(path).observe(perf_counter() - began)

    return measure
