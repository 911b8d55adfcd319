"""Tests of `reviews models label` on a scored home: from the question to the answers of the views."""

import pytest
from click.testing import CliRunner, Result

from data_contracts.storage.home import Home
from flows.command.cli import main
from tests.support.scoring_runs import copy_scored_home, drop, prove, run
from tests.support.small_home import ask

CSV = "review_id,movie_id,text\n" + "".join(
    f"r{number},tt1,good film {'bad ' * number}\n" for number in range(8)
)
UNCHANGED = (
    "latest_scores",
    "movie_ratings",
    "daily_scores",
    "drift",
    "source_days",
    "source_measures",
    "source_reviews",
)


@pytest.fixture
def home(empty_home: Home) -> Home:
    return copy_scored_home(empty_home, {"shop-a/a.csv": CSV})


def label(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(main, ["models", "label", *arguments], input=typed, catch_exceptions=False)


@pytest.mark.slow
def test_answers_count_after_the_next_run_and_change_nothing_else(home: Home) -> None:
    before = {table: ask(home.warehouse, f"from {table} order by all") for table in UNCHANGED}
    said = label("--count", "4", typed="p\nn\np\ns\n").output
    assert "Kept 3 labels, 1 skipped" in said
    assert not any(
        str(score) in said for (score,) in ask(home.published, "select round(score, 3) from latest_scores")
    )
    summary = run()
    assert (summary.taken.labels, summary.files_scored, summary.findings, summary.skipped) == (3, 0, (), ())
    assert {table: ask(home.warehouse, f"from {table} order by all") for table in UNCHANGED} == before
    # Of four reviews one is drawn at random.
    assert ask(home.published, "select source, labelled_reviews from live_accuracy") == [("shop-a", 1)]
    prove(home)
    assert label("--count", "8", typed="q\n").output.count("[1 of 4]") == 1


@pytest.mark.slow
def test_a_sheet_that_was_filled_in_comes_back_through_the_inbox(home: Home) -> None:
    sheet = home.folder.parent / "sheet.csv"
    said = label("--csv", str(sheet)).output
    assert f"Wrote 8 reviews to {sheet}; no others lack a label" in said
    assert str(home.labels) in said
    assert home.labels.is_dir()
    drop(home, "labels/mine.csv", sheet.read_text("utf-8-sig").replace("\n,,", "\npositive,,"))
    summary = run(files=[str(home.labels / "mine.csv")])
    assert (summary.files_found, summary.taken.sheets, summary.skipped) == (1, ("labels/mine.csv",), ())
    assert summary.taken.labels == 8
    assert "nothing to label" in label().output
