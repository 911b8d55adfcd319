"""Tests that parts are committed completely or not at all, and only once per model."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.errors import ContractError
from data_contracts.part_schemas import PART_SCHEMAS
from tasks.warehouse.commit import CommitSummary, commit_parts
from tasks.warehouse.database.duckdb_engine import stream_first
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.forked import make_context, start
from tests.support.once import copy_once
from tests.support.small_disks import limit_file_size
from tests.support.warehouse_parts import PartFile, write_large_part, write_part

MONDAY = PartFile("monday.csv", [{}, {"review_id": "r1"}], bad_rows=[3])


@pytest.fixture
def monday(tmp_path: Path) -> Path:
    """A database to which the part of MONDAY is committed, which is there too."""

    def make(folder: Path) -> None:
        commit_parts(folder / "home" / "reviews.duckdb", write_part(folder / "monday", [MONDAY]))

    copy_once("monday", tmp_path, make)
    return tmp_path / "home" / "reviews.duckdb"


def ask(warehouse: Path, query: str) -> list[tuple[Any, ...]]:
    with open_warehouse(warehouse, write=False) as connection:
        return connection.execute(query).fetchall()


def count(warehouse: Path) -> tuple[int, ...]:
    tables = ("source_reviews", "scored_reviews", "quarantined_rows", "scored_files")
    [counts] = ask(warehouse, "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables))
    return counts


def test_a_part_goes_into_its_four_tables(warehouse: Path, tmp_path: Path) -> None:
    part = write_part(tmp_path / "part", [MONDAY, PartFile("tuesday.csv", [{}])])
    assert commit_parts(warehouse, part) == CommitSummary(2, 0, 3, 1)
    assert count(warehouse) == (3, 3, 1, 2)
    assert ask(warehouse, "SELECT raw, released_at FROM quarantined_rows") == [(b"\xff", None)]
    query = "SELECT uri, rows_read, committed_at > scored_at FROM scored_files JOIN scored_reviews "
    query += "USING (source_sha256, model_id) WHERE row_number = 1 ORDER BY uri"
    assert ask(warehouse, query) == [("monday.csv", 3, True), ("tuesday.csv", 1, True)]


def test_texts_that_are_joined_to_their_scores_need_not_fit_into_memory(
    warehouse: Path, tmp_path: Path
) -> None:
    texts = tmp_path / "texts.parquet"
    table = pa.table({"row_number": range(60), "text": [f"{number}" * 10**6 for number in range(60)]})
    pq.write_table(table, texts, row_group_size=4, use_dictionary=False)
    scores = "(SELECT range AS row_number FROM range(1000))"
    query = f"SELECT sum(length(text)) FROM '{texts}' JOIN {scores} USING (row_number)"
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute("SET memory_limit = '60MB'")
        with stream_first(connection):
            assert connection.execute(query).fetchall() == [(110 * 10**6,)]


@pytest.mark.slow
def test_of_a_part_only_the_files_that_are_new_are_taken(monday: Path, tmp_path: Path) -> None:
    both = write_part(tmp_path / "second", [MONDAY, PartFile("tuesday.csv", [{}], bad_rows=[2])])
    assert commit_parts(monday, both) == CommitSummary(1, 0, 1, 1)
    assert count(monday) == (3, 3, 2, 2)


@pytest.mark.slow
def test_a_second_model_adds_scores_and_no_texts(monday: Path, tmp_path: Path) -> None:
    added = commit_parts(monday, write_part(tmp_path / "b", [MONDAY], "model-b"))
    assert added == CommitSummary(0, 0, 0, 0, files_rescored=1, rows_rescored=2)
    assert count(monday) == (2, 4, 1, 2)


def test_of_a_refused_file_only_its_ledger_row_is_kept(warehouse: Path, tmp_path: Path) -> None:
    refused = PartFile("broken.csv", [{}, {}], bad_rows=[3], status="refused")
    part = write_part(tmp_path / "part", [refused, MONDAY])
    assert commit_parts(warehouse, part) == CommitSummary(1, 1, 2, 1)
    assert count(warehouse) == (2, 2, 1, 2)
    query = "SELECT uri, rule, detail FROM scored_files WHERE status = 'refused'"
    assert ask(warehouse, query) == [("broken.csv", "csv_broken", "line 3")]


@pytest.mark.slow
@pytest.mark.parametrize("model_id", ["model-a", "model-b"])
def test_a_refused_file_that_is_scored_later_loses_its_refusal(
    warehouse: Path, tmp_path: Path, model_id: str
) -> None:
    commit_parts(warehouse, write_part(tmp_path / "a", [PartFile("f.csv", status="refused")], "model-a"))
    [(refused_at,)] = ask(warehouse, "SELECT committed_at FROM scored_files")
    scored = write_part(tmp_path / "b", [PartFile("f.csv", [{}])], model_id)
    assert commit_parts(warehouse, scored) == CommitSummary(1, 0, 1, 0)
    query = f"SELECT model_id, status, rule, committed_at > '{refused_at}' FROM scored_files"
    assert ask(warehouse, query) == [(model_id, "scored", None, True)]


def test_a_refusal_does_not_undo_scores(warehouse: Path, tmp_path: Path) -> None:
    commit_parts(warehouse, write_part(tmp_path / "a", [PartFile("f.csv", [{}])]))
    refused = write_part(tmp_path / "b", [PartFile("f.csv", status="refused")])
    assert commit_parts(warehouse, refused) == CommitSummary(0, 0, 0, 0)
    assert ask(warehouse, "SELECT status FROM scored_files") == [("scored",)]


@pytest.mark.slow
def test_a_released_row_is_counted_as_scored_when_another_model_scores_its_file(
    warehouse: Path, tmp_path: Path
) -> None:
    commit_parts(warehouse, write_part(tmp_path / "a", [PartFile("f.csv", [{}], bad_rows=[2])], "model-a"))
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute("UPDATE quarantined_rows SET released_at = now(), released_by = 'someone'")
        released = "SELECT * REPLACE (2 AS row_number) FROM"
        connection.execute(f"INSERT INTO source_reviews {released} source_reviews")
        connection.execute(f"INSERT INTO scored_reviews {released} scored_reviews")
    again = write_part(tmp_path / "b", [PartFile("f.csv", [{}, {}])], "model-b")
    assert commit_parts(warehouse, again).rows_rescored == 2


BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a row that was read is lost": ({"rows_read": 3}, {}, "3 rows read; 2 scored"),
    "no count of the rows read": ({"rows_read": None}, {}, "None rows read"),
    "a row is there twice": ({}, {"row_number": 1}, "1 row numbers"),
    "a score that is not a number": ({}, {"score": float("nan")}, "CHECK constraint"),
    "a missing text": ({}, {"text": None, "text_sha256": "x"}, "NOT NULL"),
    "a status that is none": ({"status": "half"}, {}, "CHECK constraint"),
    "further columns that are no JSON": ({}, {"extra": "{half"}, "JSON"),
}


@pytest.mark.slow
@pytest.mark.parametrize("defect", BROKEN)
def test_a_broken_part_is_refused_whole(
    warehouse: Path, tmp_path: Path, defect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, row, message = BROKEN[defect]
    # The writer of parts would not write these: the schema has to let them through.
    loose = {
        name: pa.schema([each.with_nullable(True) for each in schema])
        for name, schema in PART_SCHEMAS.items()
    }
    monkeypatch.setattr("tests.support.warehouse_parts.PART_SCHEMAS", loose)
    bad = PartFile("bad.csv", [{}, row], ledger=ledger)
    part = write_part(tmp_path / "part", [MONDAY, bad])
    with pytest.raises(ContractError, match=message) as caught:
        commit_parts(warehouse, part)
    assert str(part) in str(caught.value)
    assert count(warehouse) == (0, 0, 0, 0)


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


@pytest.mark.parametrize(
    ("table", "damage", "message"),
    [
        (
            "source_reviews",
            lambda path: rewrite(path, lambda rows: rows.slice(1)),
            "2 scored .* 1 with one text",
        ),
        (
            "scored_reviews",
            lambda path: rewrite(path, lambda rows: rows.drop_columns("oov_rate")),
            "no column oov_rate",
        ),
        ("scored_reviews", lambda path: os.truncate(path, path.stat().st_size - 10), "is broken"),
        ("quarantined_rows", Path.unlink, r"quarantined_rows\.parquet: is missing"),
    ],
    ids=["a text lacks", "a column lacks", "cut short", "a table lacks"],
)
def test_a_part_with_a_damaged_table_is_refused_whole(
    warehouse: Path, tmp_path: Path, table: str, damage: Callable[[Path], None], message: str
) -> None:
    part = write_part(tmp_path / "part", [MONDAY])
    damage(part / f"{table}.parquet")
    with pytest.raises(ContractError, match=message):
        commit_parts(warehouse, part)
    assert count(warehouse) == (0, 0, 0, 0)


def test_a_part_that_holds_a_file_twice_is_refused(warehouse: Path, tmp_path: Path) -> None:
    part = write_part(tmp_path / "part", [PartFile("f.csv", [{}])] * 2)
    with pytest.raises(ContractError, match=r"f\.csv: 1 rows read; 2 scored"):
        commit_parts(warehouse, part)
    assert count(warehouse) == (0, 0, 0, 0)


def test_a_part_of_an_older_version_is_of_the_default_source(warehouse: Path, tmp_path: Path) -> None:
    part = write_part(tmp_path / "part", [MONDAY])
    rewrite(part / "scored_files.parquet", lambda files: files.drop_columns(["source", "profile_version"]))
    commit_parts(warehouse, part)
    query = "SELECT DISTINCT source, file_source FROM scored_reviews, source_reviews"
    assert ask(warehouse, query) == [("default", "default")]


def test_a_home_may_have_any_name(tmp_path: Path) -> None:
    home = tmp_path / "it's [my] *home* ümlaut"
    part = write_part(home / "part?", [MONDAY])
    assert commit_parts(home / "reviews.duckdb", part).files_scored == 1


@pytest.mark.process
def test_two_processes_that_commit_one_part_at_once_give_it_once(warehouse: Path, tmp_path: Path) -> None:
    part = write_large_part(tmp_path / "part", rows=5000)
    with make_context().Pool(2) as pool:
        summaries = pool.starmap(commit_parts, [(warehouse, part)] * 2)
    assert sorted(summary.rows_scored for summary in summaries) == [0, 5000]
    assert count(warehouse) == (5000, 5000, 0, 1)


def test_a_commit_that_finds_no_space_for_its_checkpoint_is_a_commit(warehouse: Path, tmp_path: Path) -> None:
    part = write_large_part(tmp_path / "part", rows=300)
    with open_warehouse(warehouse, write=True):
        size = warehouse.stat().st_size
    with limit_file_size(size):
        assert commit_parts(warehouse, part).rows_scored == 300
    assert count(warehouse) == (300, 300, 0, 1)


@pytest.fixture(scope="module")
def large_part(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A part with a slow commit, and the time of the commit in seconds."""
    folder = tmp_path_factory.mktemp("large")
    part = write_large_part(folder / "part", rows=20_000)
    started = time.monotonic()
    start(commit_parts, folder / "undisturbed.duckdb", part).join()
    return part, time.monotonic() - started


@pytest.mark.process
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_commit_killed_at_any_moment_leaves_all_or_nothing(
    warehouse: Path, large_part: tuple[Path, float], share: float
) -> None:
    part, seconds = large_part
    process = start(commit_parts, warehouse, part)
    time.sleep(share * seconds)
    process.kill()
    process.join()
    assert count(warehouse) in {(0, 0, 0, 0), (20_000, 20_000, 0, 1)}
    commit_parts(warehouse, part)
    assert count(warehouse) == (20_000, 20_000, 0, 1)
