"""Tests of the metrics against hand-computed values, and of the linear baseline."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.baseline import fit_baseline
from models.evaluation.metrics import evaluate_lengths, evaluate_scores

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


def test_calibration_error_is_the_gap_between_score_and_share() -> None:
    assert evaluate_scores(np.full(10, 0.95), np.arange(10) < 5).calibration_error == pytest.approx(0.45)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1))
def test_the_reliability_bins_hold_every_review(rows: list[tuple[float, bool]]) -> None:
    scores, positive = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assert sum(bin_.reviews for bin_ in evaluate_scores(scores, positive).reliability) == len(rows)


def test_the_roc_curve_goes_through_its_corners_from_0_0_to_1_1() -> None:
    roc = evaluate_scores(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, False, True, False])).roc
    points = list(zip(roc.false_positive_rate, roc.true_positive_rate, strict=True))
    assert (points[0], points[-1]) == ((0, 0), (1, 1))
    assert points == sorted(points)
    area = np.trapezoid(roc.true_positive_rate, roc.false_positive_rate)
    assert area == pytest.approx(0.75, abs=0.01)


def test_classes_of_length_hold_their_own_reviews() -> None:
    words, right = np.array([1, 49, 50, 5000]), np.array([True, False, True, True])
    found = evaluate_lengths(words, right, np.array([1.0, -3.0, 0.5, 2.0]))
    assert [(each.from_words, each.reviews, each.accuracy, each.rating_mae) for each in found] == [
        (1, 2, 0.5, 2.0),
        (50, 1, 1.0, 0.5),
        (1000, 1, 1.0, 2.0),
    ]


PRAISE = ["a warm and lively film", "warm, lively, funny", "the cast is warm", "so funny, so lively"]
BLAME = ["a cold and tired film", "cold, tired, dull", "the cast is cold", "so dull, so tired"]
LABELS = ["pos"] * 4 + ["neg"] * 4


@pytest.mark.slow
def test_it_learns_words_that_tell_the_labels_apart() -> None:
    result = fit_baseline(PRAISE + BLAME, LABELS, ["warm and funny", "cold and dull"], ["pos", "neg"])
    assert result.test_accuracy == 1.0
    assert (result.train_reviews, result.test_reviews) == (8, 2)


@pytest.mark.slow
def test_it_learns_pairs_of_words() -> None:
    texts = [
        "not good",
        "not good at all",
        "so good",
        "so good",
        "not bad",
        "not bad at all",
        "so bad",
        "so bad",
    ]
    labels = ["neg", "neg", "pos", "pos", "pos", "pos", "neg", "neg"]
    assert fit_baseline(texts, labels, texts, labels).test_accuracy == 1.0


@pytest.mark.slow
def test_it_reads_the_words_that_the_models_read() -> None:
    result = fit_baseline(
        PRAISE + BLAME, LABELS, ["WARM!<br />Funny...", "cold<br /><br />DULL"], ["pos", "neg"]
    )
    assert result.test_accuracy == 1.0
