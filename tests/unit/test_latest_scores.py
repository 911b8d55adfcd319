"""Tests that the columns on which `latest_scores` rests equal their definition after every change of the database."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_contracts.storage.home import Home
from data_contracts.warehouse import list_migrations, read_views
from tasks.maintenance.forgetting import ForgetRequest, find_forgettable, forget, forget_again
from tasks.warehouse import latest_scores
from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.migrating import bring_up_to_date
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.latest_scores import FIND_OUTDATED, FIND_WRONG_FLIPS, rebuild
from tasks.warehouse.tallies.repeated_keys import FIND_WRONG_KEYS
from tests.support.histories import CHANGES, FORGOTTEN, History, keep_open
from tests.support.promises import find_broken
from tests.support.small_home import ask
from tests.support.warehouse_parts import NOON, PartFile, hash_text, write_part

ROW = {"review_id": "r1", "movie_id": "tt1", "text": "good", "reviewed_at": None, "score": 0.9}


@pytest.mark.slow
@settings(max_examples=6)
@given(changes=st.lists(CHANGES, min_size=4, max_size=12))
@example(changes=[("read again", (0, [])), ("forget", 0), ("release", (0, FORGOTTEN))])
@example(changes=[("forget", 0), ("grow", (0, [FORGOTTEN])), ("grow", (0, [FORGOTTEN])), ("count again", 0)])
def test_after_any_history_every_promise_on_the_tables_holds(changes: list[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        history = History(Path(folder))
        with keep_open(history):
            history.add([[ROW]])
            for change in changes:
                history.apply(change)
            assert find_broken(history.warehouse) == []


@pytest.fixture(scope="module")
def made_history(tmp_path_factory: pytest.TempPathFactory) -> History:
    """Two files with the same review, both scored by two models, of which the second is the champion."""
    made = History(tmp_path_factory.mktemp("history"))
    made.add([[ROW, {**ROW, "review_id": "r2"}]])
    made.add([[ROW]])
    made.promote("model-b")
    for place in (0, 1):
        made.rescore((place, "model-b"))
    return made


@pytest.fixture
def history(made_history: History, tmp_path: Path) -> History:
    return made_history.copy(tmp_path)


def list_latest(warehouse: Path) -> list[tuple[Any, ...]]:
    return ask(warehouse, "SELECT review_id, uri, model_id FROM latest_scores ORDER BY ALL")


def test_after_its_newest_row_was_forgotten_the_one_before_counts(history: History) -> None:
    first, second = (file.name for file, _ in history.files)
    assert list_latest(history.warehouse) == [("r1", second, "model-b"), ("r2", first, "model-b")]
    history.forget(1)
    assert list_latest(history.warehouse) == [("r1", first, "model-b"), ("r2", first, "model-b")]


def test_a_row_that_was_committed_last_is_the_newest_whatever_the_clock_showed_before(
    history: History,
) -> None:
    with open_warehouse(history.warehouse, write=True) as connection:
        connection.execute("UPDATE scored_files SET committed_at = committed_at + INTERVAL 3 DAY")
        connection.execute("UPDATE source_reviews SET file_seen_at = file_seen_at + INTERVAL 3 DAY")
    history.add([[{**ROW, "text": "corrected", "score": 0.2}]])
    assert ("r1", history.files[-1][0].name, "model-b") in list_latest(history.warehouse)
    assert find_broken(history.warehouse) == []


def test_rows_whose_scores_are_too_many_to_replace_in_place_are_written_anew(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest_scores, "ROWS_UPDATED", 2)
    history.roll_back(None)
    assert ask(history.warehouse, FIND_OUTDATED) == []


def list_flipped(warehouse: Path) -> list[tuple[Any, ...]]:
    assert ask(warehouse, FIND_WRONG_FLIPS) == []
    return ask(warehouse, "SELECT row_number, model_id, score FROM flipped_scores")


def test_flipped_scores_are_those_of_another_sentiment_than_the_score_that_counts(history: History) -> None:
    flipped = list_flipped(history.warehouse)
    assert sorted(flipped) == [(1, "model-a", 0.9), (1, "model-a", 0.9), (2, "model-a", 0.9)]
    history.roll_back(None)
    assert {model_id for _, model_id, _ in list_flipped(history.warehouse)} == {"model-b"}
    history.forget(0)
    assert len(list_flipped(history.warehouse)) == 2


def list_repeated(warehouse: Path) -> list[str]:
    assert ask(warehouse, FIND_WRONG_KEYS) == []
    query = "SELECT DISTINCT text FROM source_reviews SEMI JOIN repeated_keys ON text_key = key ORDER BY ALL"
    return [text for (text,) in ask(warehouse, query)]


@pytest.mark.slow
def test_texts_that_come_again_are_repeated_until_only_one_row_has_them(history: History) -> None:
    assert list_repeated(history.warehouse) == ["good"]
    row = {**ROW, "review_id": None, "movie_id": None}
    history.add([[{**row, "text": "new"}, {**row, "text": "newer"}]])
    assert list_repeated(history.warehouse) == ["good"]
    history.add([[{**row, "text": "new"}]])
    assert list_repeated(history.warehouse) == ["good", "new"]
    history.add([[{**row, "text": "twice"}, {**row, "text": "twice"}]])
    assert list_repeated(history.warehouse) == ["good", "new", "twice"]
    history.forget(0)
    history.forget(1)
    assert list_repeated(history.warehouse) == ["new", "twice"]


def test_a_column_that_differs_from_its_definition_is_found(history: History) -> None:
    for change in (
        "is_latest = NOT is_latest WHERE row_number = 1",
        "best_score = best_score / 2",
        "file_commit_number = file_commit_number + 1",
    ):
        with open_warehouse(history.warehouse, write=True) as connection:
            connection.begin()
            connection.execute(f"UPDATE source_reviews SET {change}")
            assert connection.execute(FIND_OUTDATED).fetchall(), change
            connection.rollback()


def test_writing_the_table_anew_mends_every_column(history: History) -> None:
    with open_warehouse(history.warehouse, write=True) as connection:
        connection.execute(
            "UPDATE source_reviews SET is_latest = NULL, best_score = NULL, file_seen_at = NULL"
        )
        rebuild(connection)
    assert ask(history.warehouse, FIND_OUTDATED) == []


OLDER_ROWS = """
INSERT INTO promotions VALUES (1, 'promote', 'model-a', '', NULL, now()), (2, 'promote', 'model-b', '', NULL, now());
INSERT INTO scored_files (source_sha256, model_id, status, uri, committed_at) VALUES
('one', 'model-a', 'scored', 'monday.csv', '2026-03-01'), ('one', 'model-b', 'scored', 'monday.csv', '2026-03-03'),
('two', 'model-a', 'scored', 'tuesday.csv', '2026-03-02');
INSERT INTO source_reviews (source_sha256, row_number, review_id, text, text_sha256, reviewed_at) VALUES
('one', 1, 'r1', 'good', 'g', NULL), ('one', 2, 'r2', 'bad', 'b', NULL),
('two', 1, 'r1', 'better', 'h', '2020-01-01'), ('two', 2, NULL, 'x', 'x', NULL);
INSERT INTO scored_reviews
SELECT source_sha256, row_number, model_id, 0.75, 'positive', 7.5, 4, 0, false, 'run', now()
FROM source_reviews JOIN scored_files USING (source_sha256);
UPDATE scored_reviews SET score = 0.25, sentiment = 'negative' WHERE row_number = 2 AND model_id = 'model-a'
"""
"""Rows of a database of version 0.1.0, without the columns on which `latest_scores` rests."""


@pytest.mark.slow
def test_a_database_of_0_1_0_gets_the_columns_with_their_values() -> None:
    with duckdb.connect() as connection:
        bring_up_to_date(connection, list_migrations()[:1], "SELECT 1")
        connection.execute(OLDER_ROWS)
        bring_up_to_date(connection, list_migrations(), read_views())
        assert connection.execute(FIND_OUTDATED).fetchall() == []
        flipped = connection.execute("SELECT row_number, model_id FROM flipped_scores").fetchall()
        latest = connection.execute(
            "SELECT text, uri, model_id, source FROM latest_scores ORDER BY text"
        ).fetchall()
        [(sql,)] = connection.execute(
            "SELECT sql FROM duckdb_tables() WHERE table_name = 'source_reviews'"
        ).fetchall()
    assert latest == [
        ("bad", "monday.csv", "model-b", "default"),
        ("better", "tuesday.csv", "model-a", "default"),
        ("x", "tuesday.csv", "model-a", "default"),
    ]
    assert flipped == [(2, "model-a")]
    assert "USING COMPRESSION ZSTD" in sql


@pytest.mark.slow
def test_a_row_of_the_reading_that_counts_is_the_newest_whatever_its_date(history: History) -> None:
    first, _ = history.files[0]
    longest_ago = {"text": "as read again", "reviewed_at": NOON - timedelta(days=9999)}
    history.read_again((0, [first.rows[0], {**first.rows[1], **longest_ago}]))
    query = "SELECT text FROM latest_scores WHERE review_id = 'r2'"
    assert ask(history.warehouse, query) == [("as read again",)]


@pytest.mark.slow
def test_a_reading_that_numbers_rows_otherwise_does_not_bring_back_forgotten_ones(history: History) -> None:
    history.forget(0)
    first, _ = history.files[0]
    history.read_again((0, [first.rows[1], first.rows[1], first.rows[0]]))
    query = "SELECT source_sha256, rule FROM scored_files WHERE status = 'refused'"
    [(reading, rule)] = ask(history.warehouse, query)
    assert (reading[:64], rule) == (first.source_sha256, "rows_renumbered")


@pytest.mark.parametrize(("version", "rule"), [("v2-beef", None), ("v3-cafe", "rows_renumbered")])
def test_a_new_database_takes_the_part_of_a_file_in_which_rows_were_forgotten_and_no_other(
    tmp_path: Path, version: str, rule: str | None
) -> None:
    def write(place: str, version: str) -> Path:
        file = PartFile("f.json", [{}, {}], ledger={"profile_version": version})
        return write_part(tmp_path / place, [file])

    lost, found, record = (tmp_path / name for name in ("lost.duckdb", "found.duckdb", "record"))
    commit_parts(lost, write("first", "v1-beef"))
    forget(lost, ForgetRequest(f"{hash_text('f.json')[:12]}:1", "row", "ann"), "row")
    Home(tmp_path).forgotten.rename(record)
    forget_again(found, record, [])
    assert [file.rule for file in commit_parts(found, write("again", version)).files] == [rule]


def test_a_grown_file_of_another_profile_is_refused_if_rows_of_it_were_forgotten(history: History) -> None:
    history.forget(0)
    first, _ = history.files[0]
    ledger = {"uri": first.name, "grown_from": [first.source_sha256], "profile_version": "v2"}
    part = write_part(history.folder / "grown", [PartFile("grown.csv", first.rows, ledger=ledger)], "model-b")
    assert [file.rule for file in commit_parts(history.warehouse, part).files] == ["rows_renumbered"]
    assert history.files[0][0] == first


@pytest.mark.slow
def test_rows_of_an_earlier_reading_that_go_with_a_forgotten_one_are_counted(history: History) -> None:
    history.read_again((0, [{**FORGOTTEN, "text": "plot"}]))
    name = f"{history.files[0][0].source_sha256[:12]}:1"
    found = find_forgettable(history.warehouse, name, "row")
    assert (found.rows, found.rows_of_earlier) == (1, 2)  # the name is that of row 1 in both readings
    done = forget(history.warehouse, ForgetRequest(name, "row", "ann"), "row")
    assert (done.rows, done.rows_of_earlier) == (found.rows, found.rows_of_earlier)
