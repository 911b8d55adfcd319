"""The gate's rule: who is promoted, and why."""

import numpy as np
import pytest

from data_contracts.errors import UsageError
from models.evaluation import Evaluation, evaluate_scores
from models.gate import SMALLEST_GAIN, decide_promotion

POSITIVE = np.arange(100) < 50


def evaluate_with(right_score: float, wrong: int = 0) -> Evaluation:
    scores = np.where(POSITIVE, right_score, 1 - right_score)
    scores[:wrong] = 1 - scores[:wrong]
    return evaluate_scores(scores, POSITIVE)


def test_the_first_model_is_promoted() -> None:
    assert decide_promotion("auto", evaluate_with(0.6), None).promote


def test_a_better_model_is_promoted_with_its_figures() -> None:
    decision = decide_promotion("auto", evaluate_with(0.9), evaluate_with(0.8))
    assert decision.promote
    assert "0.1054 against 0.2231" in decision.reason


def test_an_equal_model_is_not_promoted() -> None:
    assert not decide_promotion("auto", evaluate_with(0.8), evaluate_with(0.8)).promote


def test_a_gain_within_the_margin_is_not_enough() -> None:
    champion = evaluate_with(0.8)
    challenger = evaluate_with(0.8 * np.exp(SMALLEST_GAIN * 0.9))
    assert not decide_promotion("auto", challenger, champion).promote


def test_a_worse_model_is_not_promoted() -> None:
    assert not decide_promotion("auto", evaluate_with(0.7), evaluate_with(0.8)).promote


def test_a_lower_loss_with_a_lower_accuracy_is_not_enough() -> None:
    decision = decide_promotion("auto", evaluate_with(0.95, wrong=1), evaluate_with(0.6))
    assert not decision.promote
    assert "less accurate" in decision.reason


@pytest.mark.parametrize(("mode", "promoted"), [("always", True), ("never", False)])
def test_always_and_never_do_what_they_say(mode: str, promoted: bool) -> None:
    assert decide_promotion(mode, evaluate_with(0.6), evaluate_with(0.8)).promote is promoted


def test_another_mode_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="auto, never, always"):
        decide_promotion("maybe", evaluate_with(0.6), None)
