"""Tests of scoring runs whose reviews differ from the held-out reviews of the model."""

import json
from typing import Any

import pytest

from data_contracts.storage.home import Home
from flows.score_reviews import score_reviews
from flows.scoring_message import ScoringSummary
from tests.support.scoring_runs import describe, drop, list_said
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


@pytest.mark.slow
def test_a_run_of_other_reviews_warns_and_its_scores_stand_with_the_stars_of_the_bundle(
    judged_home: Home,
) -> None:
    drop_reviews(judged_home, words=10)
    (words,) = list_said(score(), "drift")
    assert "token_count: PSI " in words
    assert list_results(judged_home) == [("token_count_like_held_out", "warning", False)]
    query = "SELECT count(*), max(abs(predicted_rating - (6 + score / 2))) < 1e-9 FROM scored_reviews"
    assert ask(judged_home.published, query) == [(200, True)]


@pytest.mark.slow
def test_a_run_of_sources_that_all_accept_drift_says_nothing(judged_home: Home) -> None:
    describe(judged_home, '[columns]\ntext = "text"\n[severity]\ndrift = "accept"\n', "default")
    drop_reviews(judged_home, words=10)
    assert list_said(score(), "drift") == []
    assert list_results(judged_home) == [("token_count_like_held_out", "warning", True)]
    drop(judged_home, "shop-a/a.csv", "text\n" + "".join(f"good film {n}\n" for n in range(200)))
    drop_reviews(judged_home, words=12)
    assert len(list_said(score(), "drift")) == 1


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
