"""Finds all rows of a review in the published copy, with what decided which of them `latest_scores` shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from data_contracts.errors import UsageError
from tasks.explain.finding_text import describe_missing, read_as_row_name, require_unicode_text
from tasks.queries.run_query import fetch_answer
from tasks.warehouse.latest_scores import ARRIVAL, DATED_AT, IS_OUTDATED, REVIEW
from tasks.warehouse.published import open_published
from tasks.warehouse.row_names import CONTENT, COUNTS, HAS_PARSED_NAME, ROW_NAME, SUPERSEDED

Row = Mapping[str, Any]

# Two steps, so that of the whole history only the keys are read.
_FIND_REVIEWS = f"""
CREATE OR REPLACE TEMP TABLE named_reviews AS SELECT DISTINCT review_key FROM source_reviews
WHERE review_id = $name OR {HAS_PARSED_NAME}
"""  # noqa: S608 (our own names)
_LIST_ROWS = f"""
WITH found AS (FROM source_reviews SEMI JOIN named_reviews USING (review_key)),
judged AS (
    SELECT *, {IS_OUTDATED} AS is_outdated, false AS is_superseded
    FROM found ANTI JOIN {SUPERSEDED} AS superseded USING (source_sha256)
    UNION ALL SELECT *, false, true FROM found SEMI JOIN {SUPERSEDED} AS superseded USING (source_sha256)
),
rows AS (
    SELECT
        *, {DATED_AT} AS dated_at, dense_rank() OVER (ORDER BY movie_id, {REVIEW}) AS review,
        review_id = $name OR {HAS_PARSED_NAME} AS is_named
    FROM judged
),
profiles AS (
    SELECT source_sha256, arg_min(struct_pack(version := profile_version), commit_number).version AS profile_version
    FROM scored_files SEMI JOIN rows USING (source_sha256) WHERE status = 'scored' GROUP BY source_sha256
)
SELECT
    review, review_id, movie_id, source_sha256, row_number, {ROW_NAME} AS row, file_uri AS uri, file_source AS source,
    profile_version, file_seen_at AS arrived_at, replace(dated_at::VARCHAR, ' ', 'T') || ':00' AS reviewed_at,
    given_rating, given_label, is_latest, best_model_id, {COUNTS} AS counts, is_outdated,
    is_superseded, is_superseded AND {CONTENT} NOT IN (
        SELECT {CONTENT} FROM scored_files WHERE status = 'scored' AND superseded_at IS NULL
    ) AS is_replaced
FROM rows LEFT JOIN profiles USING (source_sha256)
QUALIFY bool_or(is_named) OVER (PARTITION BY review)
ORDER BY review, {ARRIVAL}
"""  # noqa: S608 (our own names)
_LIST_SCORES = """
SELECT source_sha256, row_number, model_id, score, sentiment, predicted_rating, scored_at
FROM scored_reviews SEMI JOIN (
    SELECT source_sha256, row_number FROM source_reviews SEMI JOIN named_reviews USING (review_key)
) USING (source_sha256, row_number) ORDER BY scored_at, model_id
"""


DECISIONS = {
    (True, "only_row"): "it is the only row",
    (True, "only_reading"): "the other rows are of readings that no longer count",
    (True, "date"): "its date is the latest",
    (True, "arrival"): "it arrived last",
    (True, "date, arrival"): "it arrived last, rows of an older date set aside",
    (False, "date"): "another row has a later date",
    (False, "arrival"): "another row arrived later",
    (False, "reading"): "its file was read again by another profile",
    (False, "export"): "a later file of its source took the place of its file",
    (False, "language"): "it is the newest, but not in English, and its source does not accept that",
    (False, "score"): "it is the newest, but no promoted model has scored it",
}
"""Whether `latest_scores` shows a row and what decided it (docs/feeding.md), in words."""


@dataclass(frozen=True)
class ModelScore:
    """One model's score of a row."""

    model_id: str
    score: float
    sentiment: str
    predicted_rating: float
    scored_at: datetime
    counts: bool
    """Whether it is the score that counts for its row: by the model promoted last."""


@dataclass(frozen=True)
class ReviewRow:
    """One row of a review, as it arrived."""

    row: str
    """The row name, such as 3fa94c12ab07:17."""
    uri: str
    source: str
    profile_version: str | None
    arrived_at: datetime
    reviewed_at: str | None
    """The writer's date as text, since it may lie outside the years of Python's datetime."""
    given_rating: float | None
    given_label: str | None
    scores: tuple[ModelScore, ...]
    counts: bool
    """Whether `latest_scores` shows this row."""
    decided_by: str
    """What decided that: one of `DECISIONS`."""


@dataclass(frozen=True)
class History:
    """All rows of one review, in the order in which they arrived."""

    review_id: str | None
    movie_id: str | None
    rows: tuple[ReviewRow, ...]


def find_history(published: Path, name: str) -> list[History]:
    """Return the history of each review with this review_id, one per movie, or of the review of the row with this name.

    Raises `UsageError` if there is none.
    """
    require_unicode_text(name)
    prefix, number = read_as_row_name(name)
    parameters = {"name": name, "prefix": prefix, "number": number}
    with open_published(published) as connection:
        fetch_answer(connection, _FIND_REVIEWS, parameters)
        rows = fetch_answer(connection, _LIST_ROWS, parameters)
        if not rows:
            raise UsageError(describe_missing(connection, name))
        scores = fetch_answer(connection, _LIST_SCORES, {})
    return [
        _make_history(list(of_review), scores) for _, of_review in groupby(rows, lambda row: row["review"])
    ]


def _make_history(rows: Sequence[Row], scores: Sequence[Row]) -> History:
    """Make the history of one review from its rows; `scores` has those of all reviews."""
    by_row: dict[tuple[str, int], list[Row]] = {}
    for score in scores:
        by_row.setdefault((score["source_sha256"], score["row_number"]), []).append(score)
    outdated = sum(row["is_outdated"] for row in rows)
    counting = sum(not row["is_superseded"] for row in rows)
    made = tuple(
        ReviewRow(
            **{name: row[name] for name in _SHOWN},
            scores=_make_scores(row, by_row.get((row["source_sha256"], row["row_number"]), [])),
            counts=row["is_latest"] and row["best_model_id"] is not None,
            decided_by=_find_decision(row, len(rows), counting, outdated),
        )
        for row in rows
    )
    return History(rows[0]["review_id"], rows[0]["movie_id"], made)


_SHOWN = (
    "row",
    "uri",
    "source",
    "profile_version",
    "arrived_at",
    "reviewed_at",
    "given_rating",
    "given_label",
)


def _make_scores(row: Row, scores: Sequence[Row]) -> tuple[ModelScore, ...]:
    """Make the scores of a row, the first given first."""
    names = ("model_id", "score", "sentiment", "predicted_rating", "scored_at")
    return tuple(
        ModelScore(**{name: score[name] for name in names}, counts=score["model_id"] == row["best_model_id"])
        for score in scores
    )


def _find_decision(row: Row, rows: int, counting: int, outdated: int) -> str:
    """Return what decided whether a row counts.

    Of the `rows` of its review, `counting` are of readings that count, and of these another date outdates `outdated`.
    """
    if row["is_superseded"]:
        return "export" if row["is_replaced"] else "reading"
    if not row["is_latest"]:
        return "date" if row["is_outdated"] else "arrival"
    if row["best_model_id"] is None:
        return "score" if row["counts"] else "language"
    if counting == 1:
        return "only_row" if rows == 1 else "only_reading"
    if not outdated:
        return "arrival"
    return "date" if outdated == counting - 1 else "date, arrival"
