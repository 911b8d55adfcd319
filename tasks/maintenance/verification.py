"""Checks every promise on the data of a home: no row is lost or doubled, no score of a model never promoted counts.

A promise on the tables is a query for the rows that break it. The promoted bundles, the reviews Parquet, the published
copy and the newest snapshot in the store are checked too. What was found is kept in the home.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.errors import BundleError, ReviewsError, WarehouseBusyError, WarehouseError
from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from models.bundle.fingerprint import require_fingerprint
from tasks.maintenance.data_promises import (
    BUNDLES_PROMISE,
    COPY_PROMISE,
    PARQUET_PROMISE,
    PROMISES,
    RECORD_PROMISE,
    SNAPSHOT_PROMISE,
)
from tasks.maintenance.forgotten_record import compare_record
from tasks.snapshots.after_runs import find_faults
from tasks.snapshots.forgotten_beside import note_forgotten
from tasks.support.lock_holders import keep_runs_out
from tasks.support.wording import count, escape_controls
from tasks.warehouse.database.duckdb_engine import attach, take_turn
from tasks.warehouse.database.duckdb_errors import translate_errors
from tasks.warehouse.database.warehouse_connection import WAIT_SECONDS, open_warehouse, require_warehouse
from tasks.warehouse.published import REPUBLISH_ADVICE
from tasks.warehouse.publishing import needs_publishing

ROWS_SHOWN = 5
"""Largest number of examples in a finding."""
HELD_SECONDS = 0.25
"""After so long the next promise is verified by a new connection. To open a small database takes longer than to verify
most promises."""


@dataclass(frozen=True)
class Finding:
    """One promise, with the number and examples of what breaks it."""

    promise: str
    broken: int
    """How many rows, files or bundles break it; 0 where it holds."""
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Verified:
    """What the last check of a home has found; the tables are not read to know it."""

    checked_at: str | None = None
    """None if there was none of this database."""
    broken: tuple[str, ...] = ()
    """The promises that did not hold, or why the database could not be read."""


def verify_home(home: Home, say: Callable[[str], None], store: str | None = None) -> None:
    """Say of each promise whether it holds; raise `ReviewsError` at the end if one does not.

    `store`: where runs keep snapshots.
    """
    require_warehouse(home.warehouse, "`reviews score`, or `reviews restore`")
    with keep_runs_out(home, say):
        broken = set[str]()
        try:
            for finding in verify(home, store):
                say(_describe_finding(finding))
                if finding.broken:
                    broken.add(finding.promise)
        except WarehouseBusyError:
            raise
        except WarehouseError as error:
            _keep(home, [str(error).partition(" Next: ")[0].rstrip(".")])
            raise
        _keep(home, sorted(broken))
        for line in note_forgotten(home):
            say(f"note    {escape_controls(line)}")
        if broken:
            raise ReviewsError(f"{count(len(broken), 'promise')} broken. Next: {_advise(broken, home)}")
    say("All promises hold.")


def _keep(home: Home, broken: Sequence[str]) -> None:
    """Keep in the home what a check has found broken."""
    verified = Verified(datetime.now(UTC).isoformat(timespec="seconds"), tuple(broken))
    with write_whole(home.verified) as building:
        building.write_text(json.dumps(asdict(verified), indent=1), "utf-8")


def read_verified(home: Home) -> Verified:
    """Return what the last check of a home has found."""
    try:
        found = json.loads(home.verified.read_text("utf-8"))
        return Verified(str(found["checked_at"]), tuple(map(str, found["broken"])))
    except (OSError, ValueError, TypeError, KeyError):
        return Verified()


def _advise(broken: set[str], home: Home) -> str:
    """Return what to do where these promises are broken."""
    if broken == {RECORD_PROMISE}:
        return "`reviews score` mends that: it forgets again what came back, and writes down what is missing."
    if broken == {SNAPSHOT_PROMISE}:
        return "the next run uploads what is missing there, `reviews score` now; the database is whole."
    if broken <= {COPY_PROMISE, SNAPSHOT_PROMISE}:
        anew = "`reviews score`, which publishes a new copy."
        is_replaced = not home.published.is_dir() and needs_publishing(home)
        return f"only the published copy is wrong: {anew if is_replaced else REPUBLISH_ADVICE}"
    if broken == {BUNDLES_PROMISE}:
        return (
            "do what is said of each bundle above; the database is whole. Another champion can score in its place, "
            "but the promise is broken until the bundle is back as it was promoted."
        )
    return "correct what is named above, or `reviews restore` a backup."


def _describe_finding(finding: Finding) -> str:
    """Describe for `reviews verify` whether a promise holds."""
    if not finding.broken:
        return f"ok      {finding.promise}"
    more = finding.broken - len(finding.examples)
    lines = [f"BROKEN  {finding.promise}: {finding.broken:,}"]
    lines += [f"        - {escape_controls(each)}" for each in finding.examples]
    lines += [f"        - and {more:,} more"] if more else []
    return "\n".join(lines)


def verify(home: Home, store: str | None = None) -> Iterator[Finding]:
    """Check every promise in turn; yield each `Finding` as soon as it is known."""
    yield from _check_all_tables(home)
    yield _check_files(BUNDLES_PROMISE, _find_altered_bundles(home))
    yield _check_files(PARQUET_PROMISE, _find_broken_splits(home))
    yield _check_files(RECORD_PROMISE, _find_unremembered(home))
    yield _check_files(COPY_PROMISE, _find_outdated_copy(home))
    if store is not None and home.published.exists():
        yield _check_files(SNAPSHOT_PROMISE, find_faults(home, store))


def _check_all_tables(home: Home) -> Iterator[Finding]:
    """Verify the promises about the tables. The database is free for others every now and then."""
    left = deque(PROMISES.items())
    while left:
        findings = []
        try:
            with open_warehouse(home.warehouse, write=False) as connection:
                until = time.monotonic() + HELD_SECONDS
                while left and time.monotonic() < until:
                    findings.append(_check_tables(connection, *left.popleft()))
        finally:  # also what was found before a damaged table
            yield from findings


def _check_tables(connection: duckdb.DuckDBPyConnection, promise: str, query: str) -> Finding:
    """Verify a promise about the tables by a query for the rows that break it, which are described by their columns."""
    result = connection.execute(query)
    names = [column[0] for column in result.description or []]
    shown = result.fetchmany(ROWS_SHOWN)
    examples = [
        ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True) if value is not None)
        for row in shown
    ]
    broken = len(shown)
    if broken == ROWS_SHOWN:
        [(broken,)] = connection.execute(f"SELECT count(*) FROM ({query})").fetchall()  # noqa: S608 (our own queries)
    return Finding(promise, broken, tuple(examples))


def _check_files(promise: str, broken: Sequence[str]) -> Finding:
    """Return the finding on a promise about files, by descriptions of what breaks it."""
    return Finding(promise, len(broken), tuple(broken[:ROWS_SHOWN]))


def _find_unremembered(home: Home) -> list[str]:
    """Return a message for each forgotten row of which only the database knows, or only the record in the home."""
    try:
        only_record, only_database = compare_record(home)
    except WarehouseError:
        raise
    except ReviewsError as error:
        return [str(error)]
    return [
        *(
            f"{name}: was forgotten by {home.forgotten.name}, and the database does not know it"
            for name in only_record
        ),
        *(f"{name}: was forgotten, and {home.forgotten.name} does not have it" for name in only_database),
    ]


def _find_altered_bundles(home: Home) -> list[str]:
    """Return a message for each missing or altered bundle of a model that was ever promoted."""
    query = (
        "SELECT model_id, bundle_fingerprint FROM models SEMI JOIN promotions USING (model_id) ORDER BY ALL"
    )
    with open_warehouse(home.warehouse, write=False) as connection:
        promoted = connection.execute(query).fetchall()
    broken = []
    for model_id, fingerprint in promoted:
        try:
            require_fingerprint(home.bundles / model_id, fingerprint)
        except BundleError as error:
            broken.append(str(error))
    return broken


def _find_broken_splits(home: Home) -> list[str]:
    """Return a message for each fault of the Parquet splits, if there are any: damage, wrong row count, broken rule."""
    try:
        if not list_paths(home.reviews, "*.parquet"):
            return []
        return _find_wrong_counts(home) + _find_broken_rules(home.reviews)
    except Exception as error:  # readers raise many types on a damaged file, each of which is a finding
        return [str(error)]


def _find_wrong_counts(home: Home) -> list[str]:
    """Return a message for each Parquet split that has not as many rows as the last completed ingest wrote, if any."""
    from data_contracts.reviews_parquet import SPLITS
    from tasks.archive.parquet_files import count_rows

    query = (
        "SELECT counts FROM runs WHERE flow = 'ingest-reviews' AND status = 'completed' "
        "ORDER BY started_at DESC LIMIT 1"
    )
    with open_warehouse(home.warehouse, write=False) as connection:
        counts = connection.execute(query).fetchall()
    ingested = dict(json.loads(counts[0][0])) if counts else {}
    found = {split: count_rows(home.reviews, split) for split in SPLITS}
    return [
        f"{split}: {count(rows, 'row')}, but {ingested[split]:,} were ingested"
        for split, rows in found.items()
        if rows != ingested.get(split, rows)
    ]


def _find_broken_rules(reviews_dir: Path) -> list[str]:
    """Return a message for each rule that the reviews Parquet breaks; raises what its readers raise on damage."""
    from data_contracts.reviews_parquet import SPLITS, check_reviews
    from tasks.archive.parquet_files import read_provenance, read_split

    provenance = read_provenance(reviews_dir)
    if provenance is None:
        return [f"{reviews_dir}: a split is missing or damaged, or the splits come from different archives"]
    results = check_reviews({split: read_split(reviews_dir, split) for split in SPLITS}, provenance.dataset)
    return [
        f"{each.rule}: {each.observed}" for each in results if not each.success and each.severity == "error"
    ]


def _find_outdated_copy(home: Home) -> list[str]:
    """Return a message if the published copy is behind the warehouse, or for each of its tables that differs.

    A copy may be missing as long as no file has been scored.
    """
    published = home.published
    if needs_publishing(home):
        with open_warehouse(home.warehouse, write=False) as connection:
            has_rows = connection.execute("SELECT count(*) > 0 FROM scored_files").fetchall() == [(True,)]
        missing = f"{published}: is missing, cut or not up to date; the next run publishes it"
        return [missing] if has_rows or published.exists() else []
    original = _digest_tables(home.warehouse)
    copy = _digest_tables(published, REPUBLISH_ADVICE)
    return [
        f"{published}: its table {table} was changed"
        for table in _TABLES_COMPARED
        if original[table] != copy[table]
    ]


_TABLES_COMPARED = (
    "source_reviews",
    "scored_reviews",
    "flipped_scores",
    "repeated_keys",
    "scored_files",
    "quarantined_rows",
    "forgotten_rows",
    "shadow_scores",
    "shadow_files",
    "promotions",
    "gate_checks",
)
_DIGEST = " UNION ALL ".join(
    f"SELECT '{table}', count(*), sum(hash(t)) FROM {table} AS t"  # noqa: S608 (our own names)
    for table in _TABLES_COMPARED
)


def _digest_tables(path: Path, *when_damaged: str) -> dict[str, Any]:
    """Return, for each compared table, its number of rows and a digest that does not depend on their order."""
    # In the engine of the database: to start another one would take longer than a small database takes.
    with (
        take_turn(path, WAIT_SECONDS),
        translate_errors(path, *when_damaged),
        attach(path.absolute(), "READ_ONLY", wait_seconds=WAIT_SECONDS) as connection,
    ):
        return {table: digest for table, *digest in connection.execute(_DIGEST).fetchall()}
