"""Lets a file that has grown take the place of the file that it was before, whose rows stay as history.

Which files a file begins with is found where its bytes are (`tasks/scoring/grown_files.py`). A file without rows is the
beginning of many, and so may be a file with few: of another name it must have `FEWEST_ROWS` rows.
"""

import duckdb

from tasks.warehouse.latest_scores import note_reviews, settle_latest
from tasks.warehouse.row_names import CONTENT, CONTENT_DIGITS, FIRST_URI, IS_LATER, NEXT_NUMBER

FEWEST_ROWS = 10

# By the same profile, the rows of both have the same numbers.
_FIND_GROWN = f"""
CREATE TEMP TABLE grown_files AS
SELECT DISTINCT
    later.source_sha256, later.bytes, known.source_sha256 AS earlier,
    known.profile_version IS NOT DISTINCT FROM later.profile_version AND known.rows_read <= later.rows_read
        AS is_numbered_alike
FROM (
    SELECT *, unnest(grown_from) AS content, {FIRST_URI} AS name FROM accepted
    WHERE status = 'scored' AND NOT {IS_LATER}
) AS later
JOIN (
    SELECT *, {CONTENT} AS content, {FIRST_URI} AS name FROM (FROM scored_files UNION ALL BY NAME FROM accepted)
    WHERE status = 'scored' AND superseded_at IS NULL
) AS known ON known.content = later.content AND known.source = later.source
WHERE known.rows_read >= CASE WHEN known.name = later.name THEN 1 ELSE {FEWEST_ROWS} END
"""  # noqa: S608 (our own names)
_SUPERSEDE = f"""
UPDATE scored_files SET
    grown_into = whole, superseded_at = coalesce(superseded_at, now()),
    superseded_number = coalesce(superseded_number, {NEXT_NUMBER})
FROM (
    SELECT left(earlier, {CONTENT_DIGITS}) AS content, arg_max(source_sha256, bytes) AS whole
    FROM grown_files SEMI JOIN (FROM accepted WHERE status = 'scored') USING (source_sha256) GROUP BY content
) AS parts WHERE parts.content = coalesce(grown_into, {CONTENT})
"""  # noqa: S608 (our own names)
_ROWS = """
(FROM source_reviews SEMI JOIN (SELECT earlier AS source_sha256 FROM grown_files) USING (source_sha256))
"""
_COUNT = """
SELECT count(DISTINCT earlier) FROM grown_files SEMI JOIN (FROM accepted WHERE status = 'scored') USING (source_sha256)
"""


def find_grown(connection: duckdb.DuckDBPyConnection) -> bool:
    """Store which accepted files of a part have grown from which in `grown_files`; return whether there are any."""
    return connection.execute(_FIND_GROWN).fetchall() != [(0,)]


def replace_grown(connection: duckdb.DuckDBPyConnection) -> int:
    """Let the grown files, which are in the ledger now, count in place of those before; return how many these are."""
    connection.execute(_SUPERSEDE)
    settle_latest(connection, note_reviews(connection, _ROWS))
    [(replaced,)] = connection.execute(_COUNT).fetchall()
    return int(replaced)
