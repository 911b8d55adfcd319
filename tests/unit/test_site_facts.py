"""Tests of what the pages of movies and the overview show: figures as the views have them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.pages.sections import Answers, Rows
from tasks.site.movie import read_movie, read_movies
from tasks.site.movie_search import Search, find_movies, keep_titles
from tests.support.filled_tables import FilledTables, fill_tables
from tests.support.report_homes import NEXT_RUN, key_by_query
from tests.support.sites import ROWS
from tests.support.warehouse_parts import PartFile

MOVIE = "tt0000001"
ERRORS = "UPDATE models SET rating_interval_title = 0.9, rating_interval_review = 3.2"


@pytest.fixture
def tables() -> Iterator[FilledTables]:
    """Empty tables."""
    with fill_tables() as filled:
        yield filled


@pytest.fixture
def site(tables: FilledTables) -> FilledTables:
    """Tables with a promoted model and the reviews of one file."""
    fill_site(tables, ROWS)
    return tables


def fill_site(tables: FilledTables, rows: list[dict[str, Any]]) -> None:
    tables.run([PartFile("monday.csv", rows)])
    tables.promote()
    tables.settle()


@pytest.mark.slow
def test_the_figures_of_a_movie_are_its_row_of_movie_ratings(tables: FilledTables) -> None:
    row: dict[str, Any] = {"movie_id": MOVIE, "scored_at": datetime.now(UTC)}
    days = [*(datetime(2020 + place, 5, 1, tzinfo=UTC) for place in range(4)), None]
    rows = [
        {**row, "text": f"film {place}", "score": 0.5 + place / 10, "reviewed_at": day}
        for place, day in enumerate(days)
    ]
    fill_site(tables, [*rows, {"movie_id": MOVIE, "text": "rated", "given_rating": 7.0}])
    tables.change(ERRORS)
    [row] = tables.ask("FROM movie_ratings")
    found = read_movie(Answers(tables.ask), MOVIE)
    assert found is not None
    [figures] = key_by_query(found)["movie-figures"]
    assert row["trend"] is not None
    for name in (
        "reviews",
        "share_positive",
        "rating_low",
        "rating_high",
        "rated_reviews",
        "trend",
        "trend_error",
    ):
        assert figures[name] == pytest.approx(row[name]), name
    assert (figures["stars"], figures["stars_by_writers"]) == (
        pytest.approx(row["rating"]),
        pytest.approx(row["mean_given_rating"]),
    )


@pytest.mark.slow
def test_the_pages_of_many_movies_show_what_each_shows_alone(
    tables: FilledTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.site.movie.ROWS_AT_ONCE", 3)
    rows = [
        {
            "movie_id": f"tt{number % 4}",
            "text": f"a film {number % 7}",
            "score": number / 20,
            "given_rating": 5.0,
        }
        for number in range(20)
    ]
    fill_site(tables, [*rows, {"text": "of no movie"}])
    alone = {}
    for movie_id in ("tt0", "tt1", "tt2", "tt3"):
        alone[movie_id] = read_movie(Answers(tables.ask), movie_id)
        tables.drop_temporary()
    answers = Answers(tables.ask)
    keep_titles(answers, {})
    together = dict(read_movies(answers, find_movies(answers, Search())))
    tables.drop_temporary()
    assert together == alone


def find(tables: FilledTables, query: str) -> Rows:
    rows = Answers(tables.ask).find(query)
    tables.drop_temporary()
    return rows


@pytest.mark.slow
def test_a_review_that_came_again_counts_once_but_each_time_for_the_model_that_scored_it(
    site: FilledTables,
) -> None:
    site.run([PartFile("corrected.csv", [{**row, "score": 0.2} for row in ROWS])], NEXT_RUN)
    site.settle()
    (totals, source), [model] = find(site, "source-figures"), find(site, "models-side-by-side")
    assert [row["reviews"] for row in (totals, source, model)] == [3, 3, 6]
    assert [row["judged"] for row in (totals, source, model)] == [2, 2, 4]
    assert [row["accuracy"] for row in (totals, source, model)] == [0.5, 0.5, 0.75]
    assert source["stars_off"] == pytest.approx((abs(2.8 - 9) + abs(2.8 - 2)) / 2)


def test_labels_that_a_model_may_have_learnt_from_do_not_judge_it_on_the_overview(site: FilledTables) -> None:
    site.change("UPDATE models SET own_labels_until = (SELECT max(file_seen_at) FROM source_reviews)")
    totals, source = find(site, "source-figures")
    assert (totals["reviews"], totals["judged"], totals["accuracy"], totals["learnt"]) == (3, 0, None, 2)
    assert (source["judged"], source["stars_off"]) == (0, None)
