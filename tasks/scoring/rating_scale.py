"""Checks the contract that the ratings in scored files are out of ten, not out of five, by the scores of their rows."""

from collections.abc import Collection
from pathlib import Path

from data_contracts.expectations import CheckResult
from data_contracts.rating_scale import GOOD_OF_FIVE, HIGHEST_OF_FIVE, LowRatings, check_rating_scale
from tasks.warehouse.connection import open_warehouse

_FIND_LOW_RATINGS = """
SELECT source_sha256, any_value(files.uri), count(given_rating), count(*) FILTER (given_rating >= $good),
    count(*) FILTER (given_rating >= $good AND sentiment = 'positive')
FROM scored_files AS files
JOIN source_reviews USING (source_sha256)
JOIN scored_reviews AS scored USING (source_sha256, row_number, model_id)
WHERE files.run_id = ANY($runs::VARCHAR[])
GROUP BY source_sha256, model_id
HAVING max(given_rating) <= $highest
ORDER BY ALL
"""


def find_low_ratings(warehouse: Path, run_ids: Collection[str]) -> list[LowRatings]:
    """Count the ratings of each file that these runs scored and that has no rating above 5."""
    values = {"runs": list(run_ids), "good": GOOD_OF_FIVE, "highest": HIGHEST_OF_FIVE}
    with open_warehouse(warehouse, write=False) as connection:
        rows = connection.execute(_FIND_LOW_RATINGS, values).fetchall()
    return [LowRatings(*row) for row in rows]


def judge_rating_scale(warehouse: Path, run_ids: Collection[str]) -> list[tuple[LowRatings, CheckResult]]:
    """Check each file of these runs that has no rating above 5 and enough ratings to recognise their scale."""
    found = find_low_ratings(warehouse, run_ids)
    return [(file, check_rating_scale(file)) for file in found if file.can_be_judged()]
