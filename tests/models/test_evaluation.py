"""Metrics against answers worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation import evaluate_scores

SCORES = np.array([0.9, 0.8, 0.5, 0.3, 0.1])
POSITIVE = np.array([True, False, True, True, False])


def test_a_score_of_one_half_is_called_positive() -> None:
    found = evaluate_scores(SCORES, POSITIVE)
    counts = (found.true_positives, found.false_positives, found.true_negatives, found.false_negatives)
    assert counts == (2, 1, 1, 1)
    assert found.accuracy == pytest.approx(0.6)


def test_log_loss_is_the_mean_cross_entropy_in_nats() -> None:
    expected = -np.log([0.9, 0.2, 0.5, 0.3, 0.9]).mean()
    assert evaluate_scores(SCORES, POSITIVE).log_loss == pytest.approx(expected)


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    assert evaluate_scores(SCORES, POSITIVE).auc == pytest.approx(4 / 6)


def test_auc_of_one_label_alone_is_not_a_number() -> None:
    assert math.isnan(evaluate_scores(SCORES, np.ones(5, dtype=bool)).auc)


def test_a_calibrated_model_has_no_calibration_error() -> None:
    found = evaluate_scores(np.full(10, 0.3), np.arange(10) < 3)
    assert found.calibration_error == pytest.approx(0)


def test_calibration_error_is_the_gap_between_score_and_share() -> None:
    assert evaluate_scores(np.full(10, 0.95), np.arange(10) < 5).calibration_error == pytest.approx(0.45)


def test_a_wrong_score_of_exactly_1_gives_a_finite_log_loss() -> None:
    assert math.isfinite(evaluate_scores(np.array([1.0]), np.array([False])).log_loss)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_the_reliability_bins_hold_every_review(rows: list[tuple[float, bool]]) -> None:
    scores, positive = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assert sum(bin_.reviews for bin_ in evaluate_scores(scores, positive).reliability) == len(rows)


def test_no_reviews_can_not_be_evaluated() -> None:
    with pytest.raises(ValueError, match="as many, and some"):
        evaluate_scores(np.array([]), np.array([], dtype=bool))
