"""Checks every promise on the data of a home: no row is lost or doubled, no score of a model never promoted counts.

A promise on the tables is a query for the rows that break it. The promoted bundles, the reviews Parquet and the
published copy are checked too.
"""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from data_contracts.errors import BundleError
from data_contracts.limits import HIGHEST_STARS, LOWEST_STARS, POSITIVE_FROM
from data_contracts.storage.home import Home
from models.bundle.fingerprint import require_fingerprint
from tasks.maintenance.verified_changes import (
    Changed,
    digest_parquet,
    narrow_to_changed,
    narrow_to_reviews,
    narrow_to_texts,
)
from tasks.store.published_upload import find_faults
from tasks.warehouse.accounting import IS_ACCOUNTED, ROWS_WITHOUT_SCORE, build_row_counts_query
from tasks.warehouse.database.connection import WAIT_SECONDS, open_warehouse
from tasks.warehouse.database.duckdb_engine import attach, take_turn
from tasks.warehouse.database.opening import translate_errors
from tasks.warehouse.latest_scores import FIND_OUTDATED, FIND_WRONG_FLIPS
from tasks.warehouse.published import REPUBLISH_ADVICE
from tasks.warehouse.publishing import needs_publishing
from tasks.warehouse.row_addresses import CONTENT, IS_LATER, NO_PROFILE
from tasks.warehouse.shadow.sums import FIND_WRONG_SHADOW_SUMS
from tasks.warehouse.tallies.repeated_texts import FIND_WRONG_REPEATS
from tasks.warehouse.tallies.score_sums import FIND_WRONG_SUMS

ROWS_SHOWN = 5
"""Largest number of examples in a finding."""
HELD_SECONDS = 0.25
"""After so long the next promise is verified by a new connection. To open a small database takes longer than to verify
most promises."""

_ROWS_OF_LEDGER = f"""
WITH left_out AS (
    SELECT source_sha256, sum(quarantined + forgotten)::BIGINT AS rows FROM ({ROWS_WITHOUT_SCORE}) GROUP BY ALL
),
files AS (
    SELECT source_sha256, model_id, rows_read - coalesce(rows, 0) AS rows
    FROM scored_files LEFT JOIN left_out USING (source_sha256) WHERE status = 'scored'
)
SELECT 'scored_reviews' AS name, (SELECT count(*) FROM scored_reviews) AS rows, coalesce(sum(rows), 0) AS in_ledger
FROM files HAVING rows <> in_ledger
UNION ALL
SELECT 'source_reviews' AS name, (SELECT count(*) FROM source_reviews) AS rows, coalesce(sum(rows), 0) AS in_ledger
FROM (SELECT DISTINCT source_sha256, rows FROM files) HAVING rows <> in_ledger
"""  # noqa: S608 (our own query)
BUNDLES_PROMISE = "every promoted bundle is unaltered"
PARQUET_PROMISE = "the reviews Parquet is complete, if there is any"
WORK_PROMISE = "no store still has texts of ended runs for workers, or their parts of before two days"
OUTSIDE_TABLES = {BUNDLES_PROMISE, PARQUET_PROMISE, WORK_PROMISE}
"""The promises that do not depend on the tables: where one is broken, what was found of the tables is still proven."""
COUNT_PROMISE = "the tables have as many rows as the ledger"
READINGS_PROMISE = (
    "of the readings of a file one counts, or none if a later file of its source replaced it; each is by the profile "
    "that its name says"
)
_READINGS = f"""
SELECT {CONTENT} AS source_sha256, count(DISTINCT source_sha256) AS counting FROM scored_files
WHERE status = 'scored' AND superseded_at IS NULL GROUP BY ALL HAVING counting > 1
UNION ALL BY NAME
SELECT gone.source_sha256, 0 AS counting FROM (
    SELECT {CONTENT} AS source_sha256, max(superseded_at) AS gone_at, arg_max(source, superseded_at) AS source
    FROM scored_files WHERE status = 'scored' GROUP BY ALL HAVING bool_and(superseded_at IS NOT NULL)
) AS gone
SEMI JOIN (
    SELECT source, max(coalesce(superseded_at, 'infinity')) AS until FROM scored_files
    WHERE status = 'scored' GROUP BY ALL
) AS last ON last.source = gone.source AND last.until <= gone_at
UNION ALL BY NAME
SELECT source_sha256, profile_version FROM scored_files
WHERE {IS_LATER} AND source_sha256 <> {CONTENT} || '.' || coalesce(profile_version, '{NO_PROFILE}')
"""  # noqa: S608 (our own query)
FLIPS_PROMISE = "flipped_scores has the scores with another sentiment than the one that counts, and no others"
SUMS_PROMISE = "score_sums has what the scores of each file and model add up to"
SHADOW_SUMS_PROMISE = "shadow_sums has how the scores of each shadow and file compare with those that count"
REPEATS_PROMISE = "text_keys has the number of every text, and repeated_texts those that several rows have"
COPY_PROMISE = "the published copy is up to date"
STORED_COPY_PROMISE = "the copy in the store is whole and up to date"
LATEST_PROMISE = "latest_scores has the newest row of each review, with the score that counts"
PROMISES = {
    "every row read is accounted for": f"""
        SELECT * EXCLUDE (row_numbers, rows_matched)
        FROM ({build_row_counts_query("scored_files")}) WHERE NOT {IS_ACCOUNTED}
    """,  # noqa: S608 (our own query)
    COUNT_PROMISE: _ROWS_OF_LEDGER,
    READINGS_PROMISE: _READINGS,
    "no row is scored twice by one model": """
        SELECT source_sha256, row_number, model_id, count(*) AS copies FROM scored_reviews
        GROUP BY ALL HAVING copies > 1
    """,
    "no text is stored twice": """
        SELECT source_sha256, row_number, count(*) AS copies FROM source_reviews GROUP BY ALL HAVING copies > 1
    """,
    "every score has its text": """
        SELECT source_sha256, row_number, model_id FROM scored_reviews
        ANTI JOIN source_reviews USING (source_sha256, row_number)
    """,
    "every text is scored by each model that scored its file": """
        SELECT source_sha256, row_number, files.model_id
        FROM source_reviews JOIN (FROM scored_files WHERE status = 'scored') AS files USING (source_sha256)
        ANTI JOIN scored_reviews USING (source_sha256, row_number, model_id)
    """,
    "every text belongs to a scored file": """
        SELECT source_sha256, row_number FROM source_reviews
        ANTI JOIN (FROM scored_files WHERE status = 'scored') USING (source_sha256)
    """,
    "every score belongs to a scored file": """
        SELECT source_sha256, row_number, model_id FROM scored_reviews
        ANTI JOIN (FROM scored_files WHERE status = 'scored') USING (source_sha256, model_id)
    """,
    "no row is both scored and quarantined": """
        SELECT source_sha256, row_number, rule FROM quarantined_rows
        SEMI JOIN source_reviews USING (source_sha256, row_number) WHERE released_at IS NULL
    """,
    "every released row is scored, and has who released it": """
        SELECT source_sha256, row_number, released_at, released_by FROM quarantined_rows
        ANTI JOIN source_reviews USING (source_sha256, row_number)
        ANTI JOIN forgotten_rows USING (source_sha256, row_number) WHERE released_at IS NOT NULL
        UNION ALL BY NAME
        SELECT source_sha256, row_number, released_at, released_by FROM quarantined_rows
        WHERE (released_at IS NULL) <> (released_by IS NULL)
    """,
    "no forgotten row is stored": """
        SELECT source_sha256, row_number FROM forgotten_rows
        SEMI JOIN (
            SELECT source_sha256, row_number FROM source_reviews
            UNION ALL SELECT source_sha256, row_number FROM scored_reviews
            UNION ALL SELECT source_sha256, row_number FROM quarantined_rows
            UNION ALL SELECT source_sha256, row_number FROM shadow_scores
        ) USING (source_sha256, row_number)
    """,
    "every score is a number from 0 to 1, with its sentiment and rating": f"""
        SELECT source_sha256, row_number, model_id, score, sentiment, predicted_rating FROM scored_reviews
        WHERE NOT coalesce(isfinite(score) AND score BETWEEN 0 AND 1, false)
        OR sentiment <> CASE WHEN score >= {POSITIVE_FROM} THEN 'positive' ELSE 'negative' END
        OR NOT coalesce(
            isfinite(predicted_rating) AND predicted_rating BETWEEN {LOWEST_STARS} AND {HIGHEST_STARS}, false
        )
    """,  # noqa: S608 (our own bounds)
    "every model that scored is known and was promoted": """
        SELECT model_id, count(*) AS files, any_value(uri) AS uri FROM scored_files
        WHERE model_id NOT IN (SELECT model_id FROM promotions SEMI JOIN models USING (model_id)) GROUP BY ALL
        UNION ALL BY NAME
        SELECT model_id, count(*) AS rows FROM scored_reviews
        WHERE model_id NOT IN (SELECT model_id FROM promotions SEMI JOIN models USING (model_id)) GROUP BY ALL
    """,
    "every score of a shadow is there once, with its text, of a file and model that are recorded": """
        SELECT source_sha256, row_number, model_id, count(*) AS copies FROM shadow_scores GROUP BY ALL HAVING copies > 1
        UNION ALL BY NAME
        SELECT source_sha256, row_number, model_id FROM shadow_scores
        ANTI JOIN source_reviews USING (source_sha256, row_number)
        UNION ALL BY NAME
        SELECT source_sha256, row_number, model_id FROM shadow_scores
        ANTI JOIN shadow_files USING (source_sha256, model_id)
        UNION ALL BY NAME
        SELECT source_sha256, model_id FROM shadow_files ANTI JOIN (FROM shadows SEMI JOIN models USING (model_id))
        USING (model_id)
    """,
    "every file that a shadow scored has its scores": """
        WITH forgotten AS (SELECT source_sha256, count(*) AS gone FROM forgotten_rows GROUP BY ALL),
        kept AS (SELECT source_sha256, model_id, count(*) AS scores FROM shadow_scores GROUP BY ALL)
        SELECT source_sha256, model_id, rows, coalesce(scores, 0) AS scores
        FROM shadow_files LEFT JOIN kept USING (source_sha256, model_id) LEFT JOIN forgotten USING (source_sha256)
        WHERE coalesce(scores, 0) NOT BETWEEN rows - coalesce(gone, 0) AND rows
    """,
    "every promotion is of a known model, and none is missing": """
        SELECT number, model_id FROM promotions ANTI JOIN models USING (model_id)
        UNION ALL BY NAME
        SELECT number, model_id FROM (FROM promotions SELECT *, row_number() OVER (ORDER BY number) AS place)
        WHERE number <> place
    """,
    "every text has the sha256 recorded for it": """
        SELECT source_sha256, row_number FROM source_reviews WHERE sha256(text) <> text_sha256
    """,
    FLIPS_PROMISE: FIND_WRONG_FLIPS,
    SUMS_PROMISE: FIND_WRONG_SUMS,
    SHADOW_SUMS_PROMISE: FIND_WRONG_SHADOW_SUMS,
    REPEATS_PROMISE: FIND_WRONG_REPEATS,
    LATEST_PROMISE: FIND_OUTDATED,
}
"""Each promise on the tables, with the query for the rows that break it."""


@dataclass(frozen=True)
class Finding:
    """One promise, with the number and examples of what breaks it."""

    promise: str
    broken: int
    """How many rows, files or bundles break it; 0 where it holds."""
    examples: tuple[str, ...]


def verify(home: Home, changed: Changed | None = None, store: str | None = None) -> Iterator[Finding]:
    """Check every promise in turn; yield each `Finding` as soon as it is known.

    With `changed`, of the tables only the rows of files that changed since a proof are read. `store`: where runs upload
    the published copy.
    """
    yield from _check_changed(home, changed) if changed else _check_all(home)
    yield check_files(BUNDLES_PROMISE, lambda: _find_altered_bundles(home))
    yield check_files(PARQUET_PROMISE, lambda: _find_broken_splits(home, changed))
    yield check_files(COPY_PROMISE, lambda: _find_outdated_copy(home, changed))
    if store is not None and home.published.exists():
        yield check_files(STORED_COPY_PROMISE, partial(find_faults, home, store))


def _check_all(home: Home) -> Iterator[Finding]:
    """Verify the promises about the tables, for all rows. The database is free for others every now and then."""
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


def _check_changed(home: Home, changed: Changed) -> Iterator[Finding]:
    """Verify the promises about the tables, for the rows of changed files."""
    with open_warehouse(home.warehouse, write=False) as connection:
        # The rows of the whole tables are counted at once: DuckDB knows their number. The ledger is small.
        for promise in (COUNT_PROMISE, READINGS_PROMISE):
            yield _check_tables(connection, promise, PROMISES[promise])
        narrow_to_changed(connection, changed)
        for promise, query in PROMISES.items():
            if promise not in (COUNT_PROMISE, READINGS_PROMISE, REPEATS_PROMISE, LATEST_PROMISE):
                yield _check_tables(connection, promise, query)
        narrow_to_reviews(connection)
        yield _check_tables(connection, LATEST_PROMISE, PROMISES[LATEST_PROMISE])
        narrow_to_texts(connection)
        yield _check_tables(connection, REPEATS_PROMISE, PROMISES[REPEATS_PROMISE])


def _check_tables(connection: duckdb.DuckDBPyConnection, promise: str, query: str) -> Finding:
    """Verify a promise about the tables by a query for the rows that break it."""
    result = connection.execute(query)
    names = [column[0] for column in result.description or []]
    shown = result.fetchmany(ROWS_SHOWN)
    broken = len(shown) if len(shown) < ROWS_SHOWN else _count_broken(connection, query)
    return Finding(promise, broken, tuple(_describe_broken_row(names, row) for row in shown))


def _count_broken(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Count the rows that break a promise, by its query."""
    (row,) = connection.execute(f"SELECT count(*) FROM ({query})").fetchall()  # noqa: S608 (our own queries)
    return int(row[0])


def _describe_broken_row(names: Sequence[str], row: Sequence[Any]) -> str:
    """Describe a row that breaks a promise by its columns."""
    return ", ".join(f"{name} {value}" for name, value in zip(names, row, strict=True) if value is not None)


def check_files(promise: str, find_broken: Callable[[], list[str]]) -> Finding:
    """Verify a promise about files by a function that describes what breaks it."""
    broken = find_broken()
    return Finding(promise, len(broken), tuple(broken[:ROWS_SHOWN]))


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


def _find_broken_splits(home: Home, changed: Changed | None) -> list[str]:
    """Return a message for each fault of the Parquet splits, if there are any: damage, wrong row count, broken rule.

    With `changed`, the rows of files that a proof covers with the same bytes are not read.
    """
    if not any(home.reviews.glob("*.parquet")):
        return []
    try:
        proven = changed.parquet if changed else None
        rules = [] if proven and proven == digest_parquet(home.reviews) else _find_broken_rules(home.reviews)
        return _find_wrong_counts(home) + rules
    except Exception as error:  # readers raise many types on a damaged file, each of which is a finding
        return [str(error)]


def _find_wrong_counts(home: Home) -> list[str]:
    """Return a message for each Parquet split that has not as many rows as were ingested."""
    from data_contracts.reviews_parquet import SPLITS
    from tasks.archive.parquet_files import count_rows

    ingested = _read_ingested_rows(home.warehouse)
    found = {split: count_rows(home.reviews, split) for split in SPLITS}
    return [
        f"{split}: {rows:,} rows, but {ingested[split]:,} were ingested"
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


def _read_ingested_rows(warehouse: Path) -> dict[str, int]:
    """Return the row count of each split to verify, by the last completed ingest; empty if there was none."""
    query = (
        "SELECT counts FROM runs WHERE flow = 'ingest-reviews' AND status = 'completed' "
        "ORDER BY started_at DESC LIMIT 1"
    )
    with open_warehouse(warehouse, write=False) as connection:
        rows = connection.execute(query).fetchall()
    return dict(json.loads(rows[0][0])) if rows else {}


def _find_outdated_copy(home: Home, changed: Changed | None) -> list[str]:
    """Return a message if the published copy is behind the warehouse, or for each of its tables that differs.

    A copy may be missing as long as no file has been scored.
    """
    published = home.published
    if needs_publishing(home):
        with open_warehouse(home.warehouse, write=False) as connection:
            has_rows = connection.execute("SELECT count(*) > 0 FROM scored_files").fetchall() == [(True,)]
        missing = f"{published}: is missing, cut or not up to date; the next run publishes it"
        return [missing] if has_rows or published.exists() else []
    original = _digest_tables(home.warehouse, changed)
    copy = _digest_tables(published, changed, REPUBLISH_ADVICE)
    return [
        f"{published}: its table {table} was changed"
        for table in _TABLES_COMPARED
        if original[table] != copy[table]
    ]


_TABLES_COMPARED = (
    "source_reviews",
    "scored_reviews",
    "flipped_scores",
    "text_keys",
    "repeated_texts",
    "scored_files",
    "quarantined_rows",
    "forgotten_rows",
    "shadow_scores",
    "shadow_files",
    "promotions",
    "gate_checks",
)


def _digest_tables(path: Path, changed: Changed | None, *when_damaged: str) -> dict[str, Any]:
    """Return, for each compared table, its number of rows and a digest that does not depend on their order.

    With `changed`, of the rows of changed files.
    """
    # In the engine of the database: to start another one would take longer than a small database takes.
    with (
        take_turn(path, WAIT_SECONDS),
        translate_errors(path, *when_damaged),
        attach(path.absolute(), "READ_ONLY", wait_seconds=WAIT_SECONDS) as connection,
    ):
        if changed:
            narrow_to_changed(connection, changed)
        return {
            table: connection.execute(f"SELECT count(*), sum(hash(t)) FROM {table} AS t").fetchall()  # noqa: S608
            for table in _TABLES_COMPARED
        }
