"""Tests of what the pages of movies and the overview show: figures as the views have them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from tasks.pages.sections import Answers, Rows
from tasks.site.movie import describe_trend, read_movie, read_movies
from tasks.site.movie_search import Search, find_movies, keep_titles
from tests.support.databases import make_tables
from tests.support.filled_tables import FilledTables, fill_tables
from tests.support.report_homes import NEXT_RUN, RUN, key_by_query
from tests.support.sent_files import send_files
from tests.support.sites import ROWS
from tests.support.warehouse_parts import PartFile

MOVIE = "tt0000001"
ERRORS = "UPDATE models SET rating_interval_title = 0.9, rating_interval_review = 3.2"


@pytest.fixture
def tables() -> Iterator[FilledTables]:
    """Empty tables."""
    with fill_tables() as filled:
        yield filled


@pytest.fixture(scope="module")
def filled_once() -> Iterator[duckdb.DuckDBPyConnection]:
    with make_tables() as connection:
        fill_site(FilledTables(connection), ROWS)
        yield connection


@pytest.fixture
def site(filled_once: duckdb.DuckDBPyConnection) -> Iterator[FilledTables]:
    """Tables with a promoted model and the reviews of one file, which a test may change."""
    filled_once.begin()
    yield FilledTables(filled_once)
    filled_once.rollback()


def fill_site(tables: FilledTables, rows: list[dict[str, Any]]) -> None:
    tables.run([PartFile("monday.csv", rows)])
    tables.promote()
    tables.settle()


def read_movie_of(tables: FilledTables) -> dict[str, Rows]:
    found = read_movie(Answers(tables.ask), MOVIE)
    assert found is not None
    tables.drop_temporary()
    return key_by_query(found)


def make_reviews(days: Sequence[datetime | None]) -> list[dict[str, Any]]:
    return [
        {
            "movie_id": MOVIE,
            "text": f"film {place}",
            "score": 0.6,
            "reviewed_at": day,
            "scored_at": datetime.now(UTC),
        }
        for place, day in enumerate(days)
    ]


@pytest.mark.slow
def test_the_figures_of_a_movie_are_its_row_of_movie_ratings(tables: FilledTables) -> None:
    days = [datetime(2020 + place, 5, 1, tzinfo=UTC) for place in range(4)]
    rows = [{**row, "score": 0.5 + place / 10} for place, row in enumerate(make_reviews([*days, None]))]
    fill_site(tables, [*rows, {"movie_id": MOVIE, "text": "rated", "given_rating": 7.0}])
    tables.change(ERRORS)
    [row] = tables.ask("FROM movie_ratings")
    [figures] = read_movie_of(tables)["movie-figures"]
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
        pytest.approx(row["mean_predicted_rating"]),
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


@pytest.mark.parametrize(
    ("trend", "error", "freedom", "says"),
    [
        (-7.53, 3.18, 4, "No trend beyond chance: its reviews fall by 7.5 stars a year, but"),
        (-7.53, 1.18, 40, "Falls by 7.5 stars a year, beyond chance."),
        (5.91, 0.45, 3, "Rises by 5.9 stars a year, beyond chance."),
        (5.0, 1.0, 1, "No trend beyond chance: its reviews rise by 5.0 stars a year, but"),
        (0.0, 0.0, 2, "It shows no trend"),
        (None, None, -2, "Too few reviews to tell a trend"),
    ],
)
def test_a_trend_is_beyond_chance_where_its_error_and_the_number_of_reviews_leave_no_other_reason(
    trend: float | None, error: float | None, freedom: int, says: str
) -> None:
    figures = {"trend": trend, "trend_error": error, "freedom": freedom}
    assert describe_trend(figures).startswith(says)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("years", "periods"),
    [
        ((2023, 2024), ["2023 Q2", "2024 Q2", None]),
        ((2010, 2024), ["2010", "2024", None]),
        ((1950, 2024), ["1950s", "2020s", None]),
    ],
)
def test_a_rating_over_time_is_by_quarter_year_or_decade(
    years: tuple[int, int], periods: list[str | None], tables: FilledTables
) -> None:
    days = [*(datetime(year, 5, 1, tzinfo=UTC) for year in years), None]
    fill_site(tables, make_reviews(days))
    assert [row["period"] for row in read_movie_of(tables)["movie-over-time"]] == periods


@pytest.mark.slow
def test_reviews_are_clearly_for_or_against_or_in_doubt_and_each_text_is_shown_once(
    tables: FilledTables,
) -> None:
    scores = {
        "clearly for it": (0.99, 0.8, 0.76),
        "clearly against it": (0.01, 0.2, 0.24),
        "in doubt": (0.5, 0.55, 0.4),
    }
    rows: list[dict[str, Any]] = [
        {"movie_id": MOVIE, "text": f"{kind} {score}", "score": score, "review_id": f"{kind} {score}"}
        for kind, each in scores.items()
        for score in each
    ]
    rows += [{**row, "review_id": f"again {row['score']}"} for row in rows[::3]]
    rows.append({"movie_id": MOVIE, "text": "one more", "score": 0.7})
    fill_site(tables, rows)
    shown = read_movie_of(tables)["movie-voices"]
    assert {kind: [row["text"] for row in shown if row["kind"] == kind] for kind in scores} == {
        kind: [f"{kind} {score}" for score in each] for kind, each in scores.items()
    }


@pytest.mark.parametrize(("days", "step"), [(40, "day"), (200, "week"), (1000, "month"), (4000, "year")])
def test_a_longer_history_is_shown_in_longer_steps(days: int, step: str, tables: FilledTables) -> None:
    send_files(tables.connection, "shop", datetime.now(UTC) - timedelta(days))
    assert [row["step"] for row in Answers(tables.ask).find("time-step")] == [step]


def find(tables: FilledTables, query: str) -> Rows:
    rows = Answers(tables.ask).find(query)
    tables.drop_temporary()
    return rows


def test_the_overview_counts_what_came_in_and_what_was_called_right(site: FilledTables) -> None:
    totals = find(site, "source-figures")[0]
    assert (totals["reviews"], totals["accuracy"], totals["judged"]) == (3, 1.0, 2)
    assert [run["run_id"] for run in find(site, "newest-runs")] == [RUN]


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


@pytest.mark.slow
def test_a_source_whose_reviews_came_again_elsewhere_is_still_named(site: FilledTables) -> None:
    site.run([PartFile("again.csv", ROWS, ledger={"source": "shop"})], NEXT_RUN)
    site.settle()
    found = {row["source"]: row["reviews"] for row in find(site, "source-figures") if row["source"]}
    assert found == {"shop": 3, "default": 0}


def test_labels_that_a_model_may_have_learnt_from_do_not_judge_it_on_the_overview(site: FilledTables) -> None:
    site.change("UPDATE models SET own_labels_until = (SELECT max(file_seen_at) FROM source_reviews)")
    totals, source = find(site, "source-figures")
    assert (totals["reviews"], totals["judged"], totals["accuracy"], totals["learnt"]) == (3, 0, None, 2)
    assert (source["judged"], source["stars_off"]) == (0, None)
