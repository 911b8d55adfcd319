"""The two evaluation sets of our own, and the shares of them that a model passes.

`behaviour` holds behavioural tests in the sense of CheckList (Ribeiro et al., 2020), `elsewhere` invented reviews,
written as people write them outside the archive. Both are frozen: docs/models.md. Needs numpy, and SciPy to compare.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.rules_and_limits import POSITIVE_FROM

SETS_DIR = Path(__file__).with_name("evaluation_sets")
BEHAVIOUR_FILE, ELSEWHERE_FILE = SETS_DIR / "behaviour.jsonl", SETS_DIR / "elsewhere.jsonl"

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
SAME_WITHIN = 0.1
"""Largest difference of the two scores with which an invariance test passes."""
KIND_WORDS = {
    "short": (3, 25),
    "plain": (50, 150),
    "long": (200, 400),
    "mixed": (30, 200),
    "sarcastic": (15, 200),
    "other": (15, 200),
}
"""The kinds of reviews in `elsewhere`, each with the smallest and the largest number of words of its reviews."""


@dataclass(frozen=True)
class PassRate:
    """How many tests of a group in an evaluation set were passed, or reviews of it classified correctly."""

    name: str
    """The type of tests or the kind of reviews; 'all' for all reviews."""
    tests: int
    passed: int

    @property
    def rate(self) -> float:
        """Return the share that was passed, 0 to 1; NaN if there are no tests."""
        return self.passed / self.tests if self.tests else float("nan")


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


@dataclass(frozen=True)
class ElsewhereReview:
    """One invented review: a line of `elsewhere.jsonl`."""

    id: str
    text: str
    label: str
    """'positive' or 'negative'."""
    rating: int
    """Stars, 1 to 10, never 5 or 6."""
    kind: str
    """A key of `KIND_WORDS`."""


def read_behaviour_tests() -> tuple[BehaviourTest, ...]:
    """Read the behavioural tests, in the order of the file."""
    return tuple(BehaviourTest(**json.loads(line)) for line in BEHAVIOUR_FILE.read_text("utf-8").splitlines())


def read_elsewhere() -> tuple[ElsewhereReview, ...]:
    """Read the reviews of `elsewhere`, in the order of the file."""
    return tuple(
        ElsewhereReview(**json.loads(line)) for line in ELSEWHERE_FILE.read_text("utf-8").splitlines()
    )


def list_behaviour_texts(tests: Sequence[BehaviourTest]) -> list[str]:
    """Return the texts to score for `rate_behaviour`: each test's `text`, then the `other` of each pair, in order."""
    return [test.text for test in tests] + [test.other for test in tests if test.other is not None]


def rate_behaviour(tests: Sequence[BehaviourTest], scores: NDArray[np.floating[Any]]) -> BehaviourResult:
    """Compute pass rates from `scores` [m], from 0 to 1, of the m texts of `list_behaviour_texts(tests)`.

    A test of minimum functionality passes if the score has the expected sentiment. A test of invariance passes if
    both scores have the same sentiment and differ by at most `SAME_WITHIN`. A test of direction passes if the score
    of `other` is above ('up') or below ('down') that of `text`, however small the difference.
    """
    exact = iter(scores.astype(np.float64).tolist())
    firsts = [next(exact) for _ in tests]
    others = [float("nan") if test.other is None else next(exact) for test in tests]
    passed = np.array(
        [_PASSES[test.expect](*pair) for test, *pair in zip(tests, firsts, others, strict=True)], np.bool_
    )
    return BehaviourResult(
        by_test=_count_passed([test.test for test in tests], passed, CAPABILITIES),
        failed=tuple(test.id for test, right in zip(tests, passed, strict=True) if not right),
    )


def compare_behaviour(
    tests: Sequence[BehaviourTest], challenger: BehaviourResult, champion: BehaviourResult
) -> tuple[BehaviourChange, ...]:
    """Compare two models on the same behavioural tests, by type of test."""
    from scipy.stats import binomtest

    failed = [set(result.failed) for result in (challenger, champion)]
    changes = []
    for name in dict.fromkeys(test.test for test in tests):
        those = {test.id for test in tests if test.test == name}
        lost, won = len((failed[0] - failed[1]) & those), len((failed[1] - failed[0]) & those)
        mine, others = (len(those - each) for each in failed)
        p_value = float(binomtest(lost, lost + won, alternative="greater").pvalue) if lost + won else 1.0
        changes.append(BehaviourChange(name, len(those), mine, others, lost, won, p_value))
    return tuple(changes)


def rate_elsewhere(
    reviews: Sequence[ElsewhereReview], scores: NDArray[np.floating[Any]]
) -> tuple[PassRate, ...]:
    """Return the shares of n reviews that `scores` [n], from 0 to 1, classify correctly: of all, then by kind."""
    right = (scores >= POSITIVE_FROM) == np.array([review.label == "positive" for review in reviews])
    kinds = _count_passed([review.kind for review in reviews], right, KIND_WORDS)
    return (PassRate("all", len(reviews), int(right.sum())), *kinds)


def _count_passed(
    groups: Sequence[str], passed: NDArray[np.bool_], names: Iterable[str]
) -> tuple[PassRate, ...]:
    """Count tests and passed tests of each group, in the order of `names`; skip empty groups."""
    group_of = np.array(groups, dtype=np.str_)
    return tuple(
        PassRate(name, int(chosen.sum()), int(passed[chosen].sum()))
        for name in names
        if (chosen := group_of == name).any()
    )


_PASSES: dict[str, Callable[[float, float], bool]] = {
    "positive": lambda score, _: score >= POSITIVE_FROM,
    "negative": lambda score, _: score < POSITIVE_FROM,
    "same": lambda score, other: (
        (score >= POSITIVE_FROM) == (other >= POSITIVE_FROM) and abs(other - score) <= SAME_WITHIN
    ),
    "up": lambda score, other: other > score,
    "down": lambda score, other: other < score,
}
