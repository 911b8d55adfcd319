"""Reads the rows that a destination gets from the published copy, some thousand at a time, in the types of its columns.

First the places of the rows are found, in narrow columns; then the rows are read in ranges of places, so that DuckDB
decompresses no others.
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import duckdb

from tasks.destinations.columns import Layout, list_columns, make_arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS, CHUNK_TEXTS = 25_000, 10_000
"""Source rows in memory at a time: without their texts, and with them."""
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
SELECT place, is_only FROM (
    SELECT rowid AS place, {_IS_CURRENT} AS is_current, count(*) OVER (PARTITION BY review_key) = 1 AS is_only
    FROM source_reviews SEMI JOIN (
        SELECT review_key FROM source_reviews SEMI JOIN chosen_files USING (source_sha256)
        UNION SELECT unnest($reviews::UBIGINT[])
    ) USING (review_key)
) WHERE is_current
"""  # noqa: S608 (our own names)
_FIND_EVERY_CURRENT = f"""
CREATE OR REPLACE TEMP TABLE chosen_rows AS
SELECT rowid AS place, true AS is_only FROM source_reviews WHERE {_IS_CURRENT}
"""  # noqa: S608 (our own names)
_FIND_FILES = """
CREATE OR REPLACE TEMP TABLE chosen_files AS SELECT unnest($sources::VARCHAR[]) AS source_sha256
"""
_FIND_SCORES = """
CREATE OR REPLACE TEMP TABLE chosen_scores AS
SELECT scored.*, files.uri FROM (FROM scored_reviews SEMI JOIN chosen_files USING (source_sha256)) AS scored
LEFT JOIN scored_files AS files USING (source_sha256, model_id)
"""
_FIND_SCORED = """
CREATE OR REPLACE TEMP TABLE chosen_rows AS
SELECT rowid AS place, true AS is_only FROM source_reviews SEMI JOIN chosen_files USING (source_sha256)
"""
_LIST_CHUNKS = """
SELECT DISTINCT place // $rows AS chunk FROM chosen_rows WHERE is_only IN (SELECT unnest($only::BOOLEAN[])) ORDER BY ALL
"""
_CHOSEN = "(FROM chosen_rows WHERE is_only IN (SELECT unnest($only::BOOLEAN[])))"
_RANGE = "(SELECT rowid AS place, * FROM source_reviews WHERE rowid BETWEEN $first AND $last)"
_READ_CURRENT = f"""
SELECT {{columns}} FROM (
    SELECT
        place, {REVIEW} AS review, source_sha256, row_number, review_id, movie_id, reviewed_at, given_label,
        given_rating, best_model_id AS model_id, best_score AS score, best_sentiment AS sentiment,
        best_predicted_rating AS predicted_rating, best_token_count AS token_count, best_oov_rate AS oov_rate,
        best_truncated AS truncated, best_scored_at AS scored_at, file_uri AS uri, member, file_source AS source,
        in_english, text_sha256, extra::VARCHAR AS extra, text
    FROM {_RANGE} SEMI JOIN {_CHOSEN} AS chosen USING (place)
) ORDER BY place
"""  # noqa: S608 (our own names)
_READ_ALL = f"""
SELECT {{columns}} FROM (
    SELECT
        place, {REVIEW} AS review, source_sha256, row_number, review_id, movie_id, reviewed_at, given_label,
        given_rating, scores.model_id, scores.score, scores.sentiment, scores.predicted_rating, scores.token_count,
        scores.oov_rate, scores.truncated, scores.scored_at, scores.run_id, scores.uri, member, scores.source,
        in_english, text_sha256, extra::VARCHAR AS extra, text
    FROM {_RANGE} SEMI JOIN {_CHOSEN} AS chosen USING (place)
    JOIN chosen_scores AS scores USING (source_sha256, row_number)
) ORDER BY place, model_id
"""  # noqa: S608 (our own names)


def choose_rows(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    sources: Collection[str],
    reviews: Collection[str] = (),
) -> None:
    """Store which rows `read_rows` reads: those that concern these files and, of the current ones, these reviews.

    A review of a file may have its newest row in another one: then that is chosen.
    """
    connection.execute(_FIND_FILES, {"sources": list(sources)})
    if layout.rows == "current":
        keys = [int(review.replace("-", "")[:KEY_DIGITS], 16) for review in reviews]
        connection.execute(_FIND_CURRENT, {"reviews": keys})
        return
    connection.execute(_FIND_SCORES)
    connection.execute(_FIND_SCORED)


def choose_every_current(connection: duckdb.DuckDBPyConnection) -> None:
    """Store that `read_rows` reads the current rows of all reviews."""
    connection.execute(_FIND_EVERY_CURRENT)


def read_rows(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    for_postgres: bool = False,
    only: bool | None = None,
) -> Iterator["pa.Table"]:
    """Yield the chosen rows in tables; `for_postgres`: with times as texts, and only with what PostgreSQL can store.

    `only`: those that are the only row of their review in the home, or those that are not; None: all. Of every score,
    all are.
    """
    wanted = [True, False] if only is None else [only]
    select = _select_for_postgres(layout) if for_postgres else _select(layout)
    query = (_READ_CURRENT if layout.rows == "current" else _READ_ALL).format(columns=select)
    size = CHUNK_TEXTS if layout.texts or layout.extra else CHUNK_ROWS
    for (chunk,) in connection.execute(_LIST_CHUNKS, {"rows": size, "only": wanted}).fetchall():
        bounds = {"first": chunk * size, "last": (chunk + 1) * size - 1, "only": wanted}
        table = connection.sql(query, params=bounds).to_arrow_table()
        yield table if for_postgres else table.cast(make_arrow_schema(layout))


def _select(layout: Layout) -> str:
    """Return the SELECT list of the columns of a layout."""
    return ", ".join(column.name for column in list_columns(layout))


def _select_for_postgres(layout: Layout) -> str:
    """Return the SELECT list of the columns of a layout, each as PostgreSQL reads it from CSV."""
    replaced = {
        "VARCHAR": f"replace({{name}}, chr(0), '{NUL_SHOWN}') AS {{name}}",
        # PostgreSQL has no dates before 4713 BC, and writes BC at the end.
        "TIMESTAMPTZ": (
            "CASE WHEN {name} >= '0001-01-01'::TIMESTAMPTZ THEN {name}::VARCHAR "
            "WHEN {name} < '4712-01-01 (BC)'::TIMESTAMPTZ THEN '-infinity' "
            "ELSE replace({name}::VARCHAR, ' (BC)', '') || ' BC' END AS {name}"
        ),
    }
    return ", ".join(
        replaced.get(column.parquet, "{name}").format(name=column.name) for column in list_columns(layout)
    )
