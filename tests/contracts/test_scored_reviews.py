"""Tests of the contract that scored rows must keep before their part is committed."""

import time
from typing import Any

import numpy as np
import pytest

from data_contracts.errors import ContractError
from data_contracts.expectations import CheckResult, require_success
from data_contracts.scored_reviews import check_scored_rows, name_sentiments
from tests.contracts.rows import make_scored_rows

SCORES = [0.0, 0.5, 0.75, 1.0]
RULES = [
    "key_unique",
    "values_present",
    "score_row_texts",
    "score_in_range",
    "sentiment_fits_score",
    "predicted_rating_in_range",
    "token_count_in_range",
    "oov_rate_in_range",
    "rows_accounted_for",
]


def find_broken(scores: list[float] = SCORES, **columns: Any) -> dict[str, tuple[Any, ...]]:
    """Return the numbers of the rows that break each rule."""
    results = check_scored_rows(make_scored_rows(scores, **columns), len(scores), 0)
    return {result.rule: result.unexpected_rows for result in results if not result.success}


def test_good_rows_keep_every_promise() -> None:
    results = check_scored_rows(make_scored_rows(SCORES), 6, 2)
    assert [(result.rule, result.success, result.severity) for result in results] == [
        (rule, True, "error") for rule in RULES
    ]


def test_a_row_that_is_there_twice_breaks_its_key() -> None:
    assert find_broken(row_number=[1, 2, 2, 4]) == {"key_unique": (2, 2)}


def test_the_same_row_of_two_models_is_no_repetition() -> None:
    assert find_broken(row_number=[1, 1, 2, 2], model_id=["a", "b", "a", "b"]) == {}


@pytest.mark.parametrize(
    "column", ["model_id", "run_id", "scored_at", "truncated", "token_count", "oov_rate"]
)
def test_a_missing_value_breaks_its_row(column: str) -> None:
    values = make_scored_rows(SCORES)[column].to_pylist()
    assert find_broken(**{column: [*values[:3], None]}) == {"values_present": (4,)}


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_not_finite_is_found(score: float) -> None:
    assert find_broken([0.2, score])["score_row_texts"] == (2,)


@pytest.mark.parametrize("score", [-1e-9, 1 + 1e-9])
def test_a_score_just_outside_0_to_1_is_found(score: float) -> None:
    stars = [1.0, 5.0]
    assert find_broken([0.2, score], predicted_rating=stars) == {"score_in_range": (2,)}


@pytest.mark.parametrize("sentiment", ["positive", "Negative", "", None])
def test_a_sentiment_that_does_not_fit_its_score_is_found(sentiment: str | None) -> None:
    named = ["negative", "positive", sentiment]
    assert find_broken([0.2, 0.5, 0.499], sentiment=named)["sentiment_fits_score"] == (3,)


@pytest.mark.parametrize("stars", [0.99, 10.01, float("inf")])
def test_a_rating_off_the_star_scale_is_found(stars: float) -> None:
    assert find_broken([0.2, 0.3], predicted_rating=[1.0, stars]) == {"predicted_rating_in_range": (2,)}


@pytest.mark.parametrize("share", [-0.01, 1.01])
def test_a_share_of_unknown_words_outside_0_to_1_is_found(share: float) -> None:
    assert find_broken([0.2, 0.3], oov_rate=[1.0, share]) == {"oov_rate_in_range": (2,)}


@pytest.mark.parametrize(("rows_read", "rows_left_out"), [(5, 0), (4, 1), (3, 0)])
def test_rows_read_are_scored_or_quarantined_and_nothing_else(rows_read: int, rows_left_out: int) -> None:
    result = check_scored_rows(make_scored_rows(SCORES), rows_read, rows_left_out)[-1]
    assert (result.rule, result.success) == ("rows_accounted_for", False)
    assert result.observed == f"4 scored + {rows_left_out} quarantined or forgotten"
    assert result.expected == f"{rows_read} rows read"


def find_failed(results: list[CheckResult]) -> set[tuple[str | None, str]]:
    return {(result.source_sha256, result.rule) for result in results if not result.success}


def test_several_sources_get_results_of_their_own() -> None:
    scored = make_scored_rows([0.1, 0.2, 0.3], source_sha256=["x", "y", "y"], token_count=[5, 0, 5])
    results = check_scored_rows(scored, {"x": 1, "y": 3, "z": 2}, {"y": 1, "z": 1})
    assert find_failed(results) == {("y", "token_count_in_range"), ("z", "rows_accounted_for")}


def test_a_broken_promise_stops_the_flow_with_source_rule_and_row() -> None:
    results = check_scored_rows(make_scored_rows(SCORES, token_count=[1, 0, 1, 1]), 4, 0)
    with pytest.raises(ContractError, match=r"source aaa.*token_count_in_range.*\(rows: 2\)"):
        require_success(results, "report it.")


def test_sentiment_is_positive_from_a_half_up() -> None:
    assert name_sentiments(np.array([0.0, 0.4999])).tolist() == ["negative", "negative"]
    assert name_sentiments(np.array([0.5, 1.0])).tolist() == ["positive", "positive"]


def test_50_000_scored_rows_are_checked_in_little_time() -> None:
    scored = make_scored_rows(np.linspace(0, 1, 50_000).tolist())
    start = time.process_time()
    require_success(check_scored_rows(scored, 50_000, 0), "nothing to do.")
    assert time.process_time() - start < 2.0
