"""Metrics of `reviews serve` for Prometheus: what was asked, how long it took, and which model answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

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
    """The registry, and the metrics that requests change."""

    registry: HomeRegistry
    requests: Counter
    seconds: Histogram
    texts: Counter
    together: Histogram


class _State(Collector):
    """Collects for `prometheus_client` what is asked at a scrape: the texts that wait, and the model that answers."""

    def __init__(self, champion: FollowedChampion, count_waiting: Callable[[], int]) -> None:
        self._champion = champion
        self._count_waiting = count_waiting

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics."""
        promoted = self._champion.find().promoted
        yield _make_gauge(WAITING, (), self._count_waiting())
        yield _make_gauge(MODEL, (promoted.model_id, promoted.variant), 1)
        yield _make_gauge(CURRENT, (), self._champion.find_trouble() is None)


def make_metrics(champion: FollowedChampion, count_waiting: Callable[[], int], home: str) -> ServingMetrics:
    """Return new metrics of an app, of a home with this label."""
    registry = HomeRegistry(home)
    registry.register(_State(champion, count_waiting))
    return ServingMetrics(
        registry,
        Counter(REQUESTS.name, REQUESTS.meaning, REQUESTS.labels, registry=registry),
        Histogram(SECONDS.name, SECONDS.meaning, SECONDS.labels, registry=registry, buckets=SECONDS_BOUNDS),
        Counter(TEXTS.name, TEXTS.meaning, TEXTS.labels, registry=registry),
        Histogram(TOGETHER.name, TOGETHER.meaning, registry=registry, buckets=TEXTS_BOUNDS),
    )


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


def _make_gauge(metric: Metric, labels: tuple[str, ...], value: float) -> GaugeMetricFamily:
    """Return a gauge with one value, as `prometheus_client` has it."""
    family = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    family.add_metric(labels, float(value))
    return family
