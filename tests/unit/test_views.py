"""`latest_scores` has one row per review with the score that counts; `movie_ratings` sums them up."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.warehouse import list_migrations, read_views
from tasks.commit import commit_parts
from tasks.warehouse import bring_up_to_date, open_warehouse
from tests.unit.warehouse_parts import NOON, PartFile, write_part


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with make_tables() as made:
        promote(made, "model-a")
        yield made


def make_tables() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    bring_up_to_date(connection, list_migrations(), read_views())
    return connection


def promote(connection: duckdb.DuckDBPyConnection, model_id: str, action: str = "promote") -> None:
    query = "INSERT INTO promotions SELECT count(*) + 1, ?, ?, 'a reason', NULL, now() FROM promotions"
    connection.execute(query, [action, model_id])


def add_file(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    rows: list[dict[str, Any]],
    day: int = 0,
    model_id: str = "model-a",
) -> None:
    """Add a file, committed so many days after noon, with the source rows and the scores of one model."""
    committed_at = NOON + timedelta(days=day)
    entry = "INSERT INTO scored_files VALUES (?, ?, 'scored', NULL, NULL, ?, 'csv', 1, ?, 'run', ?)"
    is_first = not connection.execute("FROM scored_files WHERE source_sha256 = ?", [name]).fetchall()
    connection.execute(entry, [name, model_id, name, len(rows), committed_at])
    for number, row in enumerate(rows, start=1):
        text = row.get("text", f"{name} {number}")
        source = [
            name,
            number,
            row.get("review_id"),
            row.get("movie_id"),
            row.get("reviewed_at"),
            text,
            f"sha256 of {text}",
            row.get("given_rating"),
        ]
        if is_first:
            connection.execute(
                "INSERT INTO source_reviews (source_sha256, row_number, review_id, movie_id, reviewed_at, text,"
                " text_sha256, given_rating) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                source,
            )
        score = row.get("score", 0.75)
        sentiment = "positive" if score >= 0.5 else "negative"
        scored = [name, number, model_id, score, sentiment, 1 + 9 * score, NOON]
        connection.execute(
            "INSERT INTO scored_reviews VALUES (?, ?, ?, ?, ?, ?, 4, 0, false, 'run', ?)", scored
        )


def ask(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def test_a_review_of_two_daily_exports_is_one_review_the_later_one(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    add_file(connection, "monday", [{"review_id": "r1", "score": 0.1}, {"review_id": "r2"}], day=1)
    add_file(connection, "tuesday", [{"review_id": "r1", "score": 0.9}], day=2)
    query = "SELECT review_id, score, uri FROM latest_scores ORDER BY review_id"
    assert ask(connection, query) == [("r1", 0.9, "tuesday"), ("r2", 0.75, "monday")]


def test_the_later_date_of_a_review_counts_before_the_order_of_the_files(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    add_file(connection, "first", [{"review_id": "r1", "reviewed_at": NOON - timedelta(days=3)}], day=1)
    add_file(connection, "second", [{"review_id": "r1", "reviewed_at": NOON - timedelta(days=9)}], day=2)
    assert ask(connection, "SELECT uri FROM latest_scores") == [("first",)]


def test_a_row_without_a_date_counts_as_of_when_its_file_came_in(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    add_file(connection, "dated", [{"review_id": "r1", "reviewed_at": NOON - timedelta(days=3)}], day=5)
    add_file(connection, "undated", [{"review_id": "r1"}], day=1)
    assert ask(connection, "SELECT uri FROM latest_scores") == [("undated",)]


def test_of_files_that_came_in_together_the_last_by_name_counts(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    for name in ("2026-03-02.csv", "2026-03-03.csv", "2026-03-01.csv"):
        add_file(connection, name, [{"review_id": "r1"}])
    assert ask(connection, "SELECT uri FROM latest_scores") == [("2026-03-03.csv",)]


def test_of_two_rows_of_one_file_the_later_counts(connection: duckdb.DuckDBPyConnection) -> None:
    add_file(connection, "f", [{"review_id": "r1"}] * 3)
    assert ask(connection, "SELECT row_number FROM latest_scores") == [(3,)]


def test_scoring_a_file_anew_does_not_make_it_the_newest(connection: duckdb.DuckDBPyConnection) -> None:
    add_file(connection, "monday", [{"review_id": "r1"}], day=1)
    add_file(connection, "tuesday", [{"review_id": "r1"}], day=2)
    promote(connection, "model-b")
    add_file(connection, "monday", [{"review_id": "r1"}], day=3, model_id="model-b")
    assert ask(connection, "SELECT uri, model_id FROM latest_scores") == [("tuesday", "model-a")]


def test_without_a_review_id_the_same_text_of_the_same_movie_is_one_review(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    rows: list[dict[str, Any]] = [
        {"text": "good", "movie_id": "tt1"},
        {"text": "good", "movie_id": "tt2"},
        {"text": "good"},
        {"text": "good"},
        {"text": "good", "movie_id": "tt1", "review_id": "r1"},
    ]
    add_file(connection, "f", rows)
    add_file(connection, "g", [rows[0]], day=1)
    query = "SELECT review_id, movie_id, uri FROM latest_scores ORDER BY ALL"
    expected = [("r1", "tt1", "f"), (None, "tt1", "g"), (None, "tt2", "f"), (None, None, "f")]
    assert ask(connection, query) == expected


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "1066-10-14", "290000-01-01"])
def test_a_date_out_of_this_world_keeps_its_review(
    connection: duckdb.DuckDBPyConnection, moment: str
) -> None:
    add_file(connection, "f", [{"review_id": "r1"}])
    connection.execute("UPDATE source_reviews SET reviewed_at = ?::TIMESTAMPTZ", [moment])
    assert ask(connection, "SELECT count(*) FROM latest_scores") == [(1,)]


def test_the_champions_score_counts(connection: duckdb.DuckDBPyConnection) -> None:
    promote(connection, "model-b")
    for model_id, score in (("model-b", 0.2), ("model-a", 0.9)):
        add_file(connection, "f", [{"score": score}], model_id=model_id)
    assert ask(connection, "SELECT model_id, score, sentiment FROM latest_scores") == [
        ("model-b", 0.2, "negative")
    ]


def test_where_the_champion_has_not_scored_the_newest_promoted_model_counts(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    for model_id in ("model-b", "model-c"):
        promote(connection, model_id)
    for model_id in ("model-b", "model-a", "model-never-promoted"):
        add_file(connection, "f", [{}], model_id=model_id)
    assert ask(connection, "SELECT model_id FROM latest_scores") == [("model-b",)]


def test_after_a_rollback_the_former_champions_score_counts_again(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    promote(connection, "model-b")
    promote(connection, "model-a", "rollback")
    for model_id in ("model-a", "model-b"):
        add_file(connection, "f", [{}], model_id=model_id)
    assert ask(connection, "SELECT model_id FROM latest_scores") == [("model-a",)]


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
    assert ask(connection, "FROM movie_ratings ORDER BY movie_id") == [
        ("tt1", 3, 5.5, 2 / 3, 2, 5.5, NOON),
        ("tt2", 1, 10.0, 1.0, 0, None, None),
    ]


def test_the_views_hold_on_committed_parts(tmp_path: Path) -> None:
    warehouse = tmp_path / "reviews.duckdb"
    for name in ("monday.csv", "tuesday.csv"):
        part = write_part(tmp_path / name, [PartFile(name, [{"review_id": "r1", "movie_id": "tt1"}])])
        commit_parts(warehouse, part)
    with open_warehouse(warehouse, write=True) as connection:
        promote(connection, "model-a")
        assert ask(connection, "SELECT uri FROM latest_scores") == [("tuesday.csv",)]
        assert ask(connection, "SELECT movie_id, reviews FROM movie_ratings") == [("tt1", 1)]


ROWS = st.fixed_dictionaries(
    {
        "review_id": st.sampled_from(["r1", "r2", None]),
        "movie_id": st.sampled_from(["tt1", None]),
        "text": st.sampled_from(["good", "bad"]),
        "reviewed_at": st.none() | st.integers(-2, 2).map(lambda day: NOON + timedelta(days=day)),
    }
)
FILES = st.lists(st.tuples(st.integers(-2, 2), st.lists(ROWS, max_size=5)), max_size=4)


@settings(max_examples=25, deadline=None)
@given(FILES)
def test_whatever_comes_in_each_review_is_there_once_in_its_newest_row(
    files: list[tuple[int, list[dict[str, Any]]]],
) -> None:
    newest: dict[Any, tuple[Any, ...]] = {}
    with make_tables() as connection:
        promote(connection, "model-a")
        for position, (day, rows) in enumerate(files):
            add_file(connection, f"file-{position}", rows, day)
            for number, row in enumerate(rows, start=1):
                named, unnamed = row["review_id"], (row["text"], row["movie_id"])
                seen_at = NOON + timedelta(days=day)
                rank = (row["reviewed_at"] or seen_at, seen_at, f"file-{position}", number)
                key = named or unnamed
                newest[key] = max(newest.get(key, (datetime.min.replace(tzinfo=UTC),)), rank)
        found = ask(connection, "SELECT uri, row_number FROM latest_scores")
    assert sorted(found) == sorted((rank[2], rank[3]) for rank in newest.values())
