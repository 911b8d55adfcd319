"""Tests of `reviews export` after changes of the database: releases, later models, forgetting, restores."""

from typing import Any

import duckdb
import pytest

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from deployments.settings import load_settings
from flows.command.actions.export import export
from tasks.backups.home_backup import back_up_home, restore_home
from tasks.exports.export_files import ExportRequest
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.maintenance.quarantine import Choice, ReleaseRequest, release
from tests.support.scoring_runs import drop, run
from tests.support.small_home import ask, copy_home, copy_scoring_home

SECRET = "zebrafish"
ROWS = f"review_id,text\nr1,good film\nr2,a bad {SECRET} plot\nr3,{'bad ' * 40}\n"
KEYS = "source_sha256, row_number, model_id, run_id"


def do_export(home: Home, *, only_new: bool = False) -> str:
    return export(home, None, ExportRequest(only_new=only_new))


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
    assert do_export(home).startswith("Exported 2 scored rows")


@pytest.mark.slow
def test_forgetting_names_the_export_which_is_then_made_anew_without_it(home: Home) -> None:
    said: list[str] = []
    forget_everywhere(home, ForgetRequest("r2", "review", "ann"), said.append)
    assert f"  may still hold it: {home.exports}" in said
    assert any("`reviews export` without --new" in line for line in said)
    assert len(read(home)) == 2
    do_export(home)
    assert read(home) == expect(home)
    assert len(read(home)) == 1


@pytest.mark.slow
def test_forgetting_names_the_export_of_the_current_scores_which_is_then_made_anew_without_it(
    home: Home,
) -> None:
    def read_texts() -> list[tuple[str]]:
        return duckdb.execute(f"select text from '{home.current_export}/latest_scores.parquet'").fetchall()

    export(home, None, ExportRequest(current=True))
    said: list[str] = []
    forget_everywhere(home, ForgetRequest("r2", "review", "ann"), said.append)
    assert f"  may still hold it: {home.current_export}" in said
    assert any("`reviews export --current` replaces" in line for line in said)
    assert any(SECRET in text for (text,) in read_texts())
    export(home, None, ExportRequest(current=True))
    assert not any(SECRET in text for (text,) in read_texts())


@pytest.mark.slow
def test_forgetting_names_no_export_where_there_is_none(home: Home) -> None:
    for path in sorted(home.exports.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    said: list[str] = []
    forget_everywhere(home, ForgetRequest("r2", "review", "ann"), said.append)
    assert not [line for line in said if "export" in line]


@pytest.mark.slow
def test_a_release_after_forgetting_comes_with_the_next_new_export(home: Home) -> None:
    forget_everywhere(home, ForgetRequest("r1", "review", "ann"), quiet)
    forget_everywhere(home, ForgetRequest("r2", "review", "ann"), quiet)
    release(home, ReleaseRequest(Choice(), "ann", load_settings().limits, "utf-8"), quiet)
    assert do_export(home, only_new=True).startswith("Exported 1 scored row ")


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
def test_after_a_restore_to_before_the_export_a_new_one_is_refused(later_home: Home) -> None:
    restore_home(later_home, later_home.folder / "backup", quiet)
    assert do_export(later_home, only_new=True).startswith("Nothing new")
    run()
    with pytest.raises(UsageError, match="export everything again, without --new"):
        do_export(later_home, only_new=True)
    forget_everywhere(later_home, ForgetRequest("b2", "review", "ann"), quiet)
    with pytest.raises(UsageError, match="export everything again, without --new"):
        do_export(later_home, only_new=True)
    do_export(later_home)
    assert read(later_home) == expect(later_home)
