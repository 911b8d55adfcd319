"""Finds the mentions of texts that are stored already, from before mentions were kept, or found by other words.

A file's readings that are history keep what they have. A file that is half done at a kill is begun again.
"""

from pathlib import Path

import duckdb

from models.aspects.lexicon import name_version
from tasks.scoring.rescoring import take_in_time
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.warehouse_connection import open_warehouse

ROWS_AT_ONCE = 20_000
"""Rows that are changed in a transaction. DuckDB writes them anew, with their texts."""
_FIND = """
SELECT source_sha256 FROM scored_files WHERE status = 'scored' AND superseded_at IS NULL
GROUP BY source_sha256 HAVING bool_or(aspects_version IS DISTINCT FROM $version) ORDER BY max(commit_number) DESC
"""
_READ = """
SELECT row_number, text FROM source_reviews WHERE source_sha256 = $source AND row_number > $last
ORDER BY row_number LIMIT $rows
"""
_CHANGE = """
UPDATE source_reviews SET mentions = renewed_mentions.mentions FROM renewed_mentions
WHERE source_sha256 = $source AND source_reviews.row_number = renewed_mentions.row_number
"""
_NOTE = (
    "UPDATE scored_files SET aspects_version = $version WHERE source_sha256 = $source AND status = 'scored'"
)


def renew_mentions(warehouse: Path, seconds: float | None = None) -> dict[str, int]:
    """Find the mentions of the files that count, those that came last first; leave the rest after so many seconds.

    Return the counts of files and rows for the log; none where nothing was to do.
    """
    if not warehouse.exists():
        return {}
    version = name_version()
    with open_warehouse(warehouse, write=False) as connection:
        files = [source for (source,) in connection.execute(_FIND, {"version": version}).fetchall()]
    done = [_renew(warehouse, source, version) for source in take_in_time(iter(files), seconds)]
    return {"files_read_for_aspects": len(done), "rows_read_for_aspects": sum(done)} if done else {}


def _renew(warehouse: Path, source: str, version: str) -> int:
    """Find the mentions of a file; return the number of its rows."""
    rows = last = 0
    with open_warehouse(warehouse, write=True) as connection:
        while found := _renew_some(connection, source, last):
            rows, last = rows + found[0], found[1]
        connection.execute(_NOTE, {"version": version, "source": source})
    return rows


def _renew_some(connection: duckdb.DuckDBPyConnection, source: str, last: int) -> tuple[int, int] | None:
    """Find the mentions of the rows after the `last` one; return how many these are and the last of them, if any."""
    import pyarrow as pa

    from models.aspects.finding import find_mentions
    from models.aspects.lexicon import load_lexicon

    values = {"source": source, "last": last, "rows": ROWS_AT_ONCE}
    texts = connection.sql(_READ, params=values).to_arrow_table()
    if not len(texts):
        return None
    mentions = find_mentions(load_lexicon(), texts["text"].to_pylist())
    connection.register(
        "renewed_mentions", pa.table({"row_number": texts["row_number"], "mentions": mentions})
    )
    with begin_transaction(connection):
        connection.execute(_CHANGE, {"source": source})
    connection.unregister("renewed_mentions")
    return len(texts), int(texts["row_number"][-1].as_py())
