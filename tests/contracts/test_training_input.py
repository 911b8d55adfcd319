"""Tests that each bound of the training input includes its ends and excludes values beyond them."""

from dataclasses import replace

import pytest

from data_contracts.expectations import CheckResult
from data_contracts.training_input import BOUNDS, Bounds, TrainingInputSummary, check_training_input

STANFORD = TrainingInputSummary(
    vocabulary_size=4_999,
    rows_train=22_337,
    rows_validation=2_663,
    positive_share_train=0.495,
    positive_share_validation=0.540,
    oov_rate_train=0.093,
    oov_rate_validation=0.096,
    truncated_share=0.080,
    unknown_only_share=0.0,
    shared_titles=0,
)
SAMPLE = replace(STANFORD, vocabulary_size=1_500, rows_train=1_800, rows_validation=200, oov_rate_train=0.0)

WHOLE_NUMBERS = {"vocabulary_size", "rows_train", "rows_validation", "shared_titles"}


def alter(column: str, value: float) -> TrainingInputSummary:
    return TrainingInputSummary(**{**vars(STANFORD), column: value})


def find_result(summary: TrainingInputSummary, rule: str) -> CheckResult:
    return next(result for result in check_training_input(summary) if result.rule == rule)


@pytest.mark.slow
@pytest.mark.parametrize("summary", [STANFORD, SAMPLE], ids=["stanford", "sample"])
def test_what_is_trained_on_every_day_breaks_nothing(summary: TrainingInputSummary) -> None:
    assert [result.rule for result in check_training_input(summary) if not result.success] == []


@pytest.mark.parametrize("bounds", BOUNDS, ids=lambda bounds: bounds.rule)
def test_each_bound_holds_up_to_its_ends_and_breaks_beyond(bounds: Bounds) -> None:
    step = 1 if bounds.column in WHOLE_NUMBERS else 1e-6
    for end, out in ((bounds.lowest, -step), (bounds.highest, step)):
        if end is not None:
            assert find_result(alter(bounds.column, end), bounds.rule).success
            beyond = find_result(alter(bounds.column, end + out), bounds.rule)
            assert (beyond.success, beyond.severity) == (False, bounds.severity)


@pytest.mark.parametrize("column", sorted({bounds.column for bounds in BOUNDS}))
def test_a_number_that_is_not_a_number_breaks_its_bounds(column: str) -> None:
    results = check_training_input(alter(column, float("nan")))
    assert {result.columns for result in results if not result.success} == {column}
