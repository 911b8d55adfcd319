"""Reads the evaluation set `behaviour`, computes pass rates from scores, and compares those of two models.

It holds behavioural tests in the sense of CheckList (Ribeiro et al., 2020). It is frozen: docs/models.md.
Needs numpy, and SciPy to compare; scores are plain arrays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.rules_and_limits import POSITIVE_FROM
from models.evaluation.sets import (
    SETS_DIR,
    PassRate,
    count_passed,
    read_set_rows,
    require_distinct_values,
    require_set_fields,
    require_set_rule,
    require_set_scores,
)

BEHAVIOUR_FILE = SETS_DIR / "behaviour.jsonl"

CAPABILITIES = {
    "minimum_functionality": (
        "simple_adjective",
        "negated_positive",
        "negated_negative",
        "intensifier",
        "comparative",
        "expectation",
        "contrast",
        "question",
        "time_change",
    ),
    "invariance": (
        "people",
        "places",
        "years",
        "titles",
        "neutral_addition",
        "typo",
        "punctuation",
        "case",
        "html_breaks",
    ),
    "direction": ("negation", "added_blame", "added_praise", "stronger", "weaker"),
}
"""The types of tests, each with the capabilities that it tests; no two capabilities have the same name."""
EXPECTATIONS = {
    "minimum_functionality": ("positive", "negative"),
    "invariance": ("same",),
    "direction": ("up", "down"),
}
"""The types of tests, each with the allowed values of `BehaviourTest.expect`."""
SAME_WITHIN = 0.1
"""Largest difference of the two scores with which an invariance test passes."""

_TEST_FIELDS: dict[str, type] = {"id": str, "test": str, "capability": str, "text": str, "expect": str}


@dataclass(frozen=True)
class BehaviourTest:
    """One behavioural test: a line of `behaviour.jsonl`."""

    id: str
    test: str
    """A key of `CAPABILITIES`."""
    capability: str
    text: str
    expect: str
    """The sentiment of `text`; in a pair, how the score changes from `text` to `other`: 'same', 'up' or 'down'."""
    other: str | None = None
    """The second text of a pair; None in a test of minimum functionality."""


@dataclass(frozen=True)
class BehaviourResult:
    """Pass rates on the behavioural tests."""

    by_test: tuple[PassRate, ...]
    by_capability: tuple[PassRate, ...]
    failed: tuple[str, ...]
    """Ids of the tests that failed, in the order of the set."""


@dataclass(frozen=True)
class BehaviourChange:
    """Comparison of the results of both models on one type of behavioural tests."""

    test: str
    tests: int
    challenger_passed: int
    champion_passed: int
    lost: int
    """Tests that only the champion passed."""
    won: int
    """Tests that only the challenger passed."""
    p_value: float
    """One-sided exact sign test: the probability of at least `lost` losses if each of `lost + won` were a coin toss."""


def read_behaviour_tests(path: Path = BEHAVIOUR_FILE) -> tuple[BehaviourTest, ...]:
    """Read and check the behavioural tests, in the order of the file.

    Raises `ContractError` with the line and the rule for a line that is not a `BehaviourTest`; with the file and the
    rule for an id or a text that occurs twice.
    """
    tests = tuple(_parse_test(row, where) for row, where in read_set_rows(path))
    require_distinct_values(path, "id", [test.id for test in tests])
    require_distinct_values(path, "text", list_behaviour_texts(tests))
    return tests


def list_behaviour_texts(tests: Sequence[BehaviourTest]) -> list[str]:
    """Return the texts to score for `rate_behaviour`: each test's `text`, then the `other` of each pair, in order."""
    return [test.text for test in tests] + [test.other for test in tests if test.other is not None]


def rate_behaviour(tests: Sequence[BehaviourTest], scores: NDArray[np.floating[Any]]) -> BehaviourResult:
    """Compute pass rates from `scores` [m], from 0 to 1, of the m texts of `list_behaviour_texts(tests)`.

    A test of minimum functionality passes if the score has the expected sentiment. A test of invariance passes if
    both scores have the same sentiment and differ by at most `SAME_WITHIN`. A test of direction passes if the score
    of `other` is above ('up') or below ('down') that of `text`, however small the difference.
    """
    require_set_scores(scores, len(list_behaviour_texts(tests)))
    exact = scores.astype(np.float64)
    passed = np.zeros(len(tests), dtype=np.bool_)
    place_of_other = len(tests)
    for place, test in enumerate(tests):
        other = float(exact[place_of_other]) if test.other is not None else float("nan")
        passed[place] = _PASSES[test.expect](float(exact[place]), other)
        place_of_other += test.other is not None
    return BehaviourResult(
        by_test=count_passed([test.test for test in tests], passed, CAPABILITIES),
        by_capability=count_passed(
            [test.capability for test in tests],
            passed,
            [name for each in CAPABILITIES.values() for name in each],
        ),
        failed=tuple(test.id for test, right in zip(tests, passed, strict=True) if not right),
    )


def compare_behaviour(
    tests: Sequence[BehaviourTest], challenger: BehaviourResult, champion: BehaviourResult
) -> tuple[BehaviourChange, ...]:
    """Compare two models on the same behavioural tests, by type of test."""
    failed = [set(result.failed) for result in (challenger, champion)]
    changes = []
    for name in dict.fromkeys(test.test for test in tests):
        those = {test.id for test in tests if test.test == name}
        lost, won = len((failed[0] - failed[1]) & those), len((failed[1] - failed[0]) & those)
        mine, others = (len(those - each) for each in failed)
        changes.append(BehaviourChange(name, len(those), mine, others, lost, won, _find_sign_p(lost, won)))
    return tuple(changes)


def _find_sign_p(lost: int, won: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(lost, lost + won, alternative="greater").pvalue) if lost + won else 1.0


def _are_same(score: float, other: float) -> bool:
    """Return whether two scores are the same for a behavioural test of invariance."""
    return (score >= POSITIVE_FROM) == (other >= POSITIVE_FROM) and abs(other - score) <= SAME_WITHIN


_PASSES: dict[str, Callable[[float, float], bool]] = {
    "positive": lambda score, _: score >= POSITIVE_FROM,
    "negative": lambda score, _: score < POSITIVE_FROM,
    "same": _are_same,
    "up": lambda score, other: other > score,
    "down": lambda score, other: other < score,
}


def _parse_test(row: dict[str, Any], where: str) -> BehaviourTest:
    """Return a line of `behaviour.jsonl` as a test, after checking its fields."""
    is_pair = row.get("test") != "minimum_functionality"
    require_set_fields(row, _TEST_FIELDS | ({"other": str} if is_pair else {}), where)
    test = BehaviourTest(**row)
    require_set_rule(test.test in CAPABILITIES, where, f"test must be one of {', '.join(CAPABILITIES)}")
    for field, value, allowed in (
        ("capability", test.capability, CAPABILITIES[test.test]),
        ("expect", test.expect, EXPECTATIONS[test.test]),
    ):
        require_set_rule(
            value in allowed, where, f"{field} of {test.test} must be one of {', '.join(allowed)}"
        )
    return test
