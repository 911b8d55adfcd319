"""Tests that two models are timed alternately, and that no model passes the gate if the champion can't be loaded."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from data_contracts.storage.home import Home
from models.bundle.scorer import Scorer
from models.evaluation.gate import decide_promotion
from tasks.training.contest import COST_REPEATS, judge_challenger, time_in_turns
from tasks.warehouse.model_registry import PromotedModel

CHAMPION = PromotedModel("m1", "lstm", "a fingerprint", 1, "first", datetime(2026, 3, 1, tzinfo=UTC))
CHALLENGER = cast(Scorer, None)
"""It is not asked where there is nothing to compare it with."""


def make_action(name: str, seconds: list[float], calls: list[str], now: list[float]) -> Callable[[], None]:
    def act() -> None:
        calls.append(name)
        now[0] += seconds[calls.count(name) - 1]

    return act


def test_actions_take_turns_and_their_best_times_count() -> None:
    calls: list[str] = []
    now = [0.0]
    first = make_action("first", [9.0, *[2.0] * (COST_REPEATS - 2), 8.0], calls, now)
    second = make_action("second", [5.0] * COST_REPEATS, calls, now)
    assert time_in_turns([first, second], lambda: now[0]) == [2.0, 5.0]
    assert calls == ["first", "second"] * COST_REPEATS


def test_beside_a_champion_that_is_gone_no_one_is_promoted_by_the_gate(tmp_path: Path) -> None:
    decision = decide_promotion("auto", judge_challenger(Home(tmp_path), CHALLENGER, CHAMPION))
    assert not decision.promote
    assert decision.reason.startswith("could not be compared with the champion")
    assert decide_promotion("always", decision.checks).promote
