"""Tests of scoring runs whose reviews differ from the held-out reviews of the model."""

import json
from typing import Any

import pytest

from data_contracts.storage.home import Home
from flows.score_reviews import score_reviews
from flows.scoring_message import ScoringSummary
from tests.support.scoring_runs import DoneRun, describe, drop, list_said, run_killed, run_once
from tests.support.small_home import ask, copy_home, promote_small_model

LONG_REVIEWS = {
    "reviews": 1000,
    "mean": 250.0,
    "critical_value": 11.0,
    "lower": [200.0],
    "counts": [500, 500],
}
STARS = {"scores": [0.0, 1.0], "stars": [6.0, 6.5], "interval": {"title": 1.0, "review": 3.0}}


def fill_judged_home(home: Home) -> None:
    home.inbox.mkdir(parents=True)
    promote_small_model(home, more_facts={"reference": {"token_count": LONG_REVIEWS}, "rating": STARS})


@pytest.fixture
def judged_home(home: Home) -> Home:
    """A home whose model has held-out reviews of about 200 words."""
    return copy_home(home, "judged", fill_judged_home)


def drop_reviews(home: Home, words: int) -> None:
    rows = [{"review_id": str(number), "text": f"good {number} " * (words // 2)} for number in range(200)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (home.inbox / f"{words}.jsonl").write_text(lines, "utf-8")


def score() -> ScoringSummary:
    summary = score_reviews()
    assert isinstance(summary, ScoringSummary)
    return summary


def list_results(home: Home) -> list[tuple[Any, ...]]:
    query = "SELECT rule, severity, success FROM contract_results WHERE boundary = 'drift'"
    return ask(home.published, query)


@pytest.fixture(scope="module")
def other_reviews(tmp_path_factory: pytest.TempPathFactory) -> DoneRun:
    """A run of reviews that are far shorter than the held-out ones."""

    def fill(home: Home) -> None:
        drop_reviews(copy_home(home, "judged", fill_judged_home), words=10)

    return run_once(tmp_path_factory.mktemp("other"), fill)


@pytest.mark.slow
def test_a_run_of_other_reviews_warns_and_its_scores_stand(other_reviews: DoneRun) -> None:
    (words,) = list_said(other_reviews.summary, "drift")
    assert "token_count: PSI " in words
    assert list_results(other_reviews.home) == [("token_count_like_held_out", "warning", False)]
    assert ask(other_reviews.home.published, "SELECT count(*) FROM scored_reviews") == [(200,)]


@pytest.mark.slow
@pytest.mark.process
def test_drift_of_a_part_of_an_earlier_run_and_of_new_files_is_said_once(judged_home: Home) -> None:
    drop_reviews(judged_home, words=10)
    run_killed(judged_home, "commit")
    drop_reviews(judged_home, words=12)
    (words,) = list_said(score(), "drift")
    assert "token_count: PSI " in words
    failed = [rule for rule, _, success in list_results(judged_home) if not success]
    assert failed == ["token_count_like_held_out"]
    assert ask(judged_home.published, "SELECT count(DISTINCT run_id) FROM scored_reviews") == [(2,)]


@pytest.mark.slow
def test_a_run_of_sources_that_all_accept_drift_says_nothing(judged_home: Home) -> None:
    describe(judged_home, '[columns]\ntext = "text"\n[severity]\ndrift = "accept"\n', "default")
    drop_reviews(judged_home, words=10)
    assert list_said(score(), "drift") == []
    assert list_results(judged_home) == [("token_count_like_held_out", "warning", True)]
    drop(judged_home, "shop-a/a.csv", "text\n" + "".join(f"good film {n}\n" for n in range(200)))
    drop_reviews(judged_home, words=12)
    assert len(list_said(score(), "drift")) == 1


@pytest.mark.server
def test_the_message_of_a_run_tells_of_drift_and_of_quarantined_rows(judged_home: Home) -> None:
    drop_reviews(judged_home, words=10)
    (judged_home.inbox / "blank.csv").write_text("text\n   \ngood film\n", "utf-8")
    state: Any = score_reviews(return_state=True)
    assert state.message.startswith("Scored 201 reviews of 2 files with ")
    assert all(
        words in state.message for words in (" | 1 row quarantined: ", " | drift ", "token_count: PSI ")
    )


@pytest.mark.slow
def test_the_stars_of_a_score_are_those_of_the_bundle(other_reviews: DoneRun) -> None:
    query = "SELECT max(abs(predicted_rating - (6 + score / 2))) < 1e-9 FROM scored_reviews"
    assert ask(other_reviews.home.published, query) == [(True,)]


@pytest.mark.slow
def test_a_source_that_changes_is_named_though_the_model_has_no_reference(scoring_home: Home) -> None:
    for number in range(4):
        rows = "".join(f"good film {number} {row}\n" for row in range(100))
        drop(scoring_home, f"shop-a/{number}.csv", f"text\n{rows}")
    assert list_said(score(), "drift") == []
    rows = "".join(f"a bad film {row} {'and a plot' * 10}\n" for row in range(100))
    drop(scoring_home, "shop-a/other.csv", f"text\n{rows}")
    words = list_said(score(), "drift")
    assert any(line.startswith("Drift of shop-a: ") and " token_count: PSI " in line for line in words)
    query = (
        "SELECT DISTINCT source FROM contract_results WHERE rule = 'token_count_like_before' AND NOT success"
    )
    assert ask(scoring_home.published, query) == [("shop-a",)]
