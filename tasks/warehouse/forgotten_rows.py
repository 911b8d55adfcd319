"""Forgets rows whose keys are in the temporary table `rows_to_forget`: in the other readings of their files too.

A file and what it was before it grew share what was forgotten in either.
"""

from pathlib import Path

import duckdb

from tasks.warehouse.database.rewriting import name_rewrite_mark
from tasks.warehouse.latest_scores import note_reviews, settle_latest
from tasks.warehouse.row_names import CONTENT, ROWS_CHOSEN
from tasks.warehouse.shadow.sums import renew_shadow_sums
from tasks.warehouse.tallies.repeated_keys import note_keys, settle_keys
from tasks.warehouse.tallies.score_sums import renew_sums

# The same rows in the other readings of their files, and in what these were before they grew. Where one numbers the
# rows otherwise, it is not known which they are: of an earlier one all rows go. So do those of any, if this database
# lacks the reading whose rows are known. Not where it was known when they were forgotten.
ADD_OTHER_READINGS = f"""
INSERT INTO rows_to_forget BY NAME
WITH ledger AS (
    SELECT DISTINCT
        source_sha256, {CONTENT} AS content, coalesce(grown_into, {CONTENT}) AS whole, profile_version, rows_read,
        {ROWS_CHOSEN} AS rows_chosen, bytes, superseded_at IS NOT NULL AS is_history
    FROM scored_files WHERE status = 'scored'
),
chosen AS (
    SELECT rows.*, wholes.whole, own.profile_version, own.source_sha256 IS NOT NULL AS is_known
    FROM (SELECT *, {CONTENT} AS content FROM rows_to_forget WHERE is_named) AS rows
    JOIN (SELECT content, any_value(whole) AS whole FROM ledger GROUP BY content) AS wholes USING (content)
    LEFT JOIN ledger AS own USING (source_sha256)
),
others AS (
    SELECT
        other.source_sha256, other.rows_read, other.rows_chosen, other.bytes, other.is_history,
        chosen.row_number AS chosen_number,
        CASE WHEN other.content = chosen.content
            THEN coalesce(other.rows_read = chosen.rows_read, true)
            AND other.rows_chosen = coalesce(chosen.rows_chosen, '')
            ELSE other.profile_version IS NOT DISTINCT FROM chosen.profile_version END AS is_numbered_alike,
        chosen.is_known, chosen.reason, chosen.forgotten_by, chosen.forgotten_at
    FROM chosen JOIN ledger AS other ON other.whole = chosen.whole AND other.source_sha256 <> chosen.source_sha256
)
SELECT
    source_sha256, row_number, bool_or(was_quarantined) AS was_quarantined, is_numbered_alike AS is_named,
    any_value(rows_read) AS rows_read, any_value(rows_chosen) AS rows_chosen, any_value(bytes) AS bytes,
    any_value(reason) AS reason, any_value(forgotten_by) AS forgotten_by, min(forgotten_at) AS forgotten_at
FROM (
    SELECT source_sha256, row_number, false AS was_quarantined FROM source_reviews
    UNION ALL SELECT source_sha256, row_number, released_at IS NULL FROM quarantined_rows
) JOIN others USING (source_sha256)
WHERE CASE WHEN is_numbered_alike THEN row_number = chosen_number ELSE (is_history OR NOT is_known)
    AND (source_sha256, forgotten_at) NOT IN (
        SELECT (source_sha256, forgotten_at) FROM forgotten_rows WHERE is_named
    ) END
GROUP BY source_sha256, row_number, is_numbered_alike
"""  # noqa: S608 (our own names)
_FIND_TEXTS = """
CREATE OR REPLACE TEMP TABLE texts_to_forget AS
SELECT DISTINCT text_sha256 FROM source_reviews SEMI JOIN rows_to_forget USING (source_sha256, row_number)
"""
LIST_TEXTS = "SELECT text_sha256 FROM texts_to_forget"
_DELETE_LABELS = """
DELETE FROM review_labels WHERE text_sha256 IN (FROM texts_to_forget)
AND text_sha256 NOT IN (SELECT text_sha256 FROM source_reviews SEMI JOIN texts_to_forget USING (text_sha256))
"""
ADD_TRACE = """
INSERT INTO forgotten_rows BY NAME
SELECT
    source_sha256, row_number, bool_or(was_quarantined) AS was_quarantined, any_value(reason) AS reason,
    any_value(forgotten_by) AS forgotten_by, min(forgotten_at) AS forgotten_at, any_value(rows_read) AS rows_read,
    any_value(rows_chosen) AS rows_chosen, any_value(bytes) AS bytes, bool_or(is_named) AS is_named
FROM rows_to_forget GROUP BY source_sha256, row_number
ON CONFLICT DO UPDATE SET is_named = forgotten_rows.is_named OR excluded.is_named
"""
_FIND_SHARED = f"""
CREATE OR REPLACE TEMP TABLE rows_to_forget AS
FROM forgotten_rows WHERE is_named AND {CONTENT} IN (
    SELECT {CONTENT} FROM scored_files WHERE coalesce(grown_into, {CONTENT}) IN (SELECT source_sha256 FROM {{files}})
)
"""  # noqa: S608 (our own names)
_FIND_FILE = "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
_LEAVE_NEW = """
DELETE FROM rows_to_forget WHERE (source_sha256, row_number) IN (SELECT (source_sha256, row_number) FROM forgotten_rows)
"""
_COUNT = "SELECT count(*) FROM rows_to_forget"
# Checks and findings show some values of the columns that are not used.
_BLANK_OBSERVED = """
UPDATE contract_results SET observed = 'what was found is not kept, since a row of the file was forgotten'
WHERE NOT success AND source_sha256 IN (SELECT source_sha256 FROM {rows})
"""
_DELETE_SHOWING = """
DELETE FROM findings WHERE kind IN ('unused_columns', 'flooded_movie') AND source IN (
    SELECT source FROM scored_files WHERE source_sha256 IN (SELECT source_sha256 FROM {rows})
)
"""


def delete_rows(connection: duckdb.DuckDBPyConnection) -> None:
    """Delete the rows whose keys are in `rows_to_forget` from every table that holds texts or scores.

    The row before takes the place of a review's newest row. Labels of texts that no row has any more go too.
    """
    connection.execute(_FIND_TEXTS)
    rows = "(FROM source_reviews SEMI JOIN rows_to_forget USING (source_sha256, row_number))"
    reviews = note_reviews(connection, rows)
    note_keys(connection, rows)
    for table in ("source_reviews", "scored_reviews", "shadow_scores", "flipped_scores", "quarantined_rows"):
        connection.execute(
            f"DELETE FROM {table} AS rows USING rows_to_forget AS keys "  # noqa: S608
            "WHERE rows.source_sha256 = keys.source_sha256 AND rows.row_number = keys.row_number"
        ).fetchall()
    connection.execute(_DELETE_LABELS).fetchall()
    forget_shown(connection, "rows_to_forget")
    settle_latest(connection, reviews)
    settle_keys(connection)
    renew_sums(connection, "rows_to_forget")
    renew_shadow_sums(connection, "rows_to_forget")


def forget_shown(connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Delete what checks and findings show of the files of forgotten rows, whose keys the table `rows` has."""
    connection.execute(_BLANK_OBSERVED.format(rows=rows)).fetchall()
    connection.execute(_DELETE_SHOWING.format(rows=rows)).fetchall()


def share_forgotten(connection: duckdb.DuckDBPyConnection, files: str) -> None:
    """Forget what was forgotten in the files whose sha256 the table `files` has, or in what they were, in all of these.

    If rows are deleted, a mark says that the file of the database is to be rewritten.
    """
    connection.execute(_FIND_SHARED.format(files=files))
    if connection.execute(_COUNT).fetchall() == [(0,)]:
        return
    connection.execute(ADD_OTHER_READINGS)
    connection.execute(_LEAVE_NEW)
    if connection.execute(_COUNT).fetchall() != [(0,)]:
        [(warehouse,)] = connection.execute(_FIND_FILE).fetchall()
        name_rewrite_mark(Path(warehouse)).touch()
        connection.execute(ADD_TRACE)
        delete_rows(connection)
