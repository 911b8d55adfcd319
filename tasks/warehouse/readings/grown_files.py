"""Lets a file that has grown take the place of the file that it was before, whose rows stay as history.

Which files a file begins with is found where its bytes are (`tasks/scoring/grown_files.py`). A file without rows is the
beginning of many, and so may be a file with few: of another name it must have `FEWEST_ROWS` rows.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from tasks.inbox.source_files import SourceFile
from tasks.warehouse.database.duckdb_engine import begin_transaction
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.forgotten_rows import share_forgotten
from tasks.warehouse.latest_scores import note_reviews, settle_latest
from tasks.warehouse.row_names import CONTENT, CONTENT_DIGITS, FIRST_URI, IS_LATER, NEXT_NUMBER

FEWEST_ROWS = 10

# By the same profile, the rows of both have the same numbers. A known file that grew itself stands for what it is now.
_FIND_GROWN = f"""
CREATE OR REPLACE TEMP TABLE grown_files AS
SELECT DISTINCT
    later.source_sha256, later.bytes, later.whole, known.source_sha256 AS earlier,
    known.profile_version IS NOT DISTINCT FROM later.profile_version AND known.rows_read <= later.rows_read
        AS is_numbered_alike
FROM {{later}} AS later
JOIN (
    SELECT *, {CONTENT} AS content, {FIRST_URI} AS name FROM {{known}}
    WHERE status = 'scored' AND superseded_at IS NULL
) AS known ON known.content = later.content AND known.source = later.source
WHERE known.rows_read >= CASE WHEN known.name = later.name THEN 1 ELSE {FEWEST_ROWS} END
"""  # noqa: S608 (our own names)
_ARRIVING = f"""(
    SELECT *, unnest(grown_from) AS content, {FIRST_URI} AS name, source_sha256 AS whole FROM accepted
    WHERE status = 'scored' AND NOT {IS_LATER}
)"""  # noqa: S608 (our own names)
_RETURNED = f"""(
    SELECT ledger.*, returned.content, returned.name, coalesce(grown_into, {CONTENT}) AS whole
    FROM returned_files AS returned JOIN scored_files AS ledger ON {CONTENT} = returned.source
    WHERE status = 'scored' AND (superseded_at IS NULL OR grown_into IS NOT NULL)
)"""  # noqa: S608 (our own names)
_STORE_RETURNED = """
CREATE OR REPLACE TEMP TABLE returned_files AS
SELECT unnest(?::VARCHAR[]) AS source, unnest(?::VARCHAR[]) AS name, unnest(?::VARCHAR[]) AS content
"""
# Which of the rows of the beginning were forgotten, is not known of the file that counts already.
_DROP_UNSURE = """
DELETE FROM grown_files
WHERE NOT is_numbered_alike AND earlier IN (SELECT source_sha256 FROM forgotten_rows)
"""
_DROP_REFUSED = """
DELETE FROM grown_files WHERE source_sha256 NOT IN (SELECT source_sha256 FROM accepted WHERE status = 'scored')
"""
_SUPERSEDE = f"""
UPDATE scored_files SET
    grown_into = parts.whole, superseded_at = coalesce(superseded_at, now()),
    superseded_number = coalesce(superseded_number, {NEXT_NUMBER})
FROM (
    SELECT left(earlier, {CONTENT_DIGITS}) AS content, arg_max(whole, bytes) AS whole FROM grown_files GROUP BY content
) AS parts WHERE parts.content = coalesce(grown_into, {CONTENT})
"""  # noqa: S608 (our own names)
_ROWS = """
(FROM source_reviews SEMI JOIN (SELECT earlier AS source_sha256 FROM grown_files) USING (source_sha256))
"""
_WHOLES = "(SELECT whole AS source_sha256 FROM grown_files)"


def find_grown(connection: duckdb.DuckDBPyConnection) -> None:
    """Store which accepted files of a part have grown from which in `grown_files`."""
    known = "(FROM scored_files UNION ALL BY NAME FROM accepted)"
    connection.execute(_FIND_GROWN.format(later=_ARRIVING, known=known))


def replace_grown(connection: duckdb.DuckDBPyConnection) -> int:
    """Let the grown files, which are in the ledger now, count in place of those before; return how many these are."""
    connection.execute(_DROP_REFUSED)
    return _replace(connection)


def replace_returned(warehouse: Path, files: Sequence[SourceFile]) -> int:
    """Let known files that have come again count in place of those that they begin with; return how many these are."""
    pairs = [(file, content) for file in files for content in file.grown_from]
    sources, names = [file.source_sha256 for file, _ in pairs], [file.uri for file, _ in pairs]
    with open_warehouse(warehouse, write=True) as connection, begin_transaction(connection):
        connection.execute(_STORE_RETURNED, [sources, names, [content for _, content in pairs]])
        connection.execute(_FIND_GROWN.format(later=_RETURNED, known="scored_files"))
        connection.execute(_DROP_UNSURE)
        replaced = _replace(connection)
        share_of_grown(connection)
        return replaced


def _replace(connection: duckdb.DuckDBPyConnection) -> int:
    """Let the files in `grown_files` count in place of those before; return how many these are."""
    [(replaced,)] = connection.execute("SELECT count(DISTINCT earlier) FROM grown_files").fetchall()
    if replaced:
        connection.execute(_SUPERSEDE)
        settle_latest(connection, note_reviews(connection, _ROWS))
    return int(replaced)


def share_of_grown(connection: duckdb.DuckDBPyConnection) -> None:
    """Forget what was forgotten in the files in `grown_files`, or in what they were, in all of these."""
    share_forgotten(connection, _WHOLES)
