"""Finds the movies whose mean rating a run changed most: of the movies with the most reviews in the run.

A run's report is made right after it. Then the ratings after it are those of now, and those before it too, except of
reviews that the run replaced. Where a model was promoted, or other rows came since, the scores of all models are read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.queries.run_query import Ask
from tasks.report.run_choice import Row
from tasks.warehouse.latest_scores import ARRIVAL, IS_OUTDATED, REVIEW
from tasks.warehouse.row_names import SUPERSEDED

MOVIES_SHOWN = 10
MOVIES_COMPARED = 1000
"""Movies whose mean rating is compared before and after a run: those with the most reviews in it."""
ENOUGH_REVIEWS = 5
"""Fewest reviews of a movie, both before and after a run, for its mean ratings to be compared."""

_MAKE_TOUCHED = f"""
CREATE TEMP TABLE touched_movies AS
SELECT movie_id FROM run_scores WHERE movie_id IS NOT NULL
GROUP BY movie_id ORDER BY count(*) DESC, movie_id LIMIT {MOVIES_COMPARED}
"""  # noqa: S608
# Whether the scores that count, or the newest rows, may have changed otherwise than by new files of the run.
_COUNT_OTHER_CHANGES = """
SELECT
    (SELECT count(*) FROM promotions WHERE "at" > $started_at)
    + (SELECT count(*) FROM quarantined_rows WHERE released_at > $started_at)
    + (SELECT count(*) FROM scored_files WHERE status = 'scored' AND committed_at > $ended_at)
    + (SELECT count(*) FROM scored_files WHERE superseded_at > $started_at)
    + (SELECT count(*) FROM run_files WHERE is_rescored) AS changes
"""
_MAKE_LATEST = """
CREATE TEMP TABLE latest_of_movies AS
SELECT movie_id, review_key, file_seen_at > $started_at AS is_new, best_predicted_rating AS predicted_rating
FROM source_reviews SEMI JOIN touched_movies USING (movie_id) WHERE is_latest AND best_model_id IS NOT NULL
"""
# Two steps, so that of the whole history only the keys are read.
_FIND_REPLACED = f"""
CREATE TEMP TABLE replaced_rows AS
SELECT rowid AS place FROM source_reviews SEMI JOIN (FROM latest_of_movies WHERE is_new) USING (review_key)
WHERE file_seen_at <= $started_at AND best_model_id IS NOT NULL AND source_sha256 NOT IN {SUPERSEDED}
"""  # noqa: S608
_RATE_AFTER = """
SELECT movie_id, count(*) AS reviews, avg(predicted_rating) AS stars FROM latest_of_movies GROUP BY movie_id
"""
_RATE_BEFORE = f"""
WITH replaced AS (
    SELECT movie_id, arg_max(best_predicted_rating, {ARRIVAL}) AS predicted_rating
    FROM (FROM source_reviews JOIN replaced_rows ON source_reviews.rowid = place QUALIFY NOT {IS_OUTDATED})
    GROUP BY {REVIEW}
)
SELECT movie_id, count(*) AS reviews, avg(predicted_rating) AS stars FROM (
    SELECT movie_id, predicted_rating FROM latest_of_movies WHERE NOT is_new UNION ALL FROM replaced
) GROUP BY movie_id
"""  # noqa: S608
_MAKE_MOVIE_REVIEWS = """
CREATE TEMP TABLE movie_reviews AS
SELECT source_sha256, row_number, review_id, text_sha256, movie_id, reviewed_at, file_commit_number, file_uri
FROM source_reviews SEMI JOIN touched_movies USING (movie_id) WHERE counts IS DISTINCT FROM false
"""
_MAKE_MOVIE_SCORES = """
CREATE TEMP TABLE movie_scores AS
SELECT source_sha256, row_number, model_id, predicted_rating, scored_at
FROM scored_reviews SEMI JOIN movie_reviews USING (source_sha256, row_number)
"""
# The view movie_ratings as it was at a moment, for the touched movies: from what was committed and promoted by then.
_RATE_AT = f"""
WITH files AS (
    FROM scored_files WHERE status = 'scored' AND committed_at <= $moment
    AND (superseded_at IS NULL OR superseded_at > $moment)
),
model_ranks AS (SELECT model_id, max(number) AS model_rank FROM promotions WHERE "at" <= $moment GROUP BY model_id),
best AS (
    SELECT source_sha256, row_number, arg_max(predicted_rating, model_rank) AS predicted_rating
    FROM movie_scores SEMI JOIN files USING (source_sha256, model_id) JOIN model_ranks USING (model_id)
    WHERE scored_at <= $moment GROUP BY source_sha256, row_number
),
newest AS (
    SELECT movie_id, arg_max(predicted_rating, {ARRIVAL}) AS predicted_rating
    FROM (FROM movie_reviews JOIN best USING (source_sha256, row_number) QUALIFY NOT {IS_OUTDATED})
    GROUP BY {REVIEW}
)
SELECT movie_id, count(*) AS reviews, avg(predicted_rating) AS stars FROM newest GROUP BY movie_id
"""  # noqa: S608


@dataclass(frozen=True)
class MovedMovie:
    """A movie's mean predicted rating, in stars, before and after a run."""

    movie_id: str
    before: float
    after: float
    reviews_before: int
    reviews_after: int

    @property
    def change(self) -> float:
        """The change of the mean, in stars."""
        return self.after - self.before


def find_moved(ask: Ask, started_at: datetime, ended_at: datetime) -> list[MovedMovie]:
    """Return the movies whose mean rating a run changed most, of those with enough reviews before and after it.

    The temporary tables `run_files` and `run_scores` have the run's files and scores.
    """
    ask(_MAKE_TOUCHED)
    [others] = ask(_COUNT_OTHER_CHANGES, {"started_at": started_at, "ended_at": ended_at})
    before, after = (_rate_by_all_scores if others["changes"] else _rate_by_latest)(ask, started_at, ended_at)
    moved = [
        MovedMovie(name, before[name]["stars"], row["stars"], before[name]["reviews"], row["reviews"])
        for name, row in after.items()
        if name in before and min(before[name]["reviews"], row["reviews"]) >= ENOUGH_REVIEWS
    ]
    return sorted(moved, key=lambda movie: (-abs(movie.change), movie.movie_id))[:MOVIES_SHOWN]


def _rate_by_latest(ask: Ask, started_at: datetime, _: datetime) -> tuple[Mapping[str, Row], ...]:
    """Return the ratings by movie before and after a run that only added files, from the scores that count now."""
    for query in (_MAKE_LATEST, _FIND_REPLACED):
        ask(query, {"started_at": started_at})
    return _key_by_movie(ask(_RATE_BEFORE)), _key_by_movie(ask(_RATE_AFTER))


def _rate_by_all_scores(ask: Ask, started_at: datetime, ended_at: datetime) -> tuple[Mapping[str, Row], ...]:
    """Return the ratings by movie at the start and the end of a run, from the scores of all models."""
    ask(_MAKE_MOVIE_REVIEWS)
    ask(_MAKE_MOVIE_SCORES)
    return tuple(_key_by_movie(ask(_RATE_AT, {"moment": moment})) for moment in (started_at, ended_at))


def _key_by_movie(rows: Sequence[Row]) -> Mapping[str, Row]:
    """Return rows by their movie."""
    return {row["movie_id"]: row for row in rows}
