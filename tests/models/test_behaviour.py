"""Tests of the two frozen evaluation sets, and of pass rates against hand-computed values."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from models.evaluation.sets import (
    BEHAVIOUR_FILE,
    CAPABILITIES,
    ELSEWHERE_FILE,
    SAME_WITHIN,
    BehaviourTest,
    ElsewhereReview,
    PassRate,
    list_behaviour_texts,
    rate_behaviour,
    rate_elsewhere,
)

FROZEN = {
    ELSEWHERE_FILE: "9cfb5c4f92ffd56393c4f3027b1f0eed044ab975653761fb0c9918d68ca2fcfc",
    BEHAVIOUR_FILE: "cb7732739391312bf85eeedcdac1daf493c6148114ed2ee1e211bd5381beabd7",
}
"""Figures from different contents can't be compared: whoever edits a set means to start its history anew."""


def make_test(expect: str, other: str | None = "b") -> BehaviourTest:
    kind = {"same": "invariance", "up": "direction", "down": "direction"}.get(expect, "minimum_functionality")
    return BehaviourTest(f"{kind}-{expect}", kind, CAPABILITIES[kind][0], "a", expect, other)


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: path.name)
def test_a_set_is_frozen(path: Path) -> None:
    assert hashlib.sha256(path.read_bytes()).hexdigest() == FROZEN[path]


@pytest.mark.parametrize(
    ("expect", "score", "passes"),
    [("positive", 0.5, True), ("positive", 0.49, False), ("negative", 0.49, True), ("negative", 0.5, False)],
)
def test_minimum_functionality_wants_the_sentiment(expect: str, score: float, passes: bool) -> None:
    test = make_test(expect, other=None)
    assert rate_behaviour([test], np.array([score])).failed == (() if passes else (test.id,))


@pytest.mark.parametrize(
    ("score", "other", "passes"),
    [
        (0.75, 0.75 - SAME_WITHIN / 2, True),
        (0.75, 0.75 + SAME_WITHIN * 1.01, False),
        (0.2, 0.2 - SAME_WITHIN * 1.01, False),
        (0.51, 0.49, False),
    ],
)
def test_invariance_wants_the_same_sentiment_and_a_close_score(
    score: float, other: float, passes: bool
) -> None:
    (found,) = rate_behaviour([make_test("same")], np.array([score, other])).by_test
    assert found == PassRate("invariance", 1, int(passes))


@pytest.mark.parametrize(
    ("expect", "other", "passes"),
    [("up", 0.91, True), ("up", 0.9, False), ("up", 0.1, False), ("down", 0.89, True), ("down", 0.9, False)],
)
def test_direction_wants_a_move_that_way_however_small(expect: str, other: float, passes: bool) -> None:
    (found,) = rate_behaviour([make_test(expect)], np.array([0.9, other])).by_test
    assert found == PassRate("direction", 1, int(passes))


def test_each_pair_is_judged_by_its_own_second_text() -> None:
    tests = [
        make_test("up", "b"),
        make_test("positive", None),
        make_test("same", "c"),
        make_test("down", "d"),
    ]
    assert list_behaviour_texts(tests) == ["a", "a", "a", "a", "b", "c", "d"]
    found = rate_behaviour(tests, np.array([0.1, 0.2, 0.3, 0.4, 0.2, 0.35, 0.6]))
    assert found.failed == ("minimum_functionality-positive", "direction-down")
    assert found.by_test == (
        PassRate("minimum_functionality", 1, 0),
        PassRate("invariance", 1, 1),
        PassRate("direction", 2, 1),
    )


def test_accuracy_is_given_overall_and_by_kind() -> None:
    reviews = [
        ElsewhereReview("short-001", "a", "positive", 8, "short"),
        ElsewhereReview("long-001", "b", "negative", 2, "long"),
        ElsewhereReview("short-002", "c", "negative", 1, "short"),
    ]
    found = rate_elsewhere(reviews, np.array([0.5, 0.1, 0.8]))
    assert found == (PassRate("all", 3, 2), PassRate("short", 2, 1), PassRate("long", 1, 1))
