"""Checks for every file that no row was lost: rows read = rows scored + rows quarantined + rows forgotten.

A quarantined row that was released counts as scored.
"""

from pathlib import Path

import duckdb

from data_contracts.errors import ContractError

IS_ACCOUNTED = "(rows_read IS NOT DISTINCT FROM rows_scored + rows_quarantined + rows_forgotten)"
"""SQL: whether the sum holds for a row of `build_row_counts_query`."""
ROWS_WITHOUT_SCORE = """
SELECT source_sha256, 1 AS quarantined, 0 AS forgotten FROM quarantined_rows WHERE released_at IS NULL
UNION ALL SELECT source_sha256, 0, 1 FROM forgotten_rows
"""
"""SQL: the quarantined and the forgotten rows, one row each, which have no score though their file is scored."""
_COUNT_SCORED = """
SELECT source_sha256, model_id, count(*) AS rows, rows AS row_numbers, rows AS rows_matched
FROM scored_reviews SEMI JOIN files USING (source_sha256, model_id) GROUP BY ALL
"""
# With the row numbers among the scores, and the scores with one text.
_MATCH_SCORED = """
SELECT
    source_sha256, model_id, count(*) AS rows, count(DISTINCT row_number) AS row_numbers,
    count(*) FILTER (copies = 1) AS rows_matched
FROM scored_reviews SEMI JOIN files USING (source_sha256, model_id)
LEFT JOIN (
    SELECT source_sha256, row_number, count(*) AS copies
    FROM source_reviews SEMI JOIN files USING (source_sha256) GROUP BY ALL
) USING (source_sha256, row_number) GROUP BY ALL
"""
_FIND_UNACCOUNTED = f"""
SELECT uri, rows_read, rows_scored, row_numbers, rows_matched, rows_quarantined, rows_forgotten FROM counted
WHERE NOT {IS_ACCOUNTED} OR rows_scored <> row_numbers OR rows_scored <> rows_matched ORDER BY uri
"""  # noqa: S608 (our own names)
FILES_SHOWN = 5
"""Largest number of files that a message names."""


def build_row_counts_query(files: str, scored: str = _COUNT_SCORED) -> str:
    """Return a query for the row counts of each scored file and model of `files`.

    `files` is the name of a table with the columns of `scored_files`, `scored` the query that counts their scores. The
    counts are of rows read, scored, quarantined and forgotten.
    """
    return f"""
WITH files AS (FROM {files} WHERE status = 'scored'),
scored AS ({scored}),
without_score AS (
    SELECT source_sha256, sum(quarantined)::BIGINT AS quarantined, sum(forgotten)::BIGINT AS forgotten
    FROM ({ROWS_WITHOUT_SCORE}) SEMI JOIN files USING (source_sha256) GROUP BY ALL
)
SELECT
    uri, source_sha256, model_id, rows_read, coalesce(scored.rows, 0) AS rows_scored,
    coalesce(row_numbers, 0) AS row_numbers, coalesce(rows_matched, 0) AS rows_matched,
    coalesce(quarantined, 0) AS rows_quarantined, coalesce(forgotten, 0) AS rows_forgotten
FROM files LEFT JOIN scored USING (source_sha256, model_id) LEFT JOIN without_score USING (source_sha256)
"""  # noqa: S608 (our own names)


def require_accounted(connection: duckdb.DuckDBPyConnection, files: str, place: Path, next_step: str) -> None:
    """Raise `ContractError` if a row of the scored files in the table `files` is lost, doubled, or scored without text.

    The message begins with `place` and ends with `next_step`. Leaves the row counts of the files in the temporary
    table `counted`.
    """
    connection.execute(f"CREATE TEMP TABLE counted AS {build_row_counts_query(files, _MATCH_SCORED)}")
    broken = connection.execute(_FIND_UNACCOUNTED).fetchall()
    if not broken:
        return
    lines = [
        f"- {uri}: {read} rows read; {scored} scored ({numbers} row numbers, {matched} with one text) "
        f"and {quarantined} quarantined and not released" + (f", {forgotten} forgotten" if forgotten else "")
        for uri, read, scored, numbers, matched, quarantined, forgotten in broken[:FILES_SHOWN]
    ]
    more = [f"- and {len(broken) - FILES_SHOWN} more files"] if len(broken) > FILES_SHOWN else []
    head = f"{place}: rows_accounted_for is broken: rows read must be rows scored + rows quarantined."
    raise ContractError("\n".join([head, *lines, *more, next_step]))
