"""Reads the metrics of the database from its published copy, so that no scrape can block a run."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb

from deployments.metrics.metric_definitions import DATABASE, FIND_LAST_RUN, Metric, Sample
from tasks.warehouse.published import identify_copy, open_published

MEMORY = "512MB"
"""DuckDB's memory limit while it reads the published copy."""
KEPT_SECONDS = 600.0
"""How long figures of an unchanged copy are kept: whether a source is late depends on the time of day."""
REST = 20
"""How many times as long as they took to read figures are kept, though a newer copy may be there: reading years of rows
at every scrape would take a core from the runs."""


def read_database_metrics(published: Path) -> list[Sample]:
    """Return the samples of all metrics of the database; raise `WarehouseError` if the copy can't be read."""
    with open_published(published, MEMORY) as connection:
        return list(read_samples(connection))


def read_samples(connection: duckdb.DuckDBPyConnection) -> Iterator[Sample]:
    """Yield the samples of all metrics of an open database."""
    last = connection.execute(FIND_LAST_RUN).fetchone()
    run_id = last[0] if last else None
    for metric in DATABASE:
        yield from _read_metric(connection, metric, run_id)


def make_cached_reader(
    published: Path, read_clock: Callable[[], float] = time.monotonic
) -> Callable[[], Sequence[Sample]]:
    """Return a function that returns the samples, which it reads again when the copy was replaced or after a while.

    Reading takes a twentieth of the time at most.
    """
    kept: Sequence[Sample] = ()
    state: tuple[int, int] | None = None
    rests_until = lasts_until = 0.0

    def read() -> Sequence[Sample]:
        nonlocal kept, state, rests_until, lasts_until
        began, found = read_clock(), identify_copy(published)
        if found is None or (found != state and began >= rests_until) or began >= lasts_until:
            kept, state = read_database_metrics(published), found
            ended = read_clock()
            rests_until, lasts_until = ended + REST * (ended - began), ended + KEPT_SECONDS
        return kept

    return read


def _read_metric(connection: duckdb.DuckDBPyConnection, metric: Metric, run_id: str | None) -> list[Sample]:
    """Return the samples of a metric; none where its value is not known."""
    # A constant run id keeps DuckDB from computing the view for every other run.
    values = {
        name: value for name, value in (("run_id", run_id), ("since", None)) if f"${name}" in metric.query
    }
    try:
        rows = connection.execute(metric.query, values).fetchall()
    except duckdb.CatalogException:
        if metric.name == "reviews_findings":
            return []  # until the first run after an upgrade
        raise
    return [
        Sample(metric, _name_labels(labels), float(value)) for *labels, value in rows if value is not None
    ]


def _name_labels(labels: Sequence[Any]) -> tuple[str, ...]:
    """Return the values of labels; a missing one is empty, which Prometheus takes for no label."""
    return tuple("" if label is None else str(label) for label in labels)
