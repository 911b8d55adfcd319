"""Tests of the facts of a report: the run that a name means, and the facts of a scoring run."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data_contracts.errors import UsageError, WarehouseError
from data_contracts.storage.home import Home
from tasks.pages.sections import Rows
from tasks.report.run_choice import find_run
from tasks.report.writing import write_report
from tasks.warehouse.run_log import Run, end_run, record_checks, start_run
from tests.support.failures import make_failure
from tests.support.filled_tables import FilledTables, fill_tables
from tests.support.report_homes import NEXT_RUN, RUN, change, make_run, promote, read_report_of
from tests.support.warehouse_parts import NOON, PartFile

ROWS: list[dict[str, Any]] = [
    {"review_id": f"r{number}", "movie_id": "tt1", "score": number / 10, "given_rating": float(number + 1)}
    for number in range(10)
]


@pytest.fixture
def tables() -> Iterator[FilledTables]:
    with fill_tables() as filled:
        yield filled


def find(tables: FilledTables, name: str) -> str:
    return find_run(tables.ask, name)[0]


def test_the_latest_run_is_the_newest_that_did_something(tables: FilledTables) -> None:
    tables.run([PartFile("f.csv", ROWS)])
    tables.run([], NEXT_RUN)
    assert find(tables, "latest") == RUN


def test_a_run_is_found_by_the_beginning_of_its_id(tables: FilledTables) -> None:
    for run_id in (RUN, NEXT_RUN):
        tables.run([], run_id)
    assert (find(tables, "1"), find(tables, NEXT_RUN)) == (RUN, NEXT_RUN)


def test_what_names_no_run_several_or_one_of_another_flow_is_wrong_usage(tables: FilledTables) -> None:
    for run_id in (RUN, RUN.replace("8111", "8112")):
        tables.run([], run_id)
    tables.run([], NEXT_RUN, flow="ingest-reviews")
    with pytest.raises(UsageError, match=r"begins with '9\\\\x1b'"):
        find(tables, "9\x1b")
    with pytest.raises(UsageError, match=f"several run ids: .*{RUN}"):
        find(tables, "1111")
    with pytest.raises(UsageError, match="is of ingest-reviews"):
        find(tables, NEXT_RUN)


@pytest.mark.slow
def test_a_run_has_its_own_files_rows_and_checks(tmp_path: Path) -> None:
    make_run(tmp_path, [PartFile("f.csv", ROWS, bad_rows=[11, 12]), PartFile("bad.csv", status="refused")])
    warehouse = make_run(tmp_path, [PartFile("g.csv", ROWS[:3])], NEXT_RUN)
    record_checks(
        Run(Home(warehouse.parent), RUN),
        [make_failure(severity="warning", boundary="review_files", rule="text_blank")],
    )
    promote(warehouse)
    first, second = read_report_of(tmp_path), read_report_of(tmp_path, NEXT_RUN)
    assert read_totals(first) == (10, 1, 1, 0, 12, 0, 2, 0)
    assert [(row["file"], row["rule"]) for row in first["run-refused"]] == [("bad.csv", "csv_broken")]
    assert [(row["rule"], row["rows"]) for row in first["run-quarantined"]] == [("text_encoding", 2)]
    assert [(row["rule"], row["rows_against_it"]) for row in first["run-contracts"]] == [("text_blank", 1200)]
    assert (read_totals(second)[:2], second["run-contracts"]) == ((3, 1), [])
    assert [row["model_id"] for row in second["run-lineage"]] == ["model-a"]


def read_totals(report: dict[str, Rows]) -> tuple[int, ...]:
    [row] = report["run-figures"]
    names = ("reviews", "files", "files_refused", "files_rescored", "rows_read", "rows_read_again")
    return tuple(row[name] for name in (*names, "rows_quarantined", "rows_without_text"))


@pytest.mark.slow
def test_what_a_killed_run_left_behind_belongs_to_the_run_that_committed_it(tmp_path: Path) -> None:
    from tasks.warehouse.commit import commit_parts

    warehouse = make_run(tmp_path, [PartFile("left.csv", ROWS)], status=None, commit=False)
    start_run(warehouse, NEXT_RUN, "score-reviews", {}, "code")
    commit_parts(warehouse, tmp_path / "parts" / f"{RUN}-model-a")
    end_run(warehouse, NEXT_RUN, "completed", {"files_scored": 1})
    change(warehouse)
    report = read_report_of(tmp_path, NEXT_RUN)
    assert [row["file"] for row in report["run-files"]] == ["left.csv"]
    assert report["run-figures"][0]["killed_run"] == RUN


def test_near_copies_count_once_in_the_reports_of_all_runs_as_in_live_accuracy(tables: FilledTables) -> None:
    copy: dict[str, Any] = {"score": 0.9, "given_label": "negative", "near_key": 7}
    honest: dict[str, Any] = {"score": 0.9, "given_label": "positive"}
    tables.promote()
    tables.run([PartFile("f.csv", [{**copy, "text": "a"}, {**copy, "text": "b"}, {**honest, "text": "c"}])])
    later = {"scored_at": NOON + timedelta(hours=9)}
    tables.run(
        [PartFile("g.csv", [{**copy, **later, "text": "d"}, {**honest, **later, "text": "e"}])], NEXT_RUN
    )
    tables.settle()
    reported = [tables.read_report(run_id)["period-sources"][0] for run_id in (RUN, NEXT_RUN)]
    assert [(found["judged"], found["share_called_right"]) for found in reported] == [(2, 0.5), (1, 1.0)]
    assert tables.ask("SELECT sum(labelled_reviews) AS labelled FROM live_accuracy") == [{"labelled": 3}]


def test_a_model_that_was_promoted_by_force_is_told_where_it_scored(tables: FilledTables) -> None:
    tables.run([PartFile("f.csv", ROWS)])
    tables.change(
        'INSERT INTO gate_checks (decision, name, model_id, mode, promoted, passed, detail, "at") VALUES '
        "(1, 'cost', 'model-a', 'always', true, true, '', '2000-01-01'), "
        "(1, 'accuracy', 'model-a', 'always', true, false, '', '2000-01-01'), "
        "(2, 'log_loss', 'model-a', 'always', true, false, '', '2999-01-01')"
    )
    words = [row["words"] for row in tables.read_report()["run-verdict"]]
    assert "Promoted although it broke rules of the gate: model-a (accuracy)." in words


def test_a_copy_that_an_older_version_published_is_refused_with_the_next_step(tmp_path: Path) -> None:
    make_run(tmp_path, [PartFile("f.csv", ROWS)])
    with duckdb.connect(str(Home(tmp_path).published)) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE version > 4")
    with pytest.raises(WarehouseError, match=r"older version .* Next: run `reviews score`"):
        write_report(Home(tmp_path))
