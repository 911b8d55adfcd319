"""Tests of the contract that scored rows must keep before their part is committed."""

from typing import Any

import pytest

from data_contracts.errors import ContractError
from data_contracts.expectations import CheckResult, require_success
from data_contracts.scored_reviews import check_scored_rows
from tests.contracts.rows import make_scored_rows

SOURCE = "a" * 64
SCORES = [0.0, 0.5, 0.75, 1.0]


def find_broken(scores: list[float] = SCORES, **columns: Any) -> dict[str, tuple[Any, ...]]:
    """Return the numbers of the rows that break each rule."""
    results = check_scored_rows(make_scored_rows(scores, **columns), {SOURCE: len(scores)}, {})
    return {result.rule: result.unexpected_rows for result in results if not result.success}


def test_good_rows_keep_every_promise() -> None:
    results = check_scored_rows(make_scored_rows(SCORES), {SOURCE: 6}, {SOURCE: 2})
    assert {(result.success, result.severity) for result in results} == {(True, "error")}


def test_a_row_that_is_there_twice_breaks_its_key() -> None:
    assert find_broken(row_number=[1, 2, 2, 4]) == {"key_unique": (2, 2)}


@pytest.mark.parametrize(
    ("rule", "column", "low", "high"),
    [
        ("score_in_range", "score", -1e-9, 1 + 1e-9),
        ("predicted_rating_in_range", "predicted_rating", 0.99, 10.01),
        ("oov_rate_in_range", "oov_rate", -0.01, 1.01),
    ],
)
def test_a_value_just_outside_its_range_is_found(rule: str, column: str, low: float, high: float) -> None:
    columns = {"predicted_rating": [1.0] * 3, "sentiment": ["negative", "negative", "positive"]}
    assert find_broken([0.2, 0.3, 0.5], **columns | {column: [low, 1.0, high]})[rule] == (1, 3)


def test_a_text_without_words_is_not_scored() -> None:
    assert find_broken(token_count=[1, 2, 3, 0]) == {"token_count_in_range": (4,)}


@pytest.mark.parametrize("column", ["run_id", "scored_at", "oov_rate"])
def test_a_missing_value_breaks_its_row(column: str) -> None:
    values = make_scored_rows(SCORES)[column].to_pylist()
    assert find_broken(**{column: [*values[:3], None]}) == {"values_present": (4,)}


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_not_finite_is_found(score: float) -> None:
    assert find_broken([0.2, score])["score_row_texts"] == (2,)


@pytest.mark.parametrize("sentiment", ["positive", "Negative", "", None])
def test_a_sentiment_that_does_not_fit_its_score_is_found(sentiment: str | None) -> None:
    named = ["negative", "positive", sentiment]
    assert find_broken([0.2, 0.5, 0.499], sentiment=named)["sentiment_fits_score"] == (3,)


@pytest.mark.parametrize(("rows_read", "rows_left_out"), [(5, 0), (4, 1), (3, 0)])
def test_rows_read_are_scored_or_quarantined_and_nothing_else(rows_read: int, rows_left_out: int) -> None:
    result = check_scored_rows(make_scored_rows(SCORES), {SOURCE: rows_read}, {SOURCE: rows_left_out})[-1]
    assert (result.rule, result.success) == ("rows_accounted_for", False)
    assert result.observed == f"4 scored + {rows_left_out} quarantined or forgotten"
    assert result.expected == f"{rows_read} rows read"


def find_failed(results: list[CheckResult]) -> set[tuple[str | None, str]]:
    return {(result.source_sha256, result.rule) for result in results if not result.success}


def test_several_sources_get_results_of_their_own() -> None:
    scored = make_scored_rows([0.1, 0.2, 0.3], source_sha256=["x", "y", "y"], token_count=[5, 0, 5])
    results = check_scored_rows(scored, {"x": 1, "y": 3, "z": 2}, {"y": 1, "z": 1})
    assert find_failed(results) == {("y", "token_count_in_range"), ("z", "rows_accounted_for")}


def test_a_source_that_no_one_read_is_not_accounted_for() -> None:
    scored = make_scored_rows([0.1], source_sha256=["x"])
    assert find_failed(check_scored_rows(scored, {}, {})) == {("x", "rows_accounted_for")}


def test_columns_that_are_not_those_of_the_schema_are_named() -> None:
    scored = make_scored_rows(SCORES).drop_columns(["run_id"])
    odd = scored.set_column(scored.column_names.index("row_number"), "row_number", scored["token_count"])
    with pytest.raises(ContractError, match="row_number is int32, expected int64; run_id is missing"):
        check_scored_rows(odd, {SOURCE: 4}, {})


def test_a_broken_promise_stops_the_flow_with_source_rule_and_row() -> None:
    results = check_scored_rows(make_scored_rows(SCORES, token_count=[1, 0, 1, 1]), {SOURCE: 4}, {})
    with pytest.raises(ContractError, match=r"source aaa.*token_count_in_range.*\(rows: 2\)"):
        require_success(results, "report it.")
