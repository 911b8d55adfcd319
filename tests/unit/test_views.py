"""Tests that `latest_scores` has one row per review with its valid score, and `movie_ratings` aggregates them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.evaluation.stars import RatingInterval
from tasks.warehouse.latest_scores import rebuild_reviews
from tests.support.databases import borrow_tables
from tests.support.warehouse_parts import NOON
from tests.unit.view_tables import Rows, add_file, add_model, promote


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with borrow_tables() as lent:
        promote(lent, "model-a")
        yield lent


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> Rows:
    """Return the answer, from columns that fit the rows which the test inserted itself; both views need no more."""
    rebuild_reviews(connection)
    return connection.execute(query).fetchall()


def test_a_review_of_two_daily_exports_is_one_review_the_later_one(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    add_file(connection, "monday", [{"review_id": "r1", "score": 0.1}, {"review_id": "r2"}], day=1)
    add_file(connection, "tuesday", [{"review_id": "r1", "score": 0.9}], day=2)
    query = "SELECT review_id, score, uri FROM latest_scores ORDER BY review_id"
    assert ask(connection, query) == [("r1", 0.9, "tuesday"), ("r2", 0.75, "monday")]


def test_scoring_a_file_anew_does_not_make_it_the_newest(connection: duckdb.DuckDBPyConnection) -> None:
    add_file(connection, "monday", [{"review_id": "r1"}], day=1)
    add_file(connection, "tuesday", [{"review_id": "r1"}], day=2)
    promote(connection, "model-b")
    add_file(connection, "monday", [{"review_id": "r1"}], day=3, model_id="model-b")
    assert ask(connection, "SELECT uri, model_id FROM latest_scores") == [("tuesday", "model-a")]


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "1066-10-14", "290000-01-01"])
def test_a_date_out_of_this_world_keeps_its_review(
    connection: duckdb.DuckDBPyConnection, moment: str
) -> None:
    add_file(connection, "f", [{"review_id": "r1"}])
    connection.execute("UPDATE source_reviews SET reviewed_at = ?::TIMESTAMPTZ", [moment])
    assert ask(connection, "SELECT count(*) FROM latest_scores") == [(1,)]


def test_the_score_of_the_champion_counts_else_that_of_the_newest_promoted_model(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    for model_id in ("model-b", "model-c"):
        promote(connection, model_id)
    for model_id, score in (("model-b", 0.2), ("model-a", 0.9), ("model-never-promoted", 0.9)):
        add_file(connection, "f", [{"score": score}], model_id=model_id)
    add_file(connection, "g", [{}], model_id="model-c")
    query = "SELECT model_id, sentiment FROM latest_scores ORDER BY model_id"
    assert ask(connection, query) == [("model-b", "negative"), ("model-c", "positive")]


def test_a_row_released_and_scored_by_the_champion_alone_is_there(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    add_file(connection, "f", [{"review_id": "r1"}])
    promote(connection, "model-b")
    for table, model in (("source_reviews", ""), ("scored_reviews", ", 'model-b' AS model_id")):
        changed = f"2 AS row_number{model}"
        connection.execute(f"INSERT INTO {table} SELECT * REPLACE ({changed}) FROM {table}")
    connection.execute("UPDATE source_reviews SET review_id = 'r2' WHERE row_number = 2")
    query = "SELECT review_id, model_id FROM latest_scores ORDER BY review_id"
    assert ask(connection, query) == [("r1", "model-a"), ("r2", "model-b")]


def test_ratings_of_a_movie_are_those_of_its_reviews(connection: duckdb.DuckDBPyConnection) -> None:
    rows: list[dict[str, Any]] = [
        {"movie_id": "tt1", "review_id": "r1", "score": 1.0, "given_rating": 9, "reviewed_at": NOON},
        {"movie_id": "tt1", "review_id": "r2", "score": 0.5},
        {"movie_id": "tt1", "review_id": "r3", "score": 0.0, "given_rating": 2},
        {"movie_id": "tt2", "review_id": "r4", "score": 0.0},
        {"review_id": "r5"},
    ]
    add_file(connection, "f", rows)
    add_file(connection, "g", [{"movie_id": "tt2", "review_id": "r4", "score": 1.0}], day=1)
    columns = (
        "movie_id, reviews, rating, mean_predicted_rating, share_positive, rated_reviews, mean_given_rating"
    )
    assert ask(connection, f"SELECT {columns} FROM movie_ratings ORDER BY movie_id") == [
        ("tt1", 3, 5.5, 5.5, 2 / 3, 2, 5.5),
        ("tt2", 1, 10.0, 10.0, 1.0, 0, None),
    ]


BOUNDS = "SELECT rating_low, rating_high FROM movie_ratings"


def add_interval(connection: duckdb.DuckDBPyConnection, model_id: str, title: float, review: float) -> None:
    add_model(connection, model_id, rating_interval_title=title, rating_interval_review=review)


def test_of_rated_reviews_the_rating_counts_and_has_no_error(connection: duckdb.DuckDBPyConnection) -> None:
    add_interval(connection, "model-a", 0.5, 2.0)
    rated = [{"movie_id": movie, "score": 0.5, "given_rating": 8} for movie in ("tt1", "tt1", "tt1", "tt2")]
    add_file(connection, "f", [*rated, {"movie_id": "tt1", "score": 0.0}])
    [error] = RatingInterval(0.5, 2.0).measure_half_width(np.array([1]))
    rating = (8 + 8 + 8 + 1) / 4
    assert ask(connection, "SELECT rating, rating_low, rating_high FROM movie_ratings ORDER BY movie_id") == [
        (rating, pytest.approx(rating - error / 4), pytest.approx(rating + error / 4)),
        (8.0, 8.0, 8.0),
    ]


@pytest.mark.parametrize("reviews", [1, 3, 50])
def test_the_interval_is_the_one_whose_coverage_was_measured(
    connection: duckdb.DuckDBPyConnection, reviews: int
) -> None:
    add_interval(connection, "model-a", 0.5, 2.0)
    add_file(connection, "f", [{"movie_id": "tt1", "score": 0.5}] * reviews)
    [margin] = RatingInterval(0.5, 2.0).measure_half_width(np.array([reviews]))
    assert ask(connection, BOUNDS) == [(pytest.approx(5.5 - margin), pytest.approx(5.5 + margin))]


def test_the_interval_has_the_mean_of_the_models_that_scored(connection: duckdb.DuckDBPyConnection) -> None:
    promote(connection, "model-b")
    for model_id, title, review in (("model-a", 0.0, 1.0), ("model-b", 2.0, 3.0)):
        add_interval(connection, model_id, title, review)
        add_file(connection, f"of {model_id}", [{"movie_id": "tt1", "score": 0.5}], model_id=model_id)
    margin = ((0**2 + 2**2) / 2 + (1**2 + 3**2) / 2 / 2) ** 0.5
    assert ask(connection, BOUNDS) == [(pytest.approx(5.5 - margin), pytest.approx(5.5 + margin))]


def test_there_is_no_interval_where_it_is_not_known_of_every_model(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    promote(connection, "model-b")
    add_interval(connection, "model-a", 1.0, 2.0)
    add_model(connection, "model-b")
    add_file(connection, "f", [{"movie_id": "tt1"}])
    add_file(connection, "g", [{"movie_id": "tt1"}, {"movie_id": "tt2"}], model_id="model-b")
    assert ask(connection, BOUNDS) == [(None, None), (None, None)]


YEAR = timedelta(days=365.25)


def rate_over_time(connection: duckdb.DuckDBPyConnection, *reviews: tuple[datetime | None, float]) -> None:
    rows = [{"movie_id": "tt1", "reviewed_at": moment, "score": score} for moment, score in reviews]
    add_file(connection, "f", rows)


def test_the_error_of_a_trend_is_that_of_the_slope(connection: duckdb.DuckDBPyConnection) -> None:
    # Stars 1, 5.5, 5.5, 10 on years 0, 1, 2, 3: slope 2.7, residuals -0.45, 1.35, -1.35, 0.45, squares 4.05.
    scores = (0.0, 0.5, 0.5, 1.0)
    rate_over_time(connection, *((NOON - (3 - year) * YEAR, score) for year, score in enumerate(scores)))
    found = ask(connection, "SELECT trend, trend_error FROM movie_ratings")
    assert found == [(pytest.approx(2.7), pytest.approx((4.05 / 2 / 5) ** 0.5))]


@pytest.mark.parametrize("days", [0, 89])
def test_dates_that_span_less_than_a_quarter_make_no_trend(
    connection: duckdb.DuckDBPyConnection, days: int
) -> None:
    rate_over_time(connection, (NOON - timedelta(days=days), 0.2), (NOON, 0.9), (NOON, 0.8))
    assert ask(connection, "SELECT trend, trend_error FROM movie_ratings") == [(None, None)]


@pytest.mark.parametrize(
    "moment", ["infinity", "-infinity", "0001-01-01", "9999-12-31", "2026-03-03 12:00:01+00"]
)
def test_dates_before_film_or_after_the_scoring_count_as_none(
    connection: duckdb.DuckDBPyConnection, moment: str
) -> None:
    rate_over_time(connection, (NOON - YEAR, 0.2), (NOON - YEAR, 0.2), (NOON, 0.3), (None, 1.0))
    connection.execute(
        "UPDATE source_reviews SET reviewed_at = ?::TIMESTAMPTZ WHERE row_number = 4", [moment]
    )
    query = "SELECT reviews, trend, first_reviewed_at, last_reviewed_at FROM movie_ratings"
    assert ask(connection, query) == [(4, pytest.approx(0.9), NOON - YEAR, NOON)]


ROWS = st.fixed_dictionaries(
    {
        "review_id": st.sampled_from(["r1", "r2", None]),
        "movie_id": st.sampled_from(["tt1", "tt2", None]),
        "text": st.sampled_from(["good", "bad"]),
        "reviewed_at": st.none() | st.integers(-2, 2).map(lambda day: NOON + timedelta(days=day)),
    }
)
FILES = st.lists(st.tuples(st.integers(-2, 2), st.lists(ROWS, max_size=5)), max_size=4)


def make_row(day: int | None) -> dict[str, Any]:
    """Return a row of one review with this date."""
    dated = None if day is None else NOON + timedelta(days=day)
    return {"review_id": "r1", "movie_id": "tt1", "text": "good", "reviewed_at": dated}


Arrived = tuple[int, str, int, datetime | None]
"""The day on which a row arrived, its file, its number and its date."""


def find_newest(rows: list[Arrived]) -> Arrived:
    """Return the newest row of a review: the last of those that no later date outdates."""
    latest = max((dated_at for *_, dated_at in rows if dated_at), default=None)
    return max((row for row in rows if row[3] in (None, latest)), key=lambda row: row[:3])


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(FILES)
@example([(1, [make_row(2)]), (2, [make_row(1)])])
@example([(1, [make_row(2)]), (2, [make_row(None)]), (2, [make_row(1)])])
@example([(1, [make_row(1)]), (1, [make_row(1)]), (0, [make_row(1)])])
@example([(1, [make_row(None), make_row(None)]), (2, [make_row(None) | {"review_id": None}])])
def test_whatever_comes_in_each_review_is_there_once_in_its_newest_row(
    files: list[tuple[int, list[dict[str, Any]]]],
) -> None:
    reviews: dict[Any, list[Arrived]] = {}
    with borrow_tables() as connection:
        promote(connection, "model-a")
        for position, (day, rows) in enumerate(files):
            add_file(connection, f"file-{position}", rows, day)
            for number, row in enumerate(rows, start=1):
                named, unnamed = row["review_id"], (row["text"], row["movie_id"])
                arrived = (day, f"file-{position}", number, row["reviewed_at"])
                reviews.setdefault((named, row["movie_id"]) if named else unnamed, []).append(arrived)
        found = ask(connection, "SELECT uri, row_number FROM latest_scores")
    newest = [find_newest(rows) for rows in reviews.values()]
    assert sorted(found) == sorted((uri, number) for _, uri, number, _ in newest)
