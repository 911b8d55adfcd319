"""Tests of the gate's rules and reasons."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.evaluation.comparison import compare_scores
from models.evaluation.gate import (
    FEWEST_OWN_REVIEWS,
    LARGEST_COST_RATIO,
    SMALLEST_GAIN,
    SMALLEST_SLICE,
    SMALLEST_TRAFFIC,
    Contest,
    Decision,
    OwnTraffic,
    decide_promotion,
    judge_contest,
    judge_own_traffic,
)
from models.evaluation.metrics import evaluate_scores
from models.evaluation.sets import BehaviourChange
from models.evaluation.slices import LENGTH_SLICES
from tests.support.contests import (
    POSITIVE,
    REVIEWS,
    SAME_BEHAVIOUR,
    hold_better,
    hold_contest,
    hold_worse,
    make_scores,
)


def decide(contest: Contest, mode: str = "auto") -> Decision:
    return decide_promotion(mode, judge_contest(contest))


def list_failed(decision: Decision) -> list[str]:
    return [check.name for check in decision.checks if not check.passed]


def test_a_better_model_is_promoted_with_its_figures() -> None:
    decision = decide(hold_better())
    assert decision.promote
    assert "0.1054 against 0.2231" in decision.reason
    assert list_failed(decision) == []


def test_an_equal_model_is_not_promoted() -> None:
    decision = decide(hold_contest(make_scores(0.8), make_scores(0.8)))
    assert not decision.promote
    assert list_failed(decision) == ["log_loss"]
    assert decision.reason.startswith("validation log loss 0.2231 against 0.2231 (gain")


def test_a_gain_within_the_margin_is_not_enough() -> None:
    challenger = make_scores(0.8 * np.exp(SMALLEST_GAIN * 0.9))
    assert list_failed(decide(hold_contest(challenger, make_scores(0.8)))) == ["log_loss"]


def test_a_gain_that_chance_explains_is_not_enough() -> None:
    noise = np.random.default_rng(0).normal(0, 0.15, REVIEWS)
    two = [np.clip(make_scores(0.8) + each, 0.02, 0.98) for each in (noise, noise[::-1])]
    challenger, champion = sorted(two, key=lambda scores: evaluate_scores(scores, POSITIVE).log_loss)
    contest = hold_contest(challenger, champion)
    assert contest.scores.log_loss_gain.value > SMALLEST_GAIN
    assert "log_loss" in list_failed(decide(contest))


def test_a_lower_loss_with_a_lower_accuracy_is_not_enough() -> None:
    decision = decide(hold_contest(make_scores(0.95, slice(500, 501)), make_scores(0.6)))
    assert list_failed(decision) == ["accuracy"]


def test_a_model_that_is_better_on_average_but_worse_on_a_slice_is_refused_with_its_name() -> None:
    challenger = make_scores(0.9, slice(0, 40))
    champion = make_scores(0.9, slice(200, 320))
    decision = decide(hold_contest(challenger, champion))
    assert not decision.promote
    assert list_failed(decision) == ["slice first"]
    assert decision.reason.startswith("slice first: accuracy 0.8000 against 1.0000 on 200 reviews (-20.00")


def test_a_slice_of_too_few_reviews_refuses_no_one() -> None:
    few = SMALLEST_SLICE - 1
    challenger, champion = make_scores(0.9, slice(0, few)), make_scores(0.9, slice(200, 500))
    checks = {check.name: check for check in judge_contest(hold_contest(challenger, champion, few))}
    assert checks["slice few"].passed
    assert "too few to judge" in checks["slice few"].detail


def test_a_loss_of_one_title_on_a_slice_is_put_down_to_chance_though_it_is_above_the_margin() -> None:
    decision = decide(hold_contest(make_scores(0.9, slice(0, 5)), make_scores(0.8, slice(200, 230))))
    assert decision.promote


def test_a_model_that_fails_clearly_more_behavioural_tests_is_refused() -> None:
    lost = BehaviourChange("direction", 66, 30, 50, 22, 2, 1e-5)
    decision = decide(replace(hold_better(), behaviour=(*SAME_BEHAVIOUR[:2], lost)))
    assert list_failed(decision) == ["behaviour direction"]
    assert decision.reason.startswith("behaviour direction: 30 of 66 tests passed against 50")


@pytest.mark.parametrize(
    "change",
    [
        BehaviourChange("direction", 66, 47, 50, 3, 0, 0.125),  # within the allowance
        BehaviourChange("direction", 66, 44, 50, 12, 6, 0.119),  # by chance
    ],
)
def test_a_few_behavioural_tests_lost_refuse_no_one(change: BehaviourChange) -> None:
    assert decide(replace(hold_better(), behaviour=(*SAME_BEHAVIOUR[:2], change))).promote


def test_a_champion_that_always_says_the_same_keeps_no_one_out_by_its_invariance() -> None:
    behaviour = (
        BehaviourChange("minimum_functionality", 100, 75, 50, 5, 30, 1.0),
        BehaviourChange("invariance", 48, 30, 48, 18, 0, 4e-6),
        BehaviourChange("direction", 66, 50, 0, 0, 50, 1.0),
    )
    decision = decide(replace(hold_better(), behaviour=behaviour))
    assert decision.promote
    assert any("outweighed by the other types" in check.detail for check in decision.checks)


def test_a_model_that_costs_too_much_is_refused() -> None:
    decision = decide(replace(hold_better(), challenger_seconds=1.01e-4 * LARGEST_COST_RATIO))
    assert list_failed(decision) == ["cost"]
    assert decision.reason.startswith("1,010 microseconds a review against 100")


def test_every_rule_that_is_broken_is_told() -> None:
    worse = hold_contest(make_scores(0.7, slice(0, 100)), make_scores(0.8), challenger_seconds=1.0)
    decision = decide(worse)
    assert list_failed(decision) == ["log_loss", "accuracy", "slice first", "cost"]
    failed = [check.detail for check in decision.checks if not check.passed]
    assert all(detail in decision.reason for detail in failed)


@pytest.mark.parametrize(("mode", "promoted"), [("always", True), ("never", False)])
def test_always_and_never_do_what_they_say_and_keep_the_checks(mode: str, promoted: bool) -> None:
    decision = decide(hold_contest(make_scores(0.6), make_scores(0.8)), mode)
    assert decision.promote is promoted
    assert list_failed(decision) == ["log_loss"]


def judge_with_own(challenger: NDArray[np.float64], own: Contest) -> Decision:
    """Judge a challenger on the validation rows and, by the scores of another contest, on own labels."""
    return decide(hold_contest(challenger, make_scores(0.8), own=own.scores))


def test_a_gain_on_own_labels_is_enough_where_the_archive_loses_nothing() -> None:
    decision = judge_with_own(make_scores(0.8), hold_better())
    assert decision.promote
    assert "log loss on own labels 0.1054 against 0.2231" in decision.reason


def test_a_gain_on_a_handful_of_own_labels_promotes_nothing() -> None:
    gain = hold_better().scores
    few = replace(gain, challenger=replace(gain.challenger, reviews=FEWEST_OWN_REVIEWS - 1))
    same = hold_contest(make_scores(0.8), make_scores(0.8), own=few)
    assert list_failed(decide(same)) == ["log_loss"]


def test_a_gain_on_own_labels_allows_a_small_loss_on_the_archive_alone() -> None:
    assert judge_with_own(make_scores(0.8, slice(500, 501)), hold_better()).promote
    refused = judge_with_own(make_scores(0.8, slice(500, 510)), hold_better())
    assert list_failed(refused) == ["log_loss", "accuracy"]


def test_without_a_gain_on_own_labels_the_archive_decides() -> None:
    same = hold_contest(make_scores(0.8), make_scores(0.8))
    assert list_failed(judge_with_own(make_scores(0.8), same)) == ["log_loss"]
    assert judge_with_own(make_scores(0.9), same).promote


def test_who_is_worse_on_own_labels_is_refused_whatever_the_archive_says() -> None:
    decision = judge_with_own(make_scores(0.9), hold_worse())
    assert list_failed(decision) == ["own_log_loss"]
    assert decision.reason.startswith("log loss 0.3567 against 0.2231 on")


def test_a_source_on_which_a_challenger_is_clearly_worse_is_named() -> None:
    own = hold_contest(make_scores(0.99, slice(0, 40)), make_scores(0.7))
    decision = judge_with_own(make_scores(0.9), own)
    assert list_failed(decision) == ["source first"]
    assert decision.reason.startswith("source first: accuracy 0.8000 against 1.0000")


TITLES = 100
"""Of the reviews of a simulated contest; the time that it takes grows with them."""


def simulate_contest(seed: int, gain: float = 0.0) -> Contest:
    """Simulate two models of 90 % accuracy with correlated errors; `gain` raises the challenger's correct logits."""
    random, rows = np.random.default_rng(seed), 2500
    positive, title = random.random(rows) < 0.5, random.integers(0, TITLES, rows)
    ease = 2 + random.normal(0, 0.5, TITLES)[title] + random.normal(0, 1.2, rows)
    logits = [ease + random.normal(0, 0.7, rows) for _ in range(2)]
    logits[0] = logits[0] + gain
    scores = [1 / (1 + np.exp(-1.2 * np.where(positive, each, -each))) for each in logits]
    length, unknown = random.lognormal(5.2, 0.65, rows), random.random(rows)
    slices = {
        **{name: (length >= low) & (length < high) for name, (low, high) in LENGTH_SLICES.items()},
        **{f"q{quarter}": (4 * unknown).astype(int) == quarter for quarter in range(4)},
        "negation": random.random(rows) < 0.93,
        "contrast": random.random(rows) < 0.8,
    }
    titles = [str(each) for each in title]
    return replace(hold_better(), scores=compare_scores(scores[0], scores[1], positive, titles, slices))


@pytest.mark.training  # a simulation of many trainings
def test_chance_alone_seldom_promotes_and_seldom_refuses_for_a_slice() -> None:
    decisions = [decide(simulate_contest(seed)) for seed in range(60)]
    assert sum(decision.promote for decision in decisions) <= 3
    of_slices = [any(name.startswith("slice") for name in list_failed(each)) for each in decisions]
    assert sum(of_slices) <= 4


@pytest.mark.training  # a simulation of many trainings
def test_a_model_that_is_a_little_better_everywhere_nearly_always_passes() -> None:
    assert sum(decide(simulate_contest(seed, gain=0.2)).promote for seed in range(20)) >= 19


WORSE = OwnTraffic(SMALLEST_TRAFFIC, 0.8, 0.95, 1, 16, -0.23, -0.07, 0.0003)
"""A challenger that was worse than the champion beyond chance on just enough labelled reviews."""


def test_a_challenger_that_was_worse_on_own_traffic_is_not_promoted_whatever_else_it_passes() -> None:
    decision = decide_promotion("auto", [*judge_contest(hold_better()), judge_own_traffic(WORSE)])
    assert not decision.promote
    assert decision.reason.startswith("accuracy 0.8000 against 0.9500 on 100 labelled reviews")
    assert "1 against 16, McNemar's p 0.0003" in decision.checks[-1].detail


def test_a_challenger_that_was_better_on_own_traffic_still_has_to_pass_every_other_rule() -> None:
    better = replace(WORSE, shadow_accuracy=0.99, gain_lower=0.01, gain_upper=0.07)
    assert judge_own_traffic(better).passed
    assert not decide_promotion(
        "auto", [*judge_contest(hold_contest(make_scores(0.7), make_scores(0.8))), judge_own_traffic(better)]
    ).promote


@pytest.mark.parametrize(
    "other",
    [
        {"labelled_reviews": SMALLEST_TRAFFIC - 1},
        {"gain_upper": 0.001},
        {"mcnemar_p": 0.051},
        {"gain_lower": None, "gain_upper": None},
        {"shadow_accuracy": None, "champion_accuracy": None, "labelled_reviews": 0, "mcnemar_p": None},
    ],
    ids=["few labels", "an interval with 0", "by chance", "labels of one title", "no labels"],
)
def test_own_traffic_that_proves_nothing_refuses_no_challenger(other: dict[str, float | None]) -> None:
    check = judge_own_traffic(replace(WORSE, **other))  # type: ignore[arg-type]
    assert check.passed
    assert decide_promotion("auto", [*judge_contest(hold_better()), check]).promote
