"""Tests of `reviews export` after changes of the database: releases, later models, forgetting, restores."""

from dataclasses import replace
from typing import Any

import duckdb
import pytest

from data_contracts.storage.home import Home
from deployments.settings import load_settings
from tasks.delivery.delivering import EXPORTED, ExportRequest, export
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.maintenance.quarantine import Choice, ReleaseRequest, release
from tasks.snapshots.home_backup import back_up_home, restore_home
from tests.support.scoring_runs import drop, run
from tests.support.small_home import ask, copy_home, copy_scoring_home

SECRET = "zebrafish"
ROWS = f"review_id,text\nr1,good film\nr2,a bad {SECRET} plot\nr3,{'bad ' * 40}\n"
KEYS = "source_sha256, row_number, model_id, run_id"


def do_export(home: Home, *, only_new: bool = False) -> int:
    return export(home, None, ExportRequest(only_new=only_new))[1].rows


def read(home: Home) -> list[tuple[Any, ...]]:
    files = f"read_parquet('{home.exports}/**/*.parquet', hive_partitioning = true)"
    return duckdb.execute(f"select {KEYS} from {files} order by all").fetchall()


def expect(home: Home) -> list[tuple[Any, ...]]:
    return ask(home.published, f"select {KEYS} from scored_reviews order by all")


def quiet(said: str) -> None:
    pass


@pytest.fixture
def home(home: Home) -> Home:
    """A home with two scored and exported rows, and a quarantined long one that the settings now allow."""
    return copy_home(home, "exported", fill)


def fill(home: Home) -> None:
    copy_scoring_home(home)
    drop(home, "a.csv", ROWS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REVIEWS_MAX_TEXT_CHARS", "100")
        run()
    assert do_export(home) == 2


@pytest.mark.slow
def test_what_is_forgotten_leaves_the_exports_of_the_home(home: Home) -> None:
    export(home, None, ExportRequest("csv", replace(EXPORTED, rows="current")))
    said: list[str] = []
    forget_everywhere(home, ForgetRequest("r2", "review", "ann"), said.append)
    assert not [line for line in said if "export" in line]
    assert (read(home), len(read(home))) == (expect(home), 1)
    assert SECRET not in (home.current_export / "latest_scores.csv").read_text()


@pytest.mark.slow
def test_forgetting_names_an_export_of_an_earlier_version(home: Home) -> None:
    (home.exports / "_delivered.json").rename(home.exports / "_exported.json")
    said: list[str] = []
    forget_everywhere(home, ForgetRequest("r2", "review", "ann"), said.append)
    assert any("may still hold it" in line and str(home.exports) in line for line in said)


@pytest.mark.slow
def test_a_release_after_forgetting_comes_with_the_next_new_export(home: Home) -> None:
    forget_everywhere(home, ForgetRequest("r1", "review", "ann"), quiet)
    forget_everywhere(home, ForgetRequest("r2", "review", "ann"), quiet)
    release(home, ReleaseRequest(Choice(), "ann", load_settings().limits, "utf-8"), quiet)
    assert do_export(home, only_new=True) == 1


@pytest.fixture
def later_home(empty_home: Home) -> Home:
    """A home with a backup of before its last file, which was scored and exported."""

    def fill_later(made: Home) -> None:
        copy_home(made, "exported", fill)
        back_up_home(made, made.folder / "backup", quiet)
        drop(made, "b.csv", "review_id,movie_id,text\nb1,tt9,good plot\nb2,tt9,bad film\n")
        run()
        do_export(made, only_new=True)

    return copy_home(empty_home, "exported-later", fill_later)


@pytest.mark.slow
def test_after_a_restore_to_before_the_export_the_next_one_has_each_row_once(later_home: Home) -> None:
    restore_home(later_home, later_home.folder / "backup", quiet)
    do_export(later_home, only_new=True)
    assert read(later_home) == expect(later_home)
    run()
    do_export(later_home, only_new=True)
    assert (read(later_home), len(read(later_home))) == (expect(later_home), 4)
