"""Keeps the days on which each source sends files, by which the view `deliveries` finds late ones."""

import duckdb

_ADD_DAY = """
MERGE INTO source_days AS known
USING (
    SELECT
        source, make_timestamp(epoch_us(now()))::DATE AS day, count(*) AS files,
        coalesce(sum(rows_read), 0)::BIGINT AS rows, now() AS last_file_at
    FROM {files} GROUP BY source
) AS new
ON known.source = new.source AND known.day = new.day
WHEN MATCHED THEN UPDATE SET
    files = known.files + new.files, rows = known.rows + new.rows, last_file_at = new.last_file_at
WHEN NOT MATCHED THEN INSERT BY NAME
"""


def add_day(connection: duckdb.DuckDBPyConnection, files: str) -> None:
    """Add the files of the table `files`, with the columns `source` and `rows_read`, to the present UTC day."""
    connection.execute(_ADD_DAY.format(files=files))
