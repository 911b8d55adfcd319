"""Says how often the scores of a run agree with what its sources gave."""

from collections.abc import Collection, Mapping
from typing import Any

import duckdb

from tasks.support.wording import count
from tasks.warehouse.row_names import CONTENT, COUNTS
from tasks.warehouse.tallies.score_sums import GIVEN_SENTIMENT

# The texts of the run's files are found by the time of their first commit, not by reading the whole history.
_FIND_FIRST_COMMIT = f"""
SELECT min(committed_at) FROM scored_files
WHERE status = 'scored' AND {CONTENT} IN (SELECT {CONTENT} FROM scored_files WHERE run_id = $run_id)
"""  # noqa: S608 (our own names)
_MEASURES = ("source", "labelled", "right", "rated", "off", "learnt")
"""Reviews with a label or a rating that implies one, those of them that are called right, those with a rating, the sum
of the errors in stars, and the labelled ones from which the model may have learnt."""
_MEASURE = f"""
WITH given AS (
    SELECT source_sha256, row_number, file_seen_at, {GIVEN_SENTIMENT} AS label, given_rating
    FROM source_reviews SEMI JOIN (FROM scored_files WHERE run_id = $run_id) USING (source_sha256)
    WHERE {COUNTS} AND file_seen_at >= $first AND (given_label IS NOT NULL OR given_rating IS NOT NULL)
)
SELECT
    source, count(label), coalesce(sum((sentiment = label)::INTEGER), 0), count(given_rating),
    coalesce(sum(abs(predicted_rating - given_rating)), 0),
    count(label) FILTER (file_seen_at <= own_labels_until)
FROM scored_reviews JOIN given USING (source_sha256, row_number) LEFT JOIN models USING (model_id)
WHERE run_id = $run_id GROUP BY source
"""  # noqa: S608 (our own words)


def measure_agreement(
    connection: duckdb.DuckDBPyConnection, run_ids: Collection[str]
) -> list[dict[str, Any]]:
    """Return `_MEASURES` of each source of which these runs scored rows with a label or rating, by run."""
    found: list[dict[str, Any]] = []
    for run_id in run_ids:
        [(first,)] = connection.execute(_FIND_FIRST_COMMIT, {"run_id": run_id}).fetchall()
        rows = connection.execute(_MEASURE, {"run_id": run_id, "first": first}).fetchall()
        found += [dict(zip(_MEASURES, row, strict=True)) for row in sorted(rows)]
    return found


def describe_agreement(found: Mapping[str, Any]) -> str:
    """Return a phrase about one source."""
    labelled, rated, parts = found["labelled"], found["rated"], []
    if labelled:
        labels = count(labelled, "review")
        parts.append(
            f"{found['right'] / labelled:.1%} of {labels} with a label or a clear rating are called right"
        )
    if found["learnt"]:
        parts.append(f"the model may have learnt from {found['learnt']:,} of these {labelled:,}")
    if rated:
        parts.append(f"predicted stars are {found['off'] / rated:.2f} off on average, of {rated:,} given")
    return f"{found['source']}: {'; '.join(parts)}"
