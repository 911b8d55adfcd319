"""Keeps the distributions of what each source sends, by which the view `drift` compares a run with the source's past.

They are brought up to date in the transaction that adds scores, so that no comparison reads the history.
"""

import duckdb

BINS = 40
"""Bins of each measure. The view `drift` repeats this number and the lower ends of the bins."""
_BINS_OF_MEASURES = {
    "score": f"floor({BINS} * score)",
    "token_count": "floor(8 * log10(greatest(token_count, 1)))",
    "oov_rate": f"floor({BINS} * oov_rate)",
    "truncated": "truncated",
}
"""SQL: the number of the bin from 0 of a row, by measure; all above the last bin are in it."""
_VALUES = ", ".join(
    f"{{'measure': '{name}', 'bin': least({bin}, {BINS - 1})::INTEGER, 'value': {name}::DOUBLE}}"
    for name, bin in _BINS_OF_MEASURES.items()
)
_SUM = "list_transform(list_zip(known.bins, new.bins), lambda pair: pair[1] + pair[2])"
_ADD_TO_RUN = f"""
MERGE INTO run_measures AS known
USING (
    SELECT new_measures.*, past.bins AS past_bins, past.total AS past_total
    FROM new_measures LEFT JOIN source_measures AS past USING (model_id, source, measure)
) AS new
ON known.run_id = new.run_id AND known.model_id = new.model_id AND known.source = new.source
    AND known.measure = new.measure
WHEN MATCHED THEN UPDATE SET bins = {_SUM}, total = known.total + new.total
WHEN NOT MATCHED THEN INSERT BY NAME
"""  # noqa: S608 (our own names)
_ADD_TO_SOURCE = f"""
MERGE INTO source_measures AS known
USING (SELECT * EXCLUDE (run_id) FROM new_measures) AS new
ON known.model_id = new.model_id AND known.source = new.source AND known.measure = new.measure
WHEN MATCHED THEN UPDATE SET bins = {_SUM}, total = known.total + new.total
WHEN NOT MATCHED THEN INSERT BY NAME
"""  # noqa: S608 (our own names)


def add_measures(connection: duckdb.DuckDBPyConnection, scores: str) -> None:
    """Add the rows of the table `scores`, of one run, to the distributions of their sources and of the run."""
    connection.execute(_build_count(scores))
    connection.execute(_ADD_TO_RUN)
    connection.execute(_ADD_TO_SOURCE)


def _build_count(scores: str) -> str:
    """Return the query that stores the distributions of the rows in the table `scores`."""
    return f"""
CREATE OR REPLACE TEMP TABLE new_measures AS
WITH measured AS (SELECT run_id, model_id, source, unnest([{_VALUES}], recursive := true) FROM {scores}),
counted AS (
    SELECT run_id, model_id, source, measure, bin, count(*) AS rows, sum(value) AS total FROM measured GROUP BY ALL
),
collected AS (
    SELECT run_id, model_id, source, measure, sum(total) AS total, map_from_entries(list((bin, rows))) AS found
    FROM counted GROUP BY run_id, model_id, source, measure
)
SELECT * EXCLUDE (found), list_transform(range({BINS}), lambda bin: coalesce(found[bin], 0)) AS bins FROM collected
"""  # noqa: S608 (our own names)
