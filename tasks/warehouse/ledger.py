"""What is known of files: where each was seen with which content, and which contents were scored or refused.

Each function opens the warehouse once and closes it; thousands of files cost one query. A warehouse that is not
there knows nothing, and is not made. Lists go in as parameters: an Arrow table would make DuckDB load pandas.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.inbox.source_files import FoundFile, SourceFile
from tasks.warehouse.connection import open_warehouse

SEEN_EVERY = "INTERVAL 1 HOUR"
"""How far `last_seen` may lag behind, so that a run that finds nothing new does not rewrite every row."""

_READ_SIGHTINGS = f"""
WITH found AS (
    SELECT unnest(?::VARCHAR[]) AS uri, unnest(?::BIGINT[]) AS size, unnest(?::BIGINT[]) AS mtime_ns
),
ledger AS (SELECT source_sha256, max(status) AS status FROM scored_files GROUP BY source_sha256)
SELECT
    uri, source_sha256, seen.size = found.size AND seen.mtime_ns = found.mtime_ns,
    last_seen < now() - {SEEN_EVERY}, ledger.status
FROM found JOIN inbox_files AS seen USING (uri) LEFT JOIN ledger USING (source_sha256)
"""  # noqa: S608
# Of the two words 'scored' is the greater, so that one model that scored a content outweighs refusals.
_READ_STATUSES = """
SELECT source_sha256, max(status) FROM scored_files
WHERE source_sha256 IN (SELECT unnest(?::VARCHAR[])) GROUP BY source_sha256
"""
_RECORD_SEEN = """
INSERT INTO inbox_files (uri, size, mtime_ns, source_sha256, first_seen, last_seen)
SELECT unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::BIGINT[]), unnest(?::VARCHAR[]), now(), now()
ON CONFLICT (uri) DO UPDATE SET
    size = excluded.size, mtime_ns = excluded.mtime_ns, source_sha256 = excluded.source_sha256,
    last_seen = excluded.last_seen
"""


@dataclass(frozen=True)
class SeenFile:
    """What is known of a file's name: what lay there when it was last looked at."""

    source_sha256: str
    is_unchanged: bool
    """Whether size and time are still those, so that the content need not be read."""
    is_stale: bool
    """Whether `last_seen` is to be renewed."""
    status: str | None
    """'scored' where some model has scored the content, else 'refused' or None."""


def read_seen_files(warehouse: Path, files: Sequence[FoundFile]) -> dict[str, SeenFile]:
    """Give by uri what is known of those `files` whose names were seen before."""
    if not files or not warehouse.exists():
        return {}
    with open_warehouse(warehouse, write=False) as connection:
        rows = connection.execute(_READ_SIGHTINGS, _list_columns(files)).fetchall()
    return {uri: SeenFile(*known) for uri, *known in rows}


def read_statuses(warehouse: Path, sources: Collection[str]) -> dict[str, str]:
    """Give by sha256 'scored' for the `sources` that some model has scored, 'refused' for those refused only."""
    if not sources or not warehouse.exists():
        return {}
    with open_warehouse(warehouse, write=False) as connection:
        return dict(connection.execute(_READ_STATUSES, [list(sources)]).fetchall())


def record_seen(warehouse: Path, files: Sequence[SourceFile]) -> None:
    """Keep where each file was seen just now, with which size, time and content; one row per uri."""
    if not files:
        return
    hashes = [file.source_sha256 for file in files]
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute(_RECORD_SEEN, [*_list_columns(files), hashes]).fetchall()


def _list_columns(files: Sequence[FoundFile] | Sequence[SourceFile]) -> list[list[str] | list[int]]:
    return [
        [file.uri for file in files],
        [file.size for file in files],
        [_wrap(file.mtime_ns) for file in files],
    ]


def _wrap(mtime_ns: int) -> int:
    """Give a time as 64 bits with a sign, which hold the years 1678 to 2262; others come round again.

    So two times are equal only where they are the same, or 584 years apart: a changed file is noticed.
    """
    return (mtime_ns + 2**63) % 2**64 - 2**63
