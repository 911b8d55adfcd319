"""Says how often the scores of a run agree with what its sources gave, and what to expect of new sources."""

from collections.abc import Collection
from dataclasses import dataclass

import duckdb

from data_contracts.expectations import CheckResult
from tasks.support.wording import count, quote_word
from tasks.warehouse.row_names import CONTENT, COUNTS
from tasks.warehouse.tallies.score_sums import GIVEN_SENTIMENT

# The texts of the run's files are found by the time of their first commit, not by reading the whole history.
_FIND_FIRST_COMMIT = f"""
SELECT min(committed_at) FROM scored_files
WHERE status = 'scored' AND {CONTENT} IN (SELECT {CONTENT} FROM scored_files WHERE run_id = $run_id)
"""  # noqa: S608 (our own names)
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
_LIST_NEW = """
SELECT source, max(test_accuracy) FROM (
    SELECT source, arg_min(run_id, commit_number) AS run_id, arg_min(model_id, commit_number) AS model_id
    FROM scored_files WHERE status = 'scored' GROUP BY source
) JOIN models USING (model_id)
WHERE run_id = ANY($runs::VARCHAR[]) AND test_accuracy IS NOT NULL GROUP BY source ORDER BY source
"""


@dataclass(frozen=True)
class Agreement:
    """How often the scores of one source's reviews agree with what their writers gave."""

    source: str
    labelled: int
    """Reviews with a label, or a rating that implies one."""
    right: int
    """Those whose sentiment is the label."""
    rated: int
    stars_off: float
    """Sum of the absolute errors of the predicted ratings, in stars."""
    learnt: int
    """Of the labelled ones, those from which the model may have learnt: of files that came before its training."""


def measure_agreement(connection: duckdb.DuckDBPyConnection, run_ids: Collection[str]) -> list[Agreement]:
    """Return the agreement of each source of which these runs scored rows with a label or rating, by run."""
    found: list[Agreement] = []
    for run_id in run_ids:
        [(first,)] = connection.execute(_FIND_FIRST_COMMIT, {"run_id": run_id}).fetchall()
        rows = connection.execute(_MEASURE, {"run_id": run_id, "first": first}).fetchall()
        found += [Agreement(*row) for row in sorted(rows)]
    return found


def describe_agreement(found: Agreement) -> str:
    """Return a phrase about one source."""
    parts = []
    if found.labelled:
        share = found.right / found.labelled
        parts.append(
            f"{share:.1%} of {count(found.labelled, 'review')} with a label or a clear rating are called right"
        )
    if found.learnt:
        parts.append(f"the model may have learnt from {found.learnt:,} of these {found.labelled:,}")
    if found.rated:
        parts.append(
            f"predicted stars are {found.stars_off / found.rated:.2f} off on average, of {found.rated:,} given"
        )
    return f"{found.source}: {'; '.join(parts)}"


def describe_expectations(
    connection: duckdb.DuckDBPyConnection, run_ids: Collection[str], drift: Collection[CheckResult]
) -> list[str]:
    """Return a phrase about each source that was new in these runs, if new reviews are unlike those of the archive.

    `drift` are the results of the runs. Later runs compare a source with its own past, so it is said once.
    """
    unlike = sorted({result.columns for result in drift if result.source is None and not result.success})
    if not unlike:
        return []
    return [
        f"{source}: new, and unlike the movie reviews that the model was tested on ({', '.join(unlike)}), of which it "
        f"called {accuracy:.1%} right: expect fewer, such as the 85 to 90 % of reviews of clothes, food and speakers. "
        f"50 labels help: `reviews models label --source {quote_word(source)}`, then `reviews train --with-own`"
        for source, accuracy in connection.execute(_LIST_NEW, {"runs": list(run_ids)}).fetchall()
    ]
