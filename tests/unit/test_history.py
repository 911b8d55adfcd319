"""Tests of the history of a review: every row with what it gives, its scores, and why it counts or not."""

import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from data_contracts.storage.home import Home
from flows.command.cli import main
from tasks.explain.history import find_history, write_history
from tests.support.exported_homes import add, change
from tests.support.once import copy_once
from tests.support.warehouse_parts import NOON, hash_text

PROMOTE = "INSERT INTO promotions VALUES ({0}, 'promote', 'model-{1}', '', NULL, now(), NULL, NULL)"
LATER, EARLIER = NOON - timedelta(days=1), NOON - timedelta(days=9)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with the review r1 of two movies: one came four times, the other once."""
    home = Home(tmp_path / "home")
    copy_once("history", home.folder, lambda folder: fill(Home(folder)))
    return home


def fill(home: Home) -> None:
    change(home, PROMOTE.format(1, "a"))
    for name, reviewed_at in {"1": LATER, "2": EARLIER, "3": None, "4": EARLIER}.items():
        add(home, f"{name}.csv", [{"review_id": "r1", "movie_id": "tt1", "reviewed_at": reviewed_at}])
    add(home, "5.csv", [{"review_id": "r1", "movie_id": "tt2", "given_rating": 8.0, "text": "<b>\x1b[31m"}])
    change(home, PROMOTE.format(2, "b"))
    add(home, "1.csv", [{"review_id": "r1", "movie_id": "tt1", "score": 0.2}], "model-b")
    change(home, "UPDATE scored_files SET profile_version = 'abc' WHERE uri = '5.csv'")


def find(home: Home, name: str = "r1") -> list[Any]:
    return find_history(home.published, name)


def list_decisions(home: Home, name: str) -> list[str]:
    return [row["decided_by"] for row in find(home, name)[0]["rows"]]


def call(home: Home, *arguments: str) -> Any:
    return CliRunner().invoke(main, ["explain", *arguments], env={"REVIEWS_HOME": str(home.folder)})


@pytest.mark.slow
def test_a_review_of_several_movies_has_a_history_for_each(home: Home) -> None:
    assert [(each["movie_id"], len(each["rows"])) for each in find(home)] == [("tt1", 4), ("tt2", 1)]


def test_the_rows_are_in_the_order_of_arrival_with_what_decided_about_each(home: Home) -> None:
    rows = find(home)[0]["rows"]
    assert [(row["uri"], row["counts"], row["decided_by"]) for row in rows] == [
        ("1.csv", False, "arrival"),
        ("2.csv", False, "date"),
        ("3.csv", True, "date, arrival"),
        ("4.csv", False, "date"),
    ]


def test_a_row_has_what_its_file_gives_and_where_it_came_from(home: Home) -> None:
    [row] = find(home)[1]["rows"]
    given = {"row": f"{hash_text('5.csv')[:12]}:1", "source": "default", "profile_version": "abc"}
    found = {"given_rating": 8.0, "given_label": None, "decided_by": "only_row"}
    assert row.items() >= {**given, **found}.items()
    assert find(home)[0]["rows"][0]["reviewed_at"] == LATER.isoformat()


def test_a_row_has_the_score_of_each_model_and_which_of_them_counts(home: Home) -> None:
    scores = find(home)[0]["rows"][0]["scores"]
    assert [(each["model_id"], each["score"], each["counts"]) for each in scores] == [
        ("model-a", 0.75, False),
        ("model-b", 0.2, True),
    ]


def test_the_name_of_a_row_gives_the_history_of_its_review(home: Home) -> None:
    [history] = find(home, f"{hash_text('2.csv')[:12]}:1")
    assert (history["movie_id"], len(history["rows"])) == ("tt1", 4)


@pytest.mark.slow
def test_a_newest_row_without_a_score_that_counts_is_told(home: Home) -> None:
    add(home, "6.csv", [{"review_id": "r6"}], "model-never-promoted")
    assert list_decisions(home, "r6") == ["score"]


@pytest.mark.slow
def test_a_row_beside_a_reading_that_was_superseded_is_not_the_only_one(home: Home) -> None:
    add(home, "old.csv", [{"review_id": "r6"}])
    change(home, "UPDATE scored_files SET superseded_at = now() WHERE uri = 'old.csv'")
    add(home, "new.csv", [{"review_id": "r6"}])
    assert list_decisions(home, "r6") == ["export", "only_reading"]


@pytest.mark.slow
@pytest.mark.parametrize(("dates", "decided"), [([EARLIER, LATER], "date"), ([None, None], "arrival")])
def test_what_decided_is_the_part_of_the_rule_that_the_other_rows_lost_by(
    home: Home, dates: Sequence[datetime | None], decided: str
) -> None:
    for place, reviewed_at in enumerate(dates):
        add(home, f"new-{place}.csv", [{"review_id": "r7", "reviewed_at": reviewed_at}])
    assert list_decisions(home, "r7") == [decided, decided]


def test_what_a_file_names_can_not_write_to_the_terminal(home: Home) -> None:
    change(home, "UPDATE source_reviews SET file_uri = e'\\x1b[31m[bold]x', given_label = 'positive'")
    out = io.StringIO()
    write_history(find(home), out)
    assert "\x1b" not in out.getvalue()
    assert "[bold]x" in out.getvalue()


@pytest.mark.parametrize("arguments", [[], ["r1", "--top", "3"], ["--text", "good"]])
def test_options_that_do_not_go_with_a_history_are_wrong_usage(home: Home, arguments: list[str]) -> None:
    done = call(home, "--history", *arguments)
    assert (done.exit_code, "takes no option but --format" in done.stderr) == (2, True)
