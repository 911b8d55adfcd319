"""Tests that a source is named once if an earlier version found its columns by their values."""

from pathlib import Path

from data_contracts.readings import judge_columns
from data_contracts.storage.home import Home
from tasks.scoring.unclear_values import list_unclear
from tasks.warehouse.latest_scores import rebuild
from tasks.warehouse.run_log import make_check_rows
from tests.support.databases import borrow_tables
from tests.unit.view_tables import add_file, add_rows


def name_source(
    folder: Path, new: str, *, has_result: bool = False, rating: float | None = None
) -> list[str]:
    """Return what is said of columns that were found before, in a run that scores a file after one with ratings."""
    with borrow_tables() as connection:
        add_file(connection, "shop-a/may.csv", [{"given_rating": 8.0}], run_id="old")
        if has_result:
            result = judge_columns("shop-a/may.csv", "default", [], {})
            record = make_check_rows("old", [result]).to_pylist()
            add_rows(connection, "contract_results", record)
        add_file(connection, new, [{"given_rating": rating}], day=1, run_id="new")
        rebuild(connection)
        return [each for each in list_unclear(connection, Home(folder), ["new"]) if "earlier version" in each]


def test_a_source_whose_columns_an_earlier_version_found_is_named_with_what_reads_them(
    tmp_path: Path,
) -> None:
    [said] = name_source(tmp_path, "shop-a/june.csv")
    assert "given_rating" in said
    assert f"reviews sources init shop-a {tmp_path}/inbox/shop-a/june.csv" in said


def test_it_is_named_once(tmp_path: Path) -> None:
    assert name_source(tmp_path, "shop-a/june.csv", has_result=True) == []


def test_a_source_whose_columns_are_found_by_their_names_too_is_not_named(tmp_path: Path) -> None:
    assert name_source(tmp_path, "shop-a/june.csv", rating=6.0) == []


def test_a_file_of_another_source_names_none(tmp_path: Path) -> None:
    assert name_source(tmp_path, "shop-b/june.csv") == []
