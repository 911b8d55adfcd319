"""Lets a reading of a file count in place of the others, which stay as history."""

import duckdb

from data_contracts.storage.faults import pass_fault_point
from tasks.warehouse.latest_scores import note_reviews, settle_latest
from tasks.warehouse.row_names import CONTENT, NEXT_NUMBER

_FIND_SUPERSEDED = f"""
CREATE OR REPLACE TEMP TABLE superseded_readings AS
SELECT DISTINCT source_sha256 FROM scored_files
WHERE superseded_at IS NULL AND {CONTENT} IN (SELECT {CONTENT} FROM {{readings}})
AND source_sha256 NOT IN (SELECT source_sha256 FROM {{readings}})
"""  # noqa: S608 (our own names)
SUPERSEDE = f"""
UPDATE scored_files SET superseded_at = now(), superseded_number = {NEXT_NUMBER}
WHERE superseded_at IS NULL AND source_sha256 IN (SELECT source_sha256 FROM {{files}})
"""  # noqa: S608 (our own names)
"""SQL: lets the readings in a table count no more."""
_COUNT_AGAIN = """
UPDATE scored_files SET superseded_at = NULL, superseded_number = NULL
WHERE superseded_at IS NOT NULL AND source_sha256 IN (SELECT source_sha256 FROM {readings})
"""
_ROWS_CONCERNED = """
(
    FROM source_reviews
    SEMI JOIN (FROM superseded_readings UNION SELECT source_sha256 FROM {readings}) USING (source_sha256)
)
"""


def let_count(connection: duckdb.DuckDBPyConnection, readings: str) -> None:
    """Let the readings in the table `readings` count, in place of all others of their files.

    The rows of a reading that no longer counts leave `latest_scores` in the same transaction.
    """
    connection.execute(_FIND_SUPERSEDED.format(readings=readings))
    connection.execute(SUPERSEDE.format(files="superseded_readings"))
    connection.execute(_COUNT_AGAIN.format(readings=readings))
    settle_latest(connection, note_reviews(connection, _ROWS_CONCERNED.format(readings=readings)))
    pass_fault_point("rescan: reading replaced")
