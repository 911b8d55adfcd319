"""Tests of `reviews site`, of the pages of weeks, and that `reviews forget` leaves no byte in pages."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from data_contracts.storage.home import Home
from flows.command.cli import main
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.report.weeks import find_last_week
from tasks.site.pages import make_page
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish
from tests.support.scoring_runs import copy_scored_home, drop, run
from tests.support.small_home import ask, copy_home

SECRET = "zebrafish"
CSV = (
    "review_id,movie_id,text\n"
    f"r1,tt0000001,good film\nr2,tt0000001,a bad {SECRET} plot\nr3,tt0000002,a {SECRET} film\n"
)


def list_told(home: Home) -> list[tuple[str, str]]:
    """Return the weeks of which runs told, with the addresses of their pages."""
    found = ask(home.warehouse, "select subject, what from findings where kind = 'week' order by all")
    return [(week, what.rpartition(" ")[2]) for week, what in found]


@pytest.fixture
def home(home: Home) -> Home:
    """A home with scored reviews."""
    return copy_home(home, "site", lambda made: copy_scored_home(made, {"a.csv": CSV}))


def backdate(home: Home) -> None:
    """Let all files of a home have come a week earlier."""
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("UPDATE scored_files SET committed_at = committed_at - INTERVAL 7 DAY")
    publish(home)


@pytest.mark.slow
def test_the_command_writes_all_pages_into_a_folder_and_says_where_to_look(
    home: Home, tmp_path: Path
) -> None:
    done = CliRunner().invoke(main, ["site", str(tmp_path / "share")])
    assert done.exit_code == 0
    index = tmp_path / "share" / "index.html"
    assert done.output == f"Wrote the pages of 2 movies\n  open {index.as_uri()}\n"
    assert index.is_file()


@pytest.mark.parametrize("name", [".", "reports", "published"])
def test_no_pages_are_written_where_the_home_keeps_its_own_files(name: str, home: Home) -> None:
    (home.folder / name).mkdir(exist_ok=True)
    done = CliRunner().invoke(main, ["site", str(home.folder / name)])
    assert (done.exit_code, "which must not be changed" in done.output) == (2, True)


@pytest.mark.slow
def test_the_first_run_after_a_week_writes_its_page_if_asked_for_and_the_two_link_each_other(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVIEWS_SITE_PORT", "8400")
    run()
    assert list_told(home) == []
    monkeypatch.setenv("REVIEWS_WEEKS", "true")
    backdate(home)
    run()
    run()
    week = find_last_week(datetime.now(UTC)).name
    assert list_told(home) == [(week, f"http://127.0.0.1:8400/reports/week-{week}.html")]
    assert f"../reports/week-{week}.html" in (make_page(home, "index.html", {}) or "")
    assert "../site/index.html" in (home.reports / f"week-{week}.html").read_text("utf-8")


@pytest.mark.slow
def test_the_command_writes_the_page_of_the_week_that_is_named(home: Home) -> None:
    done = CliRunner().invoke(main, ["report", "--week", "2026-w47"])
    assert done.exit_code == 0
    assert done.output.startswith("2026-W47 (16 November to 22 November 2026): ")
    assert done.output.endswith(f"Wrote {home.reports / 'week-2026-W47.html'}\n")
    assert CliRunner().invoke(main, ["report", "--week", "last"]).exit_code == 2


@pytest.mark.slow
def test_a_forgotten_text_leaves_the_pages_of_weeks_too(home: Home) -> None:
    rows = "".join(f"{number},tt9,a {SECRET} film {number},{number}/10\n" for number in (1, 10))
    drop(home, "rated.csv", f"review_id,movie_id,text,rating\n{rows}")  # one of them is called wrong
    run()
    week = find_last_week(datetime.now(UTC)).add(1).name
    CliRunner().invoke(main, ["report", "--week", week])
    assert SECRET in (home.reports / f"week-{week}.html").read_text("utf-8")
    said: list[str] = []
    forget_everywhere(home, ForgetRequest("tt9", "movie", "ann"), said.append)
    assert list(home.reports.glob("*.html")) == []
    assert any(f"(to write it again: reviews report --week {week})" in line for line in said)
