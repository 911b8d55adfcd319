"""Keeps the table `accuracy_sums` equal to its definition: how often scores agree with the labels of their own rows.

`add_sums` adds the rows of new scores, `drop_sums` makes the sums of files anew of which rows were deleted, both in the
transaction of that change. `FIND_WRONG_SUMS` finds what differs from the definition, `rebuild_sums` sets all.
"""

import duckdb

from data_contracts.limits import NEGATIVE_STARS, POSITIVE_STARS

GIVEN_SENTIMENT = (
    f"coalesce(given_label, CASE WHEN given_rating >= {POSITIVE_STARS[0]} THEN 'positive' "
    f"WHEN given_rating <= {NEGATIVE_STARS[1]} THEN 'negative' END)"
)
"""SQL: the label that a source gives, or that its rating implies, as in the view `live_accuracy`."""
_COUNTS = {
    "labelled": "count(label)",
    "right_ones": "count(*) FILTER (sentiment = label)",
    "rated": "count(given_rating)",
}
_STARS = {
    "stars_off": "sum(abs(predicted_rating - given_rating))",
    "given_stars": "sum(given_rating)",
    "predicted_stars": "sum(predicted_rating) FILTER (given_rating IS NOT NULL)",
}
_KEY = "source_sha256, model_id, source, day"
_SUMS = ", ".join(
    [f"{sql} AS {name}" for name, sql in _COUNTS.items()]
    + [f"coalesce({sql}, 0) AS {name}" for name, sql in _STARS.items()]
)
_DEFINITION = f"""
SELECT
    source_sha256, model_id, coalesce(source, 'default') AS source, make_timestamp(epoch_us(scored_at))::DATE AS day,
    {_SUMS}
FROM {{scores}} AS scores JOIN (
    SELECT source_sha256, row_number, given_rating, {GIVEN_SENTIMENT} AS label
    FROM {{texts}} WHERE given_label IS NOT NULL OR given_rating IS NOT NULL
) AS given USING (source_sha256, row_number)
GROUP BY source_sha256, model_id, scores.source, day
"""  # noqa: S608 (our own names)
_ALL = _DEFINITION.format(scores="scored_reviews", texts="source_reviews")
_OF_FILES = "(FROM {table} WHERE source_sha256 IN (SELECT source_sha256 FROM {{keys}}))"
_OF_KEYS = _DEFINITION.format(
    scores=_OF_FILES.format(table="scored_reviews"), texts=_OF_FILES.format(table="source_reviews")
)
_ADDED_UP = f"""
SELECT {_KEY}, {", ".join(f"sum({name}) AS {name}" for name in (*_COUNTS, *_STARS))} FROM accuracy_sums GROUP BY {_KEY}
"""  # noqa: S608 (our own names)
# Stars are added up in another order, so they may differ by their last digits.
FIND_WRONG_SUMS = f"""
SELECT {_KEY} FROM ({_ALL}) AS defined FULL JOIN ({_ADDED_UP}) AS kept USING ({_KEY})
WHERE {" OR ".join(f"defined.{name} IS DISTINCT FROM kept.{name}" for name in _COUNTS)}
OR {" OR ".join(f"NOT coalesce(abs(defined.{name} - kept.{name}) < 1e-9 * (1 + kept.rated), false)" for name in _STARS)}
"""  # noqa: S608 (our own names)
"""SQL: the files, models, sources and days of which the sums differ from their definition."""


def add_sums(connection: duckdb.DuckDBPyConnection, scores: str, texts: str) -> None:
    """Add the rows of the table `scores`, which are new; their texts, with what the sources gave, are in `texts`."""
    connection.execute(f"INSERT INTO accuracy_sums {_DEFINITION.format(scores=scores, texts=texts)}")


def drop_sums(connection: duckdb.DuckDBPyConnection, keys: str) -> None:
    """Make the sums of the files in the table `keys` anew, of which rows are deleted."""
    connection.execute(
        f"DELETE FROM accuracy_sums WHERE source_sha256 IN (SELECT source_sha256 FROM {keys})"  # noqa: S608
    ).fetchall()
    connection.execute(f"INSERT INTO accuracy_sums {_OF_KEYS.format(keys=keys)}")


def rebuild_sums(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the table, as it is defined."""
    connection.execute("DELETE FROM accuracy_sums")
    connection.execute(f"INSERT INTO accuracy_sums {_ALL}")
