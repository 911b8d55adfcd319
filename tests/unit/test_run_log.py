"""Tests that every run and every check is recorded, whatever its result."""

import json
from pathlib import Path
from typing import Any

from data_contracts.expectations import CheckResult
from data_contracts.storage.home import Home
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import needs_publishing, publish
from tasks.warehouse.run_log import Run, end_run, list_killed, record_checks, record_run, start_run


def ask(warehouse: Path, query: str) -> list[tuple[Any, ...]]:
    with open_warehouse(warehouse, write=False) as connection:
        return connection.execute(query).fetchall()


def test_a_run_has_a_row_that_says_with_what_it_began_how_it_ended_and_with_what(warehouse: Path) -> None:
    start_run(warehouse, "run-1", "score-reviews", {"files": None, "path": Path("a")}, "abc123")
    (row,) = ask(warehouse, "SELECT status, parameters, code_version FROM runs")
    assert (row[0], json.loads(row[1]), row[2]) == ("running", {"files": None, "path": "a"}, "abc123")
    end_run(warehouse, "run-1", "completed", {"rows_scored": 7})
    query = "SELECT status, counts->>'rows_scored', ended_at >= started_at FROM runs"
    assert ask(warehouse, query) == [("completed", "7", True)]


def test_a_run_that_is_retried_goes_on_in_its_row(warehouse: Path) -> None:
    start_run(warehouse, "run-1", "score-reviews", {}, None)
    end_run(warehouse, "run-1", "failed", {})
    start_run(warehouse, "run-1", "score-reviews", {}, None)
    assert ask(warehouse, "SELECT status, ended_at FROM runs") == [("running", None)]


def test_a_run_that_was_killed_is_recorded_as_stopped_by_the_next_one_and_published(tmp_path: Path) -> None:
    home = Home(tmp_path)
    start_run(home.warehouse, "killed", "train-model", {}, None)  # and its process is gone
    publish(home)
    assert [run["run_id"] for run in list_killed(home)] == ["killed"]
    with record_run(home, "first", "train-model", {}), record_run(home, "second", "score-reviews", {}):
        query = "SELECT run_id, status FROM runs ORDER BY run_id"
        assert dict(ask(home.warehouse, query)) == {
            "first": "running",
            "killed": "stopped",
            "second": "running",
        }
        assert list_killed(home) == []
    assert needs_publishing(home)
    assert dict(ask(home.warehouse, query)) == {
        "first": "completed",
        "killed": "stopped",
        "second": "completed",
    }
    assert list(home.running.iterdir()) == []


def test_every_check_leaves_a_row(warehouse: Path) -> None:
    passed = CheckResult("archive", "counts_fit", "expect_x", "reviews", "error", True, "25,000", "25,000", 0)
    rule = ("scored_reviews", "score_row_texts", "expect_y", "score", "warning")
    failed = CheckResult(*rule, False, "NaN", "finite", 2, (1, 2), "s1")
    record_checks(Run(Home(warehouse.parent), "run-1"), [passed, failed])
    record_checks(Run(Home(warehouse.parent), "run-1"), [])
    query = "SELECT run_id, rule, source_sha256, severity, success, unexpected_count, checked_at IS NOT NULL"
    assert ask(warehouse, f"{query} FROM contract_results ORDER BY boundary") == [
        ("run-1", "counts_fit", None, "error", True, 0, True),
        ("run-1", "score_row_texts", "s1", "warning", False, 2, True),
    ]
