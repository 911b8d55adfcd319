"""Keeps the columns of `source_reviews` on which the view `latest_scores` rests equal to their definition.

They say which row of a review is its newest, and which score of a row counts. The table `flipped_scores` has the scores
with another sentiment than that. `add_texts`, `settle_latest` and `settle_scores` set both for the rows that a change
concerns, in the transaction of that change. `FIND_OUTDATED` and `FIND_WRONG_FLIPS` find rows that differ from the
definition, `rebuild` sets all of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from tasks.warehouse.database.duckdb_engine import stream_first
from tasks.warehouse.database.duckdb_errors import MEMORY_LIMIT
from tasks.warehouse.row_names import CONTENT, COUNTS, IS_LATER, SUPERSEDED
from tasks.warehouse.shadow.sums import rebuild_shadow_sums
from tasks.warehouse.tallies.repeated_keys import TEXT_KEY, note_keys, rebuild_keys, settle_keys
from tasks.warehouse.tallies.score_sums import rebuild_sums

ROWS_UPDATED = 500_000
"""Most rows whose scores are replaced in place. DuckDB keeps what it replaces in memory until the commit, so for more
rows the table is written anew."""
FEW_REVIEWS, BYTES_KEPT = 10_000, 2**25
"""If at most FEW_REVIEWS reviews changed, DuckDB may cache only BYTES_KEPT of the column of keys in which they are
looked up."""
_SCORE_COLUMNS = (
    "model_id",
    "score",
    "sentiment",
    "predicted_rating",
    "token_count",
    "oov_rate",
    "truncated",
    "scored_at",
)
"""The columns of the score that counts. Their names in `source_reviews` begin with `best_`."""
REVIEW_KEY = (
    "md5_number_lower(coalesce('id ' || review_id, 'text ' || text_sha256) || chr(31) || "
    "coalesce(movie_id, chr(30)))"
)
"""SQL: the number by which the rows of a review are found quickly. Two reviews may have the same number."""

_FILES = f"""
SELECT
    source_sha256, min(first).seen_at AS seen_at, min(first).number AS number,
    arg_min(uri, commit_number) AS uri, arg_min(source, commit_number) AS source
FROM (
    SELECT *, min(CASE WHEN NOT {IS_LATER} THEN struct_pack(number := commit_number, seen_at := committed_at) END)
        OVER (PARTITION BY {CONTENT}) AS first
    FROM {{ledger}} WHERE status = 'scored'
) GROUP BY source_sha256
"""  # noqa: S608 (our own names)
READINGS = f"(FROM scored_files WHERE {CONTENT} IN (SELECT {CONTENT} FROM {{files}}))"  # noqa: S608
"""SQL: the ledger of the files in the table `files`, with all their readings."""
ALL_FILES = _FILES.format(ledger="scored_files")
"""SQL: when and by which commit each scored file first came, by its first reading, and for each reading under which
name and from which source."""


def describe_files(files: str) -> str:
    """Return the query for what `ALL_FILES` has, of the files in the table `files` alone."""
    return _FILES.format(ledger=READINGS.format(files=files))


REVIEW = "review_id, CASE WHEN review_id IS NULL THEN text_sha256 END, movie_id"
"""SQL: what is equal in all rows of a review. Reviews of two movies differ even if their review_ids are equal."""
DATED_AT = "CASE WHEN isfinite(reviewed_at) THEN reviewed_at END"
"""SQL: the writer's date of a row, if it has a usable one."""
IS_OUTDATED = f"coalesce({DATED_AT} < max({DATED_AT}) OVER (PARTITION BY {REVIEW}), false)"
"""SQL: whether another row of the review has a later date. Such a row can't be the newest."""
ARRIVAL = "row(file_commit_number, file_uri, source_sha256, row_number)"
"""SQL: what is greatest in the newest of the rows that are not outdated, the one that arrived last.

Commits count in their order, since a clock may be wrong. Files of one commit are in the order of their names, because
dated exports sort by name. docs/feeding.md has the reasons for the rule.
"""
_NEWEST = f"""
SELECT arg_max(place, {ARRIVAL}) AS place FROM (FROM {{rows}} QUALIFY NOT {IS_OUTDATED}) GROUP BY {REVIEW}
"""  # noqa: S608 (our own SQL)
"""SQL: the place of each review's newest row."""
_COUNTING = f"ANTI JOIN {SUPERSEDED} AS superseded USING (source_sha256)"
"""SQL: leaves out rows of readings that are history: whatever their dates, the file's other reading counts."""
_BEST = """
SELECT source_sha256, row_number, unnest(arg_max(struct_pack({columns}), model_rank))
FROM {scores} JOIN (SELECT model_id, max(number) AS model_rank FROM promotions GROUP BY model_id) USING (model_id)
GROUP BY source_sha256, row_number
"""
"""SQL: of each row's scores the one by the model promoted last; a model that never was promoted does not count."""


def _build_best(scores: str) -> str:
    """Return the query for the score that counts of each row with scores in the table `scores`."""
    return _BEST.format(scores=scores, columns=", ".join(f"{name} := {name}" for name in _SCORE_COLUMNS))


# No score counts of a row that does not: so `latest_scores`, and all that rests on it, leave the row out.
_BEST_VALUES = {f"best_{name}": f"CASE WHEN review.{COUNTS} THEN best.{name} END" for name in _SCORE_COLUMNS}
_FILE_VALUES = {
    "file_uri": "files.uri",
    "file_seen_at": "files.seen_at",
    "file_commit_number": "files.number",
    "file_source": "files.source",
}
_VALUES = {**_FILE_VALUES, "review_key": REVIEW_KEY, "text_key": TEXT_KEY, **_BEST_VALUES}
"""SQL for each maintained column, except the one that depends on other rows."""
_DEFINITIONS = {**_VALUES, "is_latest": "(newest.place IS NOT NULL)"}


def _join_definitions(table: str) -> str:
    """Return the FROM clause for the rows `review` of the table, with what their maintained columns are made of."""
    placed = (
        "(SELECT review.rowid AS place, review.* REPLACE (number AS file_commit_number, uri AS file_uri) "  # noqa: S608
        f"FROM {table} AS review JOIN ({ALL_FILES}) USING (source_sha256) {_COUNTING})"
    )
    return (
        f"FROM {table} AS review LEFT JOIN ({ALL_FILES}) AS files USING (source_sha256) "
        f"LEFT JOIN ({_NEWEST.format(rows=placed)}) AS newest ON newest.place = review.rowid "
        f"LEFT JOIN ({_build_best('scored_reviews')}) AS best USING (source_sha256, row_number)"
    )


FIND_OUTDATED = (
    f"SELECT source_sha256, row_number {_join_definitions('source_reviews')} WHERE "  # noqa: S608 (our own names)
    + " OR ".join(f"review.{column} IS DISTINCT FROM {value}" for column, value in _DEFINITIONS.items())
)
"""SQL: the rows of which a maintained column differs from its definition."""
_REBUILD = (
    "INSERT INTO source_reviews SELECT review.* REPLACE ("
    + ", ".join(f"{value} AS {column}" for column, value in _DEFINITIONS.items())
    + f") {_join_definitions('source_reviews_before')}"
)
_ADD_TEXTS = f"""
INSERT INTO source_reviews BY NAME
SELECT review.*, true AS is_latest, {", ".join(f"{value} AS {column}" for column, value in _VALUES.items())}
FROM {{texts}} AS review
JOIN ({describe_files("{files}")}) AS files USING (source_sha256)
LEFT JOIN ({_build_best("{scores}")}) AS best USING (source_sha256, row_number)
"""  # noqa: S608 (our own names)
_FIND_REVIEWS = f"""
CREATE OR REPLACE TEMP TABLE changed_reviews AS SELECT DISTINCT {REVIEW_KEY} AS review_key FROM {{texts}}
"""  # noqa: S608 (our own names)
# Two steps, so that of the whole history only the keys are read.
_FIND_PLACES = """
CREATE OR REPLACE TEMP TABLE places_of_reviews AS
SELECT rowid AS place FROM source_reviews SEMI JOIN changed_reviews USING (review_key)
"""
_FIND_ROWS = """
CREATE OR REPLACE TEMP TABLE rows_of_reviews AS
SELECT
    place, is_latest, review_id, text_sha256, movie_id, reviewed_at, file_commit_number, file_uri,
    source_sha256, row_number
FROM source_reviews JOIN places_of_reviews ON source_reviews.rowid = place
"""
_SETTLE_LATEST = f"""
UPDATE source_reviews SET is_latest = settled.is_newest FROM (
    SELECT place, newest.place IS NOT NULL AS is_newest
    FROM rows_of_reviews LEFT JOIN ({_NEWEST.format(rows=f"rows_of_reviews {_COUNTING}")}) AS newest USING (place)
    WHERE is_latest IS DISTINCT FROM is_newest
) AS settled WHERE source_reviews.rowid = settled.place
"""  # noqa: S608 (our own names)
# Of each file one row for a review, so that a million texts under one id are no million pairs with a million others.
_COUNT_REUSED = """
WITH known AS (
    SELECT source_sha256, source, min(uri) AS uri FROM scored_files SEMI JOIN rows_of_reviews USING (source_sha256)
    WHERE status = 'scored' AND superseded_at IS NULL GROUP BY ALL
),
reviews AS (
    SELECT
        source_sha256, source, uri, review_id, movie_id, min(text_sha256) AS first_text, max(text_sha256) AS last_text
    FROM rows_of_reviews JOIN known USING (source_sha256) WHERE review_id IS NOT NULL GROUP BY ALL
)
SELECT files.uri, count(DISTINCT review.review_id)
FROM {files} AS files JOIN reviews AS review USING (source_sha256)
JOIN reviews AS earlier
    ON earlier.review_id = review.review_id AND earlier.movie_id IS NOT DISTINCT FROM review.movie_id
    AND earlier.source = files.source AND earlier.source_sha256 <> files.source_sha256
WHERE (earlier.first_text <> review.last_text OR earlier.last_text <> review.first_text)
    AND (earlier.source_sha256 NOT IN (SELECT source_sha256 FROM {files}) OR earlier.uri < files.uri)
GROUP BY ALL
"""
_HAS_HISTORY = "SELECT count(superseded_at) FROM scored_files"
_COUNT_ROWS = """
SELECT coalesce(sum(rows), 0)::BIGINT FROM (
    SELECT max(rows_read) AS rows FROM scored_files SEMI JOIN {files} USING (source_sha256) GROUP BY source_sha256
)
"""
_SETTLE_SCORES = f"""
UPDATE source_reviews AS review SET {", ".join(f"{column} = {value}" for column, value in _BEST_VALUES.items())}
FROM ({_build_best("(FROM scored_reviews SEMI JOIN {files} USING (source_sha256))")}) AS best
WHERE review.source_sha256 = best.source_sha256 AND review.row_number = best.row_number
AND review.best_model_id IS DISTINCT FROM best.model_id
"""  # noqa: S608 (our own names)
_FLIPPED = """
SELECT source_sha256, row_number, scores.model_id, scores.score
FROM {scores} AS scores JOIN {rows} AS review USING (source_sha256, row_number)
WHERE scores.model_id <> best_model_id AND scores.sentiment <> best_sentiment
"""
"""SQL: the rows of `flipped_scores`, for the rows of a table."""
_ALL_FLIPPED = _FLIPPED.format(scores="scored_reviews", rows="source_reviews")
_KEPT_FLIPPED = "SELECT source_sha256, row_number, model_id, score FROM flipped_scores"
FIND_WRONG_FLIPS = (
    f"SELECT source_sha256, row_number, model_id FROM ({_ALL_FLIPPED} EXCEPT ALL {_KEPT_FLIPPED}) "  # noqa: S608
    f"UNION ALL SELECT source_sha256, row_number, model_id FROM ({_KEPT_FLIPPED} EXCEPT ALL {_ALL_FLIPPED})"
)
"""SQL: the rows by which `flipped_scores` differs from its definition."""
_HAS_MODELS = "SELECT min(model_id) < max(model_id) FROM {scores}"
_DROP_FLIPPED = "DELETE FROM flipped_scores WHERE source_sha256 IN (SELECT source_sha256 FROM {files})"
_OF_FILES = "(FROM {table} SEMI JOIN {{files}} USING (source_sha256))"
_FIND_FLIPPED = "INSERT INTO flipped_scores " + _FLIPPED.format(
    scores=_OF_FILES.format(table="scored_reviews"), rows=_OF_FILES.format(table="source_reviews")
)


def add_texts(connection: duckdb.DuckDBPyConnection, files: str, texts: str, scores: str) -> bool:
    """Insert the rows of the table `texts`; the table `files` has their files, and `scores` all of their scores.

    `scored_reviews` has these already. Afterwards each of their reviews has one newest row. Return whether some have
    several rows, for `count_reused_ids`.
    """
    with stream_first(connection):
        connection.execute(_ADD_TEXTS.format(files=files, texts=texts, scores=scores))
    if connection.execute(_HAS_MODELS.format(scores=scores)).fetchall() == [(True,)]:
        _renew_flipped(connection, files)
    reviews = note_reviews(connection, texts)
    note_keys(connection, texts)
    with _limit_memory(connection, reviews):
        [(found,)] = connection.execute(_FIND_PLACES).fetchall()
        settle_keys(connection)
    # Reviews with one row each need no more, unless one is of a file that is history already.
    if found > reviews or connection.execute(_HAS_HISTORY).fetchall() != [(0,)]:
        _settle_found(connection)
    return bool(found > reviews)


def count_reused_ids(connection: duckdb.DuckDBPyConnection, files: str) -> dict[str, int]:
    """Return how many review ids of each of the `files` an earlier file of its source gave to other texts, by its uri.

    Of files that come together the one of the greater name is the later one, as in `ARRIVAL`. `files` is a table with
    the sha256, uri and source of files whose texts `add_texts` has just inserted. Files that a full export has replaced
    don't count.
    """
    return dict(connection.execute(_COUNT_REUSED.format(files=files)).fetchall())


def note_reviews(connection: duckdb.DuckDBPyConnection, texts: str) -> int:
    """Store the reviews of the rows in the table `texts` for `settle_latest`; return how many there are."""
    [(reviews,)] = connection.execute(_FIND_REVIEWS.format(texts=texts)).fetchall()
    return int(reviews)


def settle_latest(connection: duckdb.DuckDBPyConnection, reviews: int) -> None:
    """Mark the newest row of each of the reviews that `note_reviews` stored, among the rows that there are now."""
    with _limit_memory(connection, reviews):
        connection.execute(_FIND_PLACES)
    _settle_found(connection)


def _settle_found(connection: duckdb.DuckDBPyConnection) -> None:
    """Mark the newest row of each review whose rows were found."""
    connection.execute(_FIND_ROWS)
    connection.execute(_SETTLE_LATEST)


@contextmanager
def _limit_memory(connection: duckdb.DuckDBPyConnection, reviews: int) -> Iterator[None]:
    """Let DuckDB keep little of what the block reads, if few reviews have changed; without it, it would keep it all."""
    if reviews > FEW_REVIEWS:
        yield
        return
    [(used,)] = connection.execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()
    connection.execute(f"SET memory_limit = '{used + BYTES_KEPT} bytes'")
    yield  # after an error the engine is stopped
    connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")


def settle_scores(connection: duckdb.DuckDBPyConnection, files: str) -> None:
    """Set the score that counts for all rows of the files in the table `files`, after a model's scores or promotion."""
    [(rows,)] = connection.execute(_COUNT_ROWS.format(files=files)).fetchall()
    if rows > ROWS_UPDATED:
        rebuild(connection)
    elif rows:
        connection.execute(_SETTLE_SCORES.format(files=files))
        _renew_flipped(connection, files)


def _renew_flipped(connection: duckdb.DuckDBPyConnection, files: str) -> None:
    """Make the rows of `flipped_scores` of the files in the table `files` anew."""
    for statement in (_DROP_FLIPPED, _FIND_FLIPPED):
        connection.execute(statement.format(files=files))


def rebuild(connection: duckdb.DuckDBPyConnection) -> None:
    """Write `source_reviews` anew, with every maintained column as it is defined, and the tables that follow it."""
    rebuild_reviews(connection)
    connection.execute("DELETE FROM flipped_scores")
    connection.execute(f"INSERT INTO flipped_scores {_ALL_FLIPPED}")
    rebuild_keys(connection)
    rebuild_sums(connection)
    rebuild_shadow_sums(connection)


def rebuild_reviews(connection: duckdb.DuckDBPyConnection) -> None:
    """Write `source_reviews` anew, with every maintained column as it is defined."""
    [(create,)] = connection.execute(
        "SELECT sql FROM duckdb_tables() WHERE database_name = current_database() AND table_name = 'source_reviews'"
    ).fetchall()
    connection.execute("ALTER TABLE source_reviews RENAME TO source_reviews_before")
    connection.execute(create)
    connection.execute(_REBUILD)
    connection.execute("DROP TABLE source_reviews_before")
