"""Tests that runs bring the site up to date if they are asked to, and that `reviews forget` leaves no byte in it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from data_contracts.errors import SourceError
from data_contracts.storage.home import Home
from flows.command.cli import main
from tasks.maintenance import forgetting
from tasks.maintenance.forgetting import ForgetRequest
from tasks.maintenance.forgetting_everywhere import forget_everywhere
from tasks.site import writing
from tasks.stages import write_pages
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish
from tasks.week.due_weeks import find_last_week
from tests.support.scoring_runs import copy_scored_home, drop, run
from tests.support.sites import list_broken_links, read_pages
from tests.support.small_home import copy_home

SECRET = "zebrafish"
CSV = (
    "review_id,movie_id,text\n"
    f"r1,tt0000001,good film\nr2,tt0000001,a bad {SECRET} plot\nr3,tt0000002,a {SECRET} film\n"
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The weeks of which a run told, with the addresses of their pages."""
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(write_pages, "emit_week", lambda week, text, url: told.append((week, url)))
    return told


@pytest.fixture
def home(home: Home) -> Home:
    """A home with scored reviews and a site."""

    def fill(made: Home) -> None:
        copy_scored_home(made, {"a.csv": CSV})
        assert CliRunner().invoke(main, ["site"]).exit_code == 0

    return copy_home(home, "site", fill)


def backdate(home: Home) -> None:
    """Let all files of a home have come a week earlier."""
    with open_warehouse(home.warehouse, write=True) as connection:
        connection.execute("UPDATE scored_files SET committed_at = committed_at - INTERVAL 7 DAY")
    publish(home)


def find_secret(home: Home) -> list[Path]:
    return [path for path in home.site.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


@pytest.mark.slow
def test_the_command_says_what_it_wrote_and_where_to_look(home: Home) -> None:
    done = CliRunner().invoke(main, ["site", "--all"])
    said = f"Wrote 2 pages of 2 movies\n  open {(home.site / 'index.html').as_uri()}\n"
    later = f"  The site shows what is scored by now. Later: reviews --home {home.folder} site (or set REVIEWS_SITE"
    assert done.exit_code == 0
    assert done.output.startswith(said + later)
    assert list(list_broken_links(home)) == []


@pytest.mark.slow
def test_a_run_leaves_the_site_alone_unless_the_setting_asks_for_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for asked in ("false", "true"):
        monkeypatch.setenv("REVIEWS_SITE", asked)
        drop(home, f"{asked}.csv", f"movie_id,text\ntt000000{len(asked)},good film {asked}\n")
        run()
    text = {name: page.text for name, page in read_pages(home).items()}
    assert "good film true" in text["movies/tt0000004.html"]
    assert "good film false" in text["movies/tt0000005.html"]
    assert list(list_broken_links(home)) == []


@pytest.mark.slow
def test_the_first_run_after_a_week_writes_its_page_if_asked_for_and_the_site_links_it(
    home: Home, monkeypatch: pytest.MonkeyPatch, told: list[tuple[str, str]]
) -> None:
    monkeypatch.setenv("REVIEWS_SITE", "true")
    monkeypatch.setenv("REVIEWS_SITE_PORT", "8400")
    run()
    assert told == []
    monkeypatch.setenv("REVIEWS_WEEKS", "true")
    backdate(home)
    run()
    run()
    week = find_last_week(datetime.now(UTC)).name
    assert told == [(week, f"http://127.0.0.1:8400/reports/week-{week}.html")]
    assert f"../reports/week-{week}.html" in read_pages(home)["index.html"].values("href")
    assert list(list_broken_links(home)) == []


@pytest.mark.slow
def test_a_page_of_a_week_that_can_not_be_made_fails_no_run_and_is_tried_again(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    told: list[tuple[str, str]],
) -> None:
    monkeypatch.setenv("REVIEWS_WEEKS", "true")
    backdate(home)
    home.titles.write_text("what is this")
    run()
    assert "The page of a week was not written (" in capsys.readouterr().err
    home.titles.unlink()
    run()
    assert [url.startswith("file:///") for _, url in told] == [True]


@pytest.mark.slow
def test_the_command_writes_the_page_of_the_week_that_is_named(home: Home) -> None:
    done = CliRunner().invoke(main, ["report", "--week", "2026-w47"])
    assert done.exit_code == 0
    assert done.output.startswith("2026-W47 (16 to 22 November 2026): ")
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


@pytest.mark.slow
def test_a_site_that_can_not_be_made_fails_no_run(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVIEWS_SITE", "true")
    home.titles.write_text("what is this")
    drop(home, "b.csv", "text\ngood film\n")
    assert run().rows_scored == 1
    said = capsys.readouterr().err
    assert "The site was not written (" in said
    assert "Next: reviews site" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", ["r2", "r3"])
def test_forgetting_leaves_no_byte_of_the_text_in_the_site_which_stays_whole(name: str, home: Home) -> None:
    said: list[str] = []
    assert len(find_secret(home)) == 2
    forget_everywhere(home, ForgetRequest(name, "review", "ann"), said.append)
    assert len(find_secret(home)) == 1
    assert "  1 page of the site showed it: the site was made anew without it" in said
    assert list(list_broken_links(home)) == []


@pytest.mark.slow
def test_where_the_site_can_not_be_renewed_the_page_is_deleted_all_the_same(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> None:
        raise SourceError("the disk is full.")

    said: list[str] = []
    monkeypatch.setattr(writing, "write_site", fail)
    forget_everywhere(home, ForgetRequest("tt0000001", "movie", "ann"), said.append)
    forget_everywhere(home, ForgetRequest("r3", "review", "ann"), said.append)
    assert find_secret(home) == []
    assert any("showed it: deleted" in line for line in said)
    assert any(
        "The site was not brought up to date (the disk is full.). Next: reviews site" in line for line in said
    )


@pytest.mark.slow
def test_what_a_killed_forget_left_in_the_site_is_deleted_by_the_next_run(home: Home) -> None:
    forgetting.forget(home.warehouse, ForgetRequest("r3", None, "ann"), "review")
    run()
    assert [path.name for path in find_secret(home)] == ["tt0000001.html"]
