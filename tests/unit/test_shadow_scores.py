"""Tests that the scores of the shadow are committed once, whole, and only for rows that there are."""

from pathlib import Path

import pytest

from tasks.warehouse.commit import commit_parts
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.shadow.scores import ShadowCount, commit_shadow_scores, count_shadow_scores
from tests.support.warehouse_parts import PartFile, write_part

MONDAY = PartFile("monday.csv", [{"review_id": "r1"}, {"review_id": "r2"}], bad_rows=[3])


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A database in which the champion has scored a file."""
    path = tmp_path / "home" / "reviews.duckdb"
    commit_parts(path, write_part(tmp_path / "champion", [MONDAY]))
    return path


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """The shadow's scores of this file, and of another that nobody has committed."""
    return write_part(tmp_path / "shadow", [MONDAY, PartFile("tuesday.csv", [{}])], "model-s")


def commit(warehouse: Path, part: Path) -> ShadowCount:
    return commit_shadow_scores(warehouse, part, "model-s", "run-2")


def change(warehouse: Path, statement: str) -> None:
    with open_warehouse(warehouse, write=True) as connection:
        connection.execute(statement)


def test_the_scores_of_a_file_that_counts_are_added_with_its_ledger_row(warehouse: Path, part: Path) -> None:
    assert commit(warehouse, part) == ShadowCount(files=1, rows=2)
    with open_warehouse(warehouse, write=False) as connection:
        query = (
            "SELECT uri, shadow.model_id, rows, shadow.run_id FROM shadow_files AS shadow JOIN scored_files "
        )
        query += "USING (source_sha256)"
        assert connection.execute(query).fetchall() == [("monday.csv", "model-s", 2, "run-2")]
        assert connection.execute("SELECT count(*) FROM shadow_scores").fetchall() == [(2,)]
        assert connection.execute("SELECT DISTINCT model_id FROM scored_reviews").fetchall() == [("model-a",)]


@pytest.mark.slow
def test_scores_that_are_committed_again_add_nothing(warehouse: Path, part: Path) -> None:
    commit(warehouse, part)
    commit(warehouse, part)
    assert count_shadow_scores(warehouse, "model-s") == ShadowCount(1, 2)
    with open_warehouse(warehouse, write=False) as connection:
        assert connection.execute("SELECT count(*) FROM shadow_scores").fetchall() == [(2,)]


def test_a_row_that_was_forgotten_meanwhile_gets_no_score(warehouse: Path, part: Path) -> None:
    change(warehouse, "DELETE FROM source_reviews WHERE review_id = 'r1'")
    assert commit(warehouse, part) == ShadowCount(1, 1)


def test_a_reading_that_counts_no_more_gets_no_scores(warehouse: Path, part: Path) -> None:
    change(warehouse, "UPDATE scored_files SET superseded_at = now()")
    assert commit(warehouse, part) == ShadowCount(0, 0)
