"""Reads the metrics of a home: of the database by its published copy, so that no scrape blocks a run, and of folders.

A file of the inbox is to be scored if the ledger does not know its name. It is read only if the ledger has a content of
its size: it may be a copy of that.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.storage.home import Home
from deployments.metrics.metric_definitions import (
    BACKED_UP,
    BROKEN,
    DATABASE,
    DISK_FREE,
    FIND_LAST_RUN,
    OLDEST,
    UNSCORED,
    VERIFIED,
    Metric,
    Sample,
)
from tasks.inbox.source_files import FoundFile, SourceFile, hash_file, look_into
from tasks.maintenance.verification import read_verified
from tasks.warehouse.file_ledger import Ledgered, find_ledgered
from tasks.warehouse.published import identify_copy, open_published

MEMORY = "512MB"
"""DuckDB's memory limit while it reads the published copy."""
KEPT_SECONDS = 600.0
"""How long figures of an unchanged copy are kept: whether a source is late depends on the time of day."""
REST = 20
"""How many times as long as they took to read figures are kept, though a newer copy may be there: reading years of rows
at every scrape would take a core from the runs."""


def make_cached_reader(
    published: Path, read_clock: Callable[[], float] = time.monotonic
) -> Callable[[], Sequence[Sample]]:
    """Return a function that returns the samples of the database; it raises `WarehouseError` if the copy can't be read.

    It reads them again when the copy was replaced or after a while, in a twentieth of the time at most.
    """
    kept: Sequence[Sample] = ()
    state: tuple[int, int] | None = None
    rests_until = lasts_until = 0.0

    def read() -> Sequence[Sample]:
        nonlocal kept, state, rests_until, lasts_until
        began, found = read_clock(), identify_copy(published)
        if found is None or (found != state and began >= rests_until) or began >= lasts_until:
            kept, state = read_database(published), found
            ended = read_clock()
            rests_until, lasts_until = ended + REST * (ended - began), ended + KEPT_SECONDS
        return kept

    return read


def read_database(published: Path) -> list[Sample]:
    """Return the samples of all metrics of the database."""
    with open_published(published, MEMORY) as connection:
        return list(read_samples(connection))


def read_samples(connection: duckdb.DuckDBPyConnection) -> Iterator[Sample]:
    """Yield the samples of all metrics of an open database; none where a value is not known."""
    last = connection.execute(FIND_LAST_RUN).fetchone()
    for metric in DATABASE:
        for *labels, value in _read_rows(connection, metric, last[0] if last else None):
            if value is not None:
                # Prometheus takes an empty label for none.
                named = tuple("" if label is None else str(label) for label in labels)
                yield Sample(metric, named, float(value))


def _read_rows(
    connection: duckdb.DuckDBPyConnection, metric: Metric, run_id: str | None
) -> list[tuple[Any, ...]]:
    # A constant run id keeps DuckDB from computing the view for every other run.
    values = {
        name: value for name, value in (("run_id", run_id), ("since", None)) if f"${name}" in metric.query
    }
    try:
        return connection.execute(metric.query, values).fetchall()
    except duckdb.CatalogException:
        if metric.name == "reviews_findings":
            return []  # until the first run after an upgrade
        raise


def make_unscored_finder(home: Home) -> Callable[[], list[FoundFile]]:
    """Return a function that returns the files of the inbox that are to be scored, and hashes each file once."""
    digests: dict[FoundFile, str] = {}

    def find() -> list[FoundFile]:
        nonlocal digests
        files = look_into(home.inbox).files if home.inbox.is_dir() else ()
        digests = {file: digests[file] for file in files if file in digests}
        ledgered = find_ledgered(home.published, files)
        return [file for file in files if not _is_done(file, ledgered, digests)]

    return find


def _is_done(file: FoundFile, ledgered: Ledgered, digests: dict[FoundFile, str]) -> bool:
    """Return whether a file was scored or refused, under this name or another one; a hash is kept in `digests`."""
    if file.uri in ledgered.done or file.size not in ledgered.digests:
        return file.uri in ledgered.done
    if file not in digests and isinstance(hashed := hash_file(file), SourceFile):
        digests[file] = hashed.source_sha256
    return digests.get(file) in ledgered.digests[file.size]


def read_inbox(find_unscored: Callable[[], list[FoundFile]]) -> list[Sample]:
    """Return the number of files that are to be scored, and the age of the one that came first."""
    unscored = find_unscored()
    oldest = min((file.ctime_ns or file.mtime_ns for file in unscored), default=0)
    age = max(0.0, time.time() - oldest / 1e9) if unscored else 0.0
    return [Sample(UNSCORED, (), len(unscored)), Sample(OLDEST, (), age)]


def read_upkeep(home: Home) -> list[Sample]:
    """Return when the home was last backed up and verified, and what of its disk is free; nothing of what never was."""
    samples = []
    with suppress(OSError):
        samples.append(Sample(DISK_FREE, (), shutil.disk_usage(home.folder).free))
        made = [path.stat().st_mtime for path in home.backups.glob("[0-9]*.json")]
        if home.backed_up_elsewhere.exists():
            made.append(home.backed_up_elsewhere.stat().st_mtime)
        made = [moment for moment in made if moment <= time.time()]  # a clock was wrong
        samples += [Sample(BACKED_UP, (), max(made))] if made else []
    if home.warehouse.exists():
        verified = read_verified(home)
        samples.append(Sample(BROKEN, (), len(verified.broken)))
        if verified.checked_at and not verified.broken:
            samples.append(Sample(VERIFIED, (), datetime.fromisoformat(verified.checked_at).timestamp()))
    return samples
