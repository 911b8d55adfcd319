"""Reads and records which files were seen, with which content, and which contents were scored or refused.

Most open the warehouse once, and run a query for all files. The readers return nothing, and create nothing, if there is
no warehouse yet. Lists are passed as parameters: an Arrow table would make DuckDB load pandas.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from tasks.inbox.source_files import FoundFile, SourceFile
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.published import open_published
from tasks.warehouse.row_names import CONTENT, FIRST_URI, NO_PROFILE

SEEN_EVERY = "INTERVAL 1 HOUR"
"""Largest age of `last_seen` before it is updated: a run that finds nothing new should not rewrite every row."""

FILES_COMPARED = 20
"""A file is compared with so many files of its source that came before it, and with the last one of its name."""

_READ_SIGHTINGS = f"""
WITH found AS (
    SELECT unnest(?::VARCHAR[]) AS uri, unnest(?::BIGINT[]) AS size, unnest(?::BIGINT[]) AS mtime_ns,
        unnest(?::VARCHAR[]) AS etag
),
ledger AS (SELECT source_sha256, max(status) AS status FROM scored_files GROUP BY source_sha256)
SELECT
    uri, source_sha256,
    seen.size = found.size AND seen.mtime_ns = found.mtime_ns AND seen.etag IS NOT DISTINCT FROM found.etag,
    last_seen < now() - {SEEN_EVERY}, ledger.status
FROM found JOIN inbox_files AS seen USING (uri) LEFT JOIN ledger USING (source_sha256)
"""  # noqa: S608
# max() prefers 'scored' to 'refused': a content counts as scored if at least one model has scored it.
_READ_STATUSES = """
SELECT source_sha256, max(status) FROM scored_files
WHERE source_sha256 IN (SELECT unnest(?::VARCHAR[])) GROUP BY source_sha256
"""
_READ_REFUSALS = """
SELECT source_sha256, flatten(list(refused_as)) FROM scored_files
WHERE status = 'refused' AND source_sha256 IN (SELECT unnest(?::VARCHAR[])) GROUP BY source_sha256
"""
_LIST_REPLACED = f"""
SELECT {CONTENT} FROM scored_files WHERE {CONTENT} IN (SELECT unnest(?::VARCHAR[]))
GROUP BY ALL HAVING max(status) = 'scored' AND bool_and(superseded_at IS NOT NULL) AND count(grown_into) = 0
"""  # noqa: S608 (our own names)
# Names and sizes are read of the few files alone that may be among the last ones.
_LIST_EARLIER = f"""
WITH ledger AS (
    FROM scored_files
    WHERE status = 'scored' AND superseded_at IS NULL AND rows_read > 0 AND source IN (SELECT unnest($sources))
),
firsts AS MATERIALIZED (SELECT source, source_sha256, min(commit_number) AS number FROM ledger GROUP BY ALL),
last AS (SELECT source, list_min(max(number, {FILES_COMPARED})) AS least FROM firsts GROUP BY source),
named AS (
    SELECT arg_max(source_sha256, commit_number) AS source_sha256 FROM ledger
    WHERE {FIRST_URI} IN (SELECT unnest($uris)) GROUP BY source, {FIRST_URI}
),
files AS (
    SELECT source, any_value({FIRST_URI}) AS uri, any_value(bytes) AS size, {CONTENT} AS content, number
    FROM firsts JOIN last USING (source) JOIN ledger USING (source, source_sha256)
    WHERE number >= least OR source_sha256 IN (FROM named)
    GROUP BY source, source_sha256, number
)
SELECT source, uri, size, content FROM (
    FROM files UNION ALL BY NAME SELECT DISTINCT '' AS source, '' AS uri, bytes AS size, {CONTENT} AS content
    FROM forgotten_rows
) WHERE size IS NOT NULL ORDER BY number, uri
"""  # noqa: S608 (our own names)
_FIND_LEDGERED = """
WITH found AS (
    SELECT unnest(?::VARCHAR[]) AS uri, unnest(?::BIGINT[]) AS size, unnest(?::BIGINT[]) AS mtime_ns,
        unnest(?::VARCHAR[]) AS etag
)
SELECT uri FROM found JOIN inbox_files AS seen USING (uri, size, mtime_ns)
WHERE source_sha256 IN (SELECT source_sha256 FROM scored_files)
"""
_FIND_DIGESTS = f"""
SELECT bytes, list(DISTINCT {CONTENT}) FROM scored_files WHERE bytes IN (SELECT unnest(?::BIGINT[])) GROUP BY bytes
"""  # noqa: S608 (our own names)
_RECORD_SEEN = """
INSERT INTO inbox_files (uri, size, mtime_ns, etag, source_sha256, first_seen, last_seen)
SELECT
    unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]),
    now(), now()
ON CONFLICT (uri) DO UPDATE SET
    size = excluded.size, mtime_ns = excluded.mtime_ns, etag = excluded.etag,
    source_sha256 = excluded.source_sha256, last_seen = excluded.last_seen
"""


@dataclass(frozen=True)
class SeenFile:
    """What the ledger recorded when a file of this name was last seen."""

    source_sha256: str
    is_unchanged: bool
    """Whether size, modification time and ETag are still the same, so that the content need not be read."""
    is_stale: bool
    """Whether `last_seen` is older than `SEEN_EVERY` and must be updated."""
    status: str | None
    """'scored' if some model has scored the content, else 'refused', or None if it was neither."""


@dataclass(frozen=True)
class Ledgered:
    """What a published copy of the ledger has of files of the inbox."""

    done: frozenset[str] = frozenset()
    """The uris of those that it knows by name, size and time, and whose content was scored or refused."""
    digests: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """The sha256 of every content that was scored or refused and has the size of one of the other files, by size."""


@dataclass(frozen=True)
class Known:
    """What the ledger has of some contents."""

    statuses: Mapping[str, str] = field(default_factory=dict)
    """By sha256 'scored' if some model has scored the content and 'refused' if all refused it; else it is missing."""
    replaced: frozenset[str] = frozenset()
    """Those of which no reading counts, since a full export took their place."""


@dataclass(frozen=True)
class EarlierFile:
    """A scored file that one which comes later may begin with."""

    source: str
    """Empty if it is any: of a file of which rows were forgotten."""
    uri: str
    size: int
    source_sha256: str


def find_ledgered(published: Path, files: Sequence[FoundFile]) -> Ledgered:
    """Return what the published copy of the ledger has of files of the inbox; nothing if there is no copy yet."""
    if not files or not published.is_file():
        return Ledgered()
    with open_published(published) as connection:
        rows = connection.execute(_FIND_LEDGERED, _list_ledger_columns(files)).fetchall()
        done = frozenset(uri for (uri,) in rows)
        sizes = sorted({file.size for file in files if file.uri not in done})
        digests = connection.execute(_FIND_DIGESTS, [sizes]).fetchall()
    return Ledgered(done, {size: frozenset(each) for size, each in digests})


def read_seen_files(warehouse: Path, files: Sequence[FoundFile]) -> dict[str, SeenFile]:
    """Return by uri what the ledger has of those of `files` whose uris were seen before."""
    if not files or not warehouse.exists():
        return {}
    with open_warehouse(warehouse, write=False) as connection:
        rows = connection.execute(_READ_SIGHTINGS, _list_ledger_columns(files)).fetchall()
    return {uri: SeenFile(*known) for uri, *known in rows}


def look_up(warehouse: Path, sources: Collection[str]) -> Known:
    """Return what the ledger has of the contents `sources`."""
    if not sources or not warehouse.exists():
        return Known()
    with open_warehouse(warehouse, write=False) as connection:
        statuses = connection.execute(_READ_STATUSES, [list(sources)]).fetchall()
        replaced = connection.execute(_LIST_REPLACED, [list(sources)]).fetchall()
    return Known(dict(statuses), frozenset(content for (content,) in replaced))


def read_refusals(warehouse: Path, sources: Collection[str]) -> dict[str, list[str]]:
    """Return by sha256 as what each of these contents was refused, as `name_refusal` names it."""
    if not sources:
        return {}
    with open_warehouse(warehouse, write=False) as connection:
        return dict(connection.execute(_READ_REFUSALS, [list(sources)]).fetchall())


def name_refusal(version: str | None, uri: str) -> str:
    """Return as what the file of this name is read by this version of a profile, like `REFUSED_AS`."""
    return f"{version or NO_PROFILE} {uri}"


def list_earlier(warehouse: Path, sources: Collection[str], uris: Collection[str]) -> list[EarlierFile]:
    """Return the files with rows that came last from each of these sources, and the last one of each of these names.

    So are all files of which rows were forgotten, without source and name: what was forgotten in one stays so in each
    file that begins with it, also where a restored database does not know it.
    """
    if not warehouse.exists():
        return []
    with open_warehouse(warehouse, write=False) as connection:
        found = {"sources": sorted(sources), "uris": sorted(uris)}
        return [EarlierFile(*row) for row in connection.execute(_LIST_EARLIER, found).fetchall()]


def record_seen(warehouse: Path, files: Sequence[SourceFile]) -> None:
    """Record size, modification time, ETag and content of each file, seen just now; one row per uri."""
    if not files:
        return
    hashes = [file.source_sha256 for file in files]
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute(_RECORD_SEEN, [*_list_ledger_columns(files), hashes]).fetchall()


def _list_ledger_columns(files: Sequence[FoundFile] | Sequence[SourceFile]) -> list[list[Any]]:
    """Return uris, sizes, times and ETags of files as columns for queries of the ledger."""
    return [
        [file.uri for file in files],
        [file.size for file in files],
        # A signed 64-bit number of ns holds the years 1678 to 2262. Only times that are a multiple of 584 years apart
        # become equal, so that a changed file is still noticed.
        [(file.mtime_ns + 2**63) % 2**64 - 2**63 for file in files],
        [file.etag for file in files],
    ]


def list_files_without_scores(
    connection: duckdb.DuckDBPyConnection, run_ids: Collection[str]
) -> list[tuple[str, int, str | None]]:
    """Return the files of which these runs scored no row: uri, rows, and the rule that most of them broke."""
    query = """
        WITH files AS (
            SELECT DISTINCT source_sha256, uri, rows_read FROM scored_files
            WHERE run_id = ANY($runs::VARCHAR[]) AND status = 'scored'
        ), bad AS (
            SELECT source_sha256, count(*) AS rows, mode(rule) AS rule
            FROM quarantined_rows SEMI JOIN files USING (source_sha256)
            -- DuckDB skips the rows of earlier days by their time.
            WHERE released_at IS NULL AND quarantined_at >= (
                SELECT coalesce(min(started_at), '-infinity') FROM runs WHERE run_id = ANY($runs::VARCHAR[])
            )
            GROUP BY source_sha256
        )
        SELECT uri, rows_read, rule FROM files LEFT JOIN bad USING (source_sha256)
        WHERE rows_read = 0 OR rows_read = rows ORDER BY uri
    """
    return connection.execute(query, {"runs": list(run_ids)}).fetchall()
