"""Files of sources in the ledger, for tests of when and how much each source sends: no rows of theirs are stored."""

from datetime import datetime

import duckdb

_SEND = """
INSERT INTO scored_files (source_sha256, model_id, status, uri, rows_read, source, committed_at, commit_number)
SELECT uuid()::VARCHAR, 'm', 'scored', 'sent.csv', if(number = 0, $rows, 0), $source, $moment, epoch_us($moment)
FROM range($files) AS numbers (number)
"""


def send_files(
    connection: duckdb.DuckDBPyConnection, source: str, moment: datetime, rows: int = 1, files: int = 1
) -> None:
    """Add files that a source sent at this moment, with so many rows in all."""
    connection.execute(_SEND, {"source": source, "moment": moment, "rows": rows, "files": files})
