"""Counts what waits for somebody: refused files that are still there and were not corrected, and quarantined rows."""

import os

import duckdb

from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import is_store_uri
from tasks.queries.named_queries import embed_query
from tasks.warehouse.database.warehouse_connection import open_warehouse

MOST_LOOKED_AT = 100_000
"""Most names of refused files that are looked at in the inbox; the files of later ones count as being there."""
# With every name that a refused content has: a file that was renamed is the same one. A name under which another
# content was found since is not its own any more.
LIST_REFUSED = f"""
WITH refused AS (FROM {embed_query("rejected-files")} WHERE corrected_at IS NULL),
names AS (
    SELECT source_sha256, uri FROM inbox_files SEMI JOIN refused USING (source_sha256)
    UNION
    SELECT source_sha256, uri FROM refused ANTI JOIN inbox_files USING (uri)
)
SELECT refused.rule, source_sha256, refused.bytes, names.uri FROM refused LEFT JOIN names USING (source_sha256)
ORDER BY refused_at, names.uri
"""  # noqa: S608 (our own query)
"""SQL: the refused files that were not corrected since, a row for each name."""
_COUNT_ROWS = "SELECT count(*) FROM open_quarantine"


def count_set_aside(home: Home, wait_seconds: float) -> dict[str, int]:
    """Return how many refused files are still there and not corrected, and how many rows are quarantined."""
    if not home.readable.exists():
        return {"files_refused": 0, "rows_quarantined": 0}
    with open_warehouse(home.readable, write=False, wait_seconds=wait_seconds) as connection:
        [(rows,)] = connection.execute(_COUNT_ROWS).fetchall()
        return {"files_refused": count_refused(connection, home), "rows_quarantined": rows}


def count_refused(connection: duckdb.DuckDBPyConnection, home: Home) -> int:
    """Count the refused files that were not corrected and are still there, each content once."""
    names = connection.execute(LIST_REFUSED, {"since": None}).fetchall()
    looked_at = 0 if _is_elsewhere(home) else MOST_LOOKED_AT
    there = {
        source
        for number, (_, source, _, uri) in enumerate(names)
        if uri is not None and (number >= looked_at or is_there(home, uri))
    }
    return len(there)


def _is_elsewhere(home: Home) -> bool:
    """Return whether files may lie in an inbox that is not mounted."""
    return not home.warehouse.exists() or not os.access(home.inbox, os.F_OK)


def is_there(home: Home, uri: str) -> bool:
    """Return whether a file is where it was found, as far as is known: objects of a store are not looked at."""
    if is_store_uri(uri):
        return True
    try:
        (home.inbox / uri).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True  # it can't be looked at, which does not say that it is gone
    return True
