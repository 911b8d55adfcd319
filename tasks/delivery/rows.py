"""Reads the rows that a destination gets from the published copy, some thousand at a time, in the types of its columns.

First the places of the rows are found, in narrow columns; then the rows are read in ranges of places, so that DuckDB
decompresses no others.
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import duckdb

from tasks.delivery.columns import Layout, list_columns

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS, CHUNK_TEXTS = 25_000, 10_000
"""Source rows in memory at a time: without their texts, and with them."""
_DAY = "'day=' || (scored_at AT TIME ZONE 'UTC')::DATE"
NUL_SHOWN = "\N{REPLACEMENT CHARACTER}"
"""What stands for a NUL character, which PostgreSQL can't store."""
KEY_DIGITS = 16
"""Digits of a review's UUID that are its `review_key`; the rest is of a sha256."""

REVIEW = f"""(
    lpad(to_hex(review_key), {KEY_DIGITS}, '0') || left(sha256(
        CASE WHEN review_id IS NULL THEN 't' || text_sha256 ELSE 'i' || strlen(review_id) || ':' || review_id END
        || coalesce('m' || movie_id, '')
    ), {32 - KEY_DIGITS})
)::UUID::VARCHAR"""
"""SQL: the name of a row's review, from what identifies it. It begins with `review_key`, by which rows are found."""

_IS_CURRENT = "is_latest AND best_model_id IS NOT NULL"
_FIND_CURRENT = f"""
CREATE OR REPLACE TEMP TABLE chosen_rows AS
SELECT rowid AS place FROM source_reviews SEMI JOIN (
    SELECT review_key FROM source_reviews SEMI JOIN chosen_files USING (source_sha256)
    UNION SELECT unnest($reviews::UBIGINT[])
) USING (review_key)
WHERE {_IS_CURRENT}
"""  # noqa: S608 (our own names)
_FIND_EVERY_CURRENT = f"""
CREATE OR REPLACE TEMP TABLE chosen_rows AS SELECT rowid AS place FROM source_reviews WHERE {_IS_CURRENT}
"""  # noqa: S608 (our own names)
_FIND_FILES = """
CREATE OR REPLACE TEMP TABLE chosen_files AS SELECT unnest($sources::VARCHAR[]) AS source_sha256
"""
_COUNT_DAYS = f"""
SELECT {_DAY} AS day, source_sha256, count(*) AS rows
FROM scored_reviews JOIN (SELECT rowid AS place, * FROM chosen_files) USING (source_sha256)
WHERE day >= 'day=' || $since GROUP BY day, source_sha256, place ORDER BY day, place
"""  # noqa: S608 (our own names)
_FIND_SCORES = f"""
CREATE OR REPLACE TEMP TABLE chosen_scores AS
SELECT scored.*, files.uri FROM (
    FROM scored_reviews SEMI JOIN chosen_files USING (source_sha256) WHERE $day IS NULL OR {_DAY} = $day
) AS scored LEFT JOIN scored_files AS files USING (source_sha256, model_id)
"""  # noqa: S608 (our own names)
_FIND_SCORED = """
CREATE OR REPLACE TEMP TABLE chosen_rows AS
SELECT rowid AS place FROM source_reviews SEMI JOIN chosen_files USING (source_sha256)
"""
_LIST_CHUNKS = "SELECT DISTINCT place // $rows AS chunk FROM chosen_rows ORDER BY chunk"
_RANGE = "(SELECT rowid AS place, * FROM source_reviews WHERE rowid BETWEEN $first AND $last)"
_CHOSEN = "(FROM chosen_rows WHERE place BETWEEN $first AND $last)"
_READ_CURRENT = f"""
SELECT {{columns}} FROM (
    SELECT
        place, {REVIEW} AS review, source_sha256, row_number, review_id, movie_id, reviewed_at, given_label,
        given_rating, best_model_id AS model_id, best_score AS score, best_sentiment AS sentiment,
        best_predicted_rating AS predicted_rating, best_token_count AS token_count, best_oov_rate AS oov_rate,
        best_truncated AS truncated, best_scored_at AS scored_at, file_uri AS uri, member, file_source AS source,
        in_english, text_sha256, extra::VARCHAR AS extra, text
    FROM {_RANGE} SEMI JOIN {_CHOSEN} AS chosen USING (place)
)
"""  # noqa: S608 (our own names)
_READ_ALL = f"""
SELECT {{columns}} FROM (
    SELECT
        place, {REVIEW} AS review, source_sha256, row_number, review_id, movie_id, reviewed_at, given_label,
        given_rating, scores.model_id, scores.score, scores.sentiment, scores.predicted_rating, scores.token_count,
        scores.oov_rate, scores.truncated, scores.scored_at, scores.run_id, scores.uri, member, scores.source,
        in_english, text_sha256, extra::VARCHAR AS extra, text
    FROM {_RANGE} JOIN chosen_scores AS scores USING (source_sha256, row_number)
)
"""  # noqa: S608 (our own names)


def choose_rows(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    sources: Collection[str] | None,
    reviews: Collection[str] = (),
    day: str | None = None,
) -> int:
    """Store which rows `read_rows` reads, and return their number: those that concern these files and these reviews.

    Of the current rows, those of all files can be chosen, by None. A review of a file may have its newest row in
    another one: then that is chosen. Of every score, only those of a UTC `day`, such as day=2026-11-24, can be chosen.
    """
    chosen = "chosen_rows"
    connection.execute(_FIND_FILES, {"sources": list(sources or ())})
    if sources is None:
        connection.execute(_FIND_EVERY_CURRENT)
    elif layout.rows == "current":
        keys = [int(review.replace("-", "")[:KEY_DIGITS], 16) for review in reviews]
        connection.execute(_FIND_CURRENT, {"reviews": keys})
    else:
        chosen = "chosen_scores"
        connection.execute(_FIND_SCORES, {"day": day})
        connection.execute(_FIND_SCORED)
    [(rows,)] = connection.execute(f"SELECT count(*) FROM {chosen}").fetchall()  # noqa: S608 (our own names)
    return int(rows)


def count_days(
    connection: duckdb.DuckDBPyConnection, sources: Collection[str], since: str | None
) -> dict[str, dict[str, int]]:
    """Return the number of scores of each day, as its folder is called, and of each file, in the order given."""
    connection.execute(_FIND_FILES, {"sources": list(sources)})
    days: dict[str, dict[str, int]] = {}
    for day, source, rows in connection.execute(_COUNT_DAYS, {"since": since or ""}).fetchall():
        days.setdefault(day, {})[source] = rows
    return days


def read_rows(connection: duckdb.DuckDBPyConnection, layout: Layout, kind: str) -> Iterator["pa.Table"]:
    """Yield the chosen rows in one table at least, as a destination of this kind takes them.

    For CSV and PostgreSQL times are texts, since some lie outside the years of others.
    """
    columns = (
        _REPLACED[kind].get(type_, "{name}::{type} AS {name}").format(name=name, type=type_)
        for name, type_ in list_columns(layout).items()
    )
    query = (_READ_CURRENT if layout.rows == "current" else _READ_ALL).format(columns=", ".join(columns))
    size = CHUNK_TEXTS if layout.texts or layout.extra else CHUNK_ROWS
    for (chunk,) in connection.execute(_LIST_CHUNKS, {"rows": size}).fetchall() or [(0,)]:
        bounds = {"first": chunk * size, "last": (chunk + 1) * size - 1}
        yield connection.sql(query, params=bounds).to_arrow_table()


_REPLACED: dict[str, dict[str, str]] = {
    "parquet": {},
    "csv": {"TIMESTAMPTZ": "{name}::VARCHAR AS {name}"},
    "postgres": {
        "VARCHAR": f"replace({{name}}, chr(0), '{NUL_SHOWN}') AS {{name}}",
        # PostgreSQL has no dates before 4713 BC, and writes BC at the end.
        "TIMESTAMPTZ": (
            "CASE WHEN {name} >= '0001-01-01'::TIMESTAMPTZ THEN {name}::VARCHAR "
            "WHEN {name} < '4712-01-01 (BC)'::TIMESTAMPTZ THEN '-infinity' "
            "ELSE replace({name}::VARCHAR, ' (BC)', '') || ' BC' END AS {name}"
        ),
    },
}
"""How values are selected for a kind of destination, by the type of their column."""
