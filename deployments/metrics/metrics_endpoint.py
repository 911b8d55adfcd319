"""Serves the metrics over HTTP in Prometheus's text format.

Whoever can connect can read them, so the default address is 127.0.0.1; pages of other origins and unknown host names
are refused as by Prefect's server. All who ask while the figures are read get these, so many questions cost as one.
"""

import asyncio
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from data_contracts.errors import WarehouseError
from data_contracts.storage.home import Home
from deployments.guarded_server import guard, list_hosts
from deployments.metrics.home_metrics import make_cached_reader, make_unscored_finder, read_inbox, read_upkeep
from deployments.metrics.metric_definitions import READABLE, HomeRegistry, Metric, Sample
from deployments.metrics.server_metrics import read_server_metrics
from deployments.settings import Settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp

Reader = Callable[[], Sequence[Sample]]


class Figures(Collector):
    """Collects the samples of a home for `prometheus_client`, at each scrape anew."""

    def __init__(self, home: Home, read_server: Reader) -> None:
        self._home = home
        self._read_database = make_cached_reader(home.published)
        self._find_unscored = make_unscored_finder(home)
        self._read_server = read_server
        self._reported = ""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all metrics of which there are samples."""
        families: dict[Metric, GaugeMetricFamily] = {}
        for sample in (*self._read_home(), *read_upkeep(self._home), *self._read_server()):
            metric = sample.metric
            if metric not in families:
                families[metric] = GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)
            families[metric].add_metric(sample.labels, sample.value)
        yield from families.values()

    def _read_home(self) -> list[Sample]:
        """Return the samples of the database and the inbox; report on standard error why it can't be read, once."""
        if not self._home.published.is_file():
            return [Sample(READABLE, (), 0), *read_inbox(self._find_unscored)]
        samples, problem = list[Sample](), ""
        for read in (self._read_database, partial(read_inbox, self._find_unscored)):
            try:
                samples += read()
            except WarehouseError as error:
                problem = problem or str(error)
        if problem not in ("", self._reported):
            sys.stderr.write(f"{problem}\n")
        self._reported = problem
        return [*samples, Sample(READABLE, (), int(not problem))]


def make_metrics_app(settings: Settings, hosts: Sequence[str], read_server: Reader) -> "ASGIApp":
    """Return the web app that serves the metrics of a home under the host names `hosts`."""
    registry = HomeRegistry(settings.label)
    registry.register(Figures(settings.home, read_server))
    reading: asyncio.Task[bytes] | None = None

    async def answer(request: Request) -> Response:
        nonlocal reading
        if reading is None or reading.done():
            reading = asyncio.create_task(run_sync(generate_latest, registry))
        return Response(await asyncio.shield(reading), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return guard(Starlette(routes=[Route("/metrics", answer)]), hosts)


def serve_metrics(settings: Settings, listening: socket.socket) -> None:
    """Serve the metrics of a home on a listening socket until a signal."""
    from deployments.http_serving import serve_app

    hosts = list_hosts("REVIEWS_METRICS_HOST", settings.metrics_host, settings.allowed_hosts)
    serve_app(make_metrics_app(settings, hosts, partial(read_server_metrics, settings)), listening)
