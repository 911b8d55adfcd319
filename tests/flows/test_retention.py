"""Tests of what the settings have runs move or delete: scored files, and the bytes of old quarantined rows."""

import pytest

from data_contracts.storage.home import Home
from tasks.maintenance.verification import verify_home
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tests.support.scoring_runs import CSV, count, drop, run
from tests.support.small_home import ask


@pytest.fixture
def moving(scoring_home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("REVIEWS_SCORED_FILES", "move")
    return scoring_home


def list_moved(home: Home) -> list[str]:
    return sorted(path.relative_to(home.scored).as_posix() for path in home.scored.rglob("*.csv"))


@pytest.mark.slow
def test_scored_files_go_to_a_folder_of_the_day_and_refused_ones_stay(moving: Home) -> None:
    drop(moving, "deep/a.csv", CSV)
    refused = drop(moving, "bad.csv", "no,thing\n1,2\n")
    run()
    assert [name.partition("/")[2] for name in list_moved(moving)] == ["deep/a.csv"]
    assert refused.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["a.csv", f"{'n' * 251}.csv"])
def test_a_file_of_a_name_that_is_taken_goes_under_another_however_long_it_is(
    moving: Home, name: str
) -> None:
    for text in ("good film", "good plot"):
        drop(moving, name, f"text\n{text}\n")
        run()
    assert len(list_moved(moving)) == 2


@pytest.mark.slow
def test_a_file_that_cannot_be_moved_stays_and_fails_no_run(moving: Home) -> None:
    moving.scored.write_text("in the way")
    path = drop(moving, "a.csv", CSV)
    assert run().rows_scored == 2
    assert path.exists()


def test_what_a_killed_run_did_not_move_the_next_one_does(
    scored_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_SCORED_FILES", "move")
    assert run().files_scored == 0
    assert len(list_moved(scored_home)) == 1


@pytest.mark.slow
def test_the_bytes_of_old_bad_rows_go_and_that_they_were_stays(
    scoring_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(scoring_home, "a.csv", CSV)
    drop(scoring_home, "b.csv", "text\ngood\n??\n")
    run()
    with open_warehouse(scoring_home.warehouse, write=True) as connection:
        connection.execute(
            "update quarantined_rows set quarantined_at = now() - interval 8 day where uri = 'a.csv'"
        ).fetchall()
    monkeypatch.setenv("REVIEWS_KEEP_QUARANTINE_DAYS", "7")
    run()
    kept = ask(scoring_home.warehouse, "select uri, raw from quarantined_rows order by uri")
    assert kept == [("a.csv", None), ("b.csv", b"??")]
    assert count(scoring_home, "quarantined_rows") == 2
    verify_home(scoring_home, lambda said: None)
