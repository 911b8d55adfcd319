"""Keeps the table `score_sums` equal to its definition: what the scores of each file and model add up to.

Of the rows that count, that is how often they agree with the labels of their own rows, and how many are in each bin of
the model's reference.
`add_sums` adds new scores, `renew_sums` makes the sums of files anew that have changed otherwise, both in the
transaction of that change. `FIND_WRONG_SUMS` finds what differs from the definition, `rebuild_sums` sets all.
"""

import duckdb

from data_contracts.rules_and_limits import NEGATIVE_STARS, POSITIVE_STARS

RATED_LABEL = (
    f"CASE WHEN given_rating >= {POSITIVE_STARS[0]} THEN 'positive' "
    f"WHEN given_rating <= {NEGATIVE_STARS[1]} THEN 'negative' END"
)
"""SQL: the label that a rating stands for; null for one between the two."""
GIVEN_SENTIMENT = f"coalesce(given_label, {RATED_LABEL})"
"""SQL: the label that a source gives, or that its rating implies, as in the view `live_accuracy`."""
_MEASURES = ("score", "token_count", "oov_rate", "truncated")
_COUNTS = {
    "rows": "count(*)",
    "labelled": "count(label)",
    "right_ones": "count(*) FILTER (sentiment = label)",
    "rated": "count(given_rating)",
}
_STARS = {
    "stars_off": "sum(abs(predicted_rating - given_rating))",
    "given_stars": "sum(given_rating)",
    "predicted_stars": "sum(predicted_rating) FILTER (given_rating IS NOT NULL)",
}
_TOTALS = {f"{name}_total": f"sum({name}::DOUBLE)" for name in _MEASURES}
# A bin of DuckDB's histogram has its upper end, one of a reference its lower one: so both are negated.
_BINS = {
    f"{name}_bins": f"list_reverse(map_values(histogram(-{name}::DOUBLE, coalesce({name}_ends, ['infinity'::DOUBLE]))))"
    for name in _MEASURES
}
_ENDS = ", ".join(
    f"list(-lower ORDER BY bin DESC) FILTER (measure = '{name}') AS {name}_ends" for name in _MEASURES
)
_SUMS = {name: f"coalesce({sql}, 0)" for name, sql in {**_COUNTS, **_STARS, **_TOTALS}.items()} | _BINS
_KEY = "source_sha256, model_id, run_id, source, day"
_DEFINITION = f"""
SELECT
    source_sha256, model_id, coalesce(run_id, '') AS run_id, coalesce(source, 'default') AS source,
    make_timestamp(epoch_us(scored_at))::DATE AS day, {", ".join(f"{sql} AS {name}" for name, sql in _SUMS.items())}
FROM {{scores}} AS scores
ANTI JOIN (FROM {{texts}} WHERE NOT counts) AS uncounted USING (source_sha256, row_number)
LEFT JOIN (
    SELECT source_sha256, row_number, given_rating, {GIVEN_SENTIMENT} AS label
    FROM {{texts}} WHERE given_label IS NOT NULL OR given_rating IS NOT NULL
) AS given USING (source_sha256, row_number)
LEFT JOIN (SELECT model_id, {_ENDS} FROM reference_bins GROUP BY model_id) AS reference USING (model_id)
GROUP BY source_sha256, model_id, scores.run_id, scores.source, day
"""  # noqa: S608 (our own names)
_ADD = f"INSERT INTO score_sums BY NAME {_DEFINITION}"
_ALL = {"scores": "scored_reviews", "texts": "source_reviews"}
_OF_FILES = {
    name: f"(FROM {table} WHERE source_sha256 IN (SELECT source_sha256 FROM {{keys}}))"  # noqa: S608
    for name, table in _ALL.items()
}
_EXACT = [f"defined.{name} IS DISTINCT FROM kept.{name}" for name in (*_COUNTS, *_BINS)]
# Stars and measures are added up in another order, so they may differ by their last digits.
_CLOSE = [
    f"NOT coalesce(abs(defined.{name} - kept.{name}) < 1e-9 * (1 + kept.{rows}), false)"
    for names, rows in ((_STARS, "rated"), (_TOTALS, "rows"))
    for name in names
]
FIND_WRONG_SUMS = f"""
SELECT {_KEY} FROM ({_DEFINITION.format(**_ALL)}) AS defined FULL JOIN (
    SELECT *, count(*) OVER (PARTITION BY {_KEY}) AS copies FROM score_sums
) AS kept USING ({_KEY})
WHERE {" OR ".join(["copies IS DISTINCT FROM 1", *_EXACT, *_CLOSE])}
"""  # noqa: S608 (our own names)
"""SQL: the files, models, runs, sources and days of which the sums differ from their definition."""


def add_sums(connection: duckdb.DuckDBPyConnection, scores: str, texts: str) -> None:
    """Add the rows of the table `scores`, which are new; their texts, with what the sources gave, are in `texts`."""
    connection.execute(_ADD.format(scores=scores, texts=texts))


def renew_sums(connection: duckdb.DuckDBPyConnection, keys: str) -> None:
    """Make the sums of the files in the table `keys` anew: rows were released or deleted, or a reference has come."""
    connection.execute(
        f"DELETE FROM score_sums WHERE source_sha256 IN (SELECT source_sha256 FROM {keys})"  # noqa: S608
    ).fetchall()
    add_sums(connection, *(table.format(keys=keys) for table in _OF_FILES.values()))


def rebuild_sums(connection: duckdb.DuckDBPyConnection) -> None:
    """Set the table, as it is defined."""
    connection.execute("DELETE FROM score_sums")
    add_sums(connection, **_ALL)
