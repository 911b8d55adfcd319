"""Finds the files that the champion has scored and the shadow has not."""

from pathlib import Path

from tasks.scoring.rescoring import OlderSource
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.shadow.record import Shadow

# The champion's scores were committed before: a file that it has not scored is not scored by the shadow.
_FIND_WAITING = """
WITH champion AS (SELECT model_id FROM promotions ORDER BY number DESC LIMIT 1),
first_commits AS (
    SELECT source_sha256, min(committed_at) AS seen_at FROM scored_files WHERE status = 'scored' GROUP BY ALL
)
SELECT source_sha256, uri, format, bytes, rows_read, source, profile_version
FROM scored_files SEMI JOIN champion USING (model_id) JOIN first_commits USING (source_sha256)
ANTI JOIN (FROM shadow_files WHERE model_id = $model_id) AS done USING (source_sha256)
WHERE status = 'scored' AND superseded_at IS NULL AND seen_at >= $since AND $model_id NOT IN (FROM champion)
ORDER BY seen_at, uri
"""


def find_waiting_for_shadow(warehouse: Path, shadow: Shadow) -> list[OlderSource]:
    """Return the files since the shadow's beginning that the champion has scored and it has not, oldest first."""
    values = {"model_id": shadow.model_id, "since": shadow.since}
    with open_warehouse(warehouse, write=False) as connection:
        return [OlderSource(*row) for row in connection.execute(_FIND_WAITING, values).fetchall()]
