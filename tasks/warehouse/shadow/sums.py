"""Keeps the table `shadow_sums` equal to its definition: how the scores of a shadow and of a promoted model compare.

`renew_shadow_sums` makes the sums of files anew that have changed, in the transaction of that change.
`FIND_WRONG_SHADOW_SUMS` finds what differs from the definition, `rebuild_shadow_sums` sets all.
"""

import duckdb

from tasks.warehouse.row_names import COUNTS
from tasks.warehouse.tallies.score_sums import GIVEN_SENTIMENT

_COUNTS = {
    "reviews": "count(*)",
    "flips": "count(*) FILTER (sentiment <> other_sentiment)",
    "rated": "count(stars)",
}
_TOTALS = {
    "score_differences": "sum(abs(score - other_score))",
    "rating_differences": "sum(abs(predicted_rating - other_predicted_rating))",
    "score_total": "sum(score)",
    "other_total": "sum(other_score)",
    "score_squares": "sum(score ** 2)",
    "other_squares": "sum(other_score ** 2)",
    "score_products": "sum(score * other_score)",
    "stars_off": "coalesce(sum(abs(predicted_rating - stars)), 0)",
    "other_stars_off": "coalesce(sum(abs(other_predicted_rating - stars)), 0)",
}
_OF_TITLES = {
    "labelled": "count(label)",
    "right_ones": "count(*) FILTER (sentiment = label)",
    "other_right_ones": "count(*) FILTER (other_sentiment = label)",
    "only_right": "count(*) FILTER (sentiment = label AND other_sentiment <> label)",
}
_KEY = "source_sha256, model_id, compared_with"
_TITLE = ", ".join(f"{name} := {name}" for name in ("movie_id", *_OF_TITLES))
_BY_TITLE = ", ".join(f"{sql} AS {name}" for name, sql in {**_COUNTS, **_TOTALS, **_OF_TITLES}.items())
_DEFINITION = f"""
SELECT
    {_KEY}, {", ".join(f"sum({name})::BIGINT AS {name}" for name in _COUNTS)},
    {", ".join(f"sum({name}) AS {name}" for name in _TOTALS)},
    coalesce(list(struct_pack({_TITLE}) ORDER BY movie_id NULLS FIRST) FILTER (labelled > 0), []) AS titles
FROM (
    SELECT {_KEY}, movie_id, {_BY_TITLE} FROM (
        SELECT
            source_sha256, row_number, shadow.model_id, shadow.score, shadow.sentiment, shadow.predicted_rating,
            other.model_id AS compared_with, other.score AS other_score, other.sentiment AS other_sentiment,
            other.predicted_rating AS other_predicted_rating
        FROM {{shadow}} AS shadow JOIN {{scores}} AS other USING (source_sha256, row_number)
        WHERE shadow.model_id <> other.model_id
    ) JOIN (
        SELECT source_sha256, row_number, movie_id, given_rating AS stars, {GIVEN_SENTIMENT} AS label FROM {{texts}}
        WHERE {COUNTS}
    ) USING (source_sha256, row_number)
    GROUP BY {_KEY}, movie_id
) GROUP BY {_KEY}
"""  # noqa: S608 (our own names)
_ALL = {"shadow": "shadow_scores", "scores": "scored_reviews", "texts": "source_reviews"}
_OF_FILES = {
    name: f"(FROM {table} WHERE source_sha256 IN (FROM shadowed_files))" for name, table in _ALL.items()
}
_FIND_SHADOWED = """
CREATE OR REPLACE TEMP TABLE shadowed_files AS
SELECT DISTINCT source_sha256 FROM shadow_files SEMI JOIN {files} AS changed USING (source_sha256)
"""
_ADD = f"INSERT INTO shadow_sums BY NAME {_DEFINITION}"
_EXACT = [f"defined.{name} IS DISTINCT FROM kept.{name}" for name in (*_COUNTS, "titles")]
# They are added up in another order, so they may differ by their last digits.
_CLOSE = [
    f"NOT coalesce(abs(defined.{name} - kept.{name}) < 1e-9 * (1 + kept.reviews), false)" for name in _TOTALS
]
FIND_WRONG_SHADOW_SUMS = f"""
SELECT {_KEY} FROM ({_DEFINITION.format(**_ALL)}) AS defined FULL JOIN (
    SELECT *, count(*) OVER (PARTITION BY {_KEY}) AS copies FROM shadow_sums
) AS kept USING ({_KEY})
WHERE {" OR ".join(["copies IS DISTINCT FROM 1", *_EXACT, *_CLOSE])}
"""  # noqa: S608 (our own names)
"""SQL: the files and pairs of models of which the sums differ from their definition."""


def renew_shadow_sums(connection: duckdb.DuckDBPyConnection, files: str) -> None:
    """Make the sums of the files in the table `files` anew, of which scores came or went."""
    if connection.execute(_FIND_SHADOWED.format(files=files)).fetchall() == [(0,)]:
        return
    connection.execute("DELETE FROM shadow_sums WHERE source_sha256 IN (FROM shadowed_files)").fetchall()
    connection.execute(_ADD.format(**_OF_FILES))


def rebuild_shadow_sums(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the table, as it is defined."""
    connection.execute("DELETE FROM shadow_sums")
    connection.execute(_ADD.format(**_ALL))
