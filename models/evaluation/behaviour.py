"""Reads the project's own two evaluation sets and computes accuracy and pass rates from scores.

`elsewhere` holds invented reviews, written as people write them outside the archive. `behaviour` holds behavioural
tests in the sense of CheckList (Ribeiro et al., 2020). Both sets are frozen: docs/evaluation-sets.md. Needs numpy;
scores are plain arrays.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ContractError
from data_contracts.limits import NEGATIVE_STARS, POSITIVE_FROM, POSITIVE_STARS
from models.tokenizer import split_words

SETS_DIR = Path(__file__).with_name("evaluation_sets")
ELSEWHERE_FILE = SETS_DIR / "elsewhere.jsonl"
BEHAVIOUR_FILE = SETS_DIR / "behaviour.jsonl"

KIND_WORDS = {
    "short": (3, 25),
    "plain": (50, 150),
    "long": (200, 400),
    "mixed": (30, 200),
    "sarcastic": (15, 200),
}
"""The kinds of reviews in `elsewhere`, each with the smallest and the largest number of words of its reviews."""
LABEL_RATINGS = {
    name: range(lowest, highest + 1)
    for name, (lowest, highest) in {"positive": POSITIVE_STARS, "negative": NEGATIVE_STARS}.items()
}
"""The labels, each with the ratings that a review with this label may have, in stars."""
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

_REVIEW_FIELDS: dict[str, type] = {"id": str, "text": str, "label": str, "rating": int, "kind": str}
_TEST_FIELDS: dict[str, type] = {"id": str, "test": str, "capability": str, "text": str, "expect": str}


@dataclass(frozen=True)
class ElsewhereReview:
    """One invented review: a line of `elsewhere.jsonl`."""

    id: str
    text: str
    label: str
    """A key of `LABEL_RATINGS`."""
    rating: int
    """Stars, 1 to 10, never 5 or 6."""
    kind: str
    """A key of `KIND_WORDS`."""


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
class PassRate:
    """How many tests of a group were passed, or how many of its reviews were classified correctly."""

    name: str
    """The type of tests, the capability, the kind or the label of reviews; 'all' for all reviews."""
    tests: int
    passed: int

    @property
    def rate(self) -> float:
        """Return the share that was passed, 0 to 1; NaN if there are no tests."""
        return self.passed / self.tests if self.tests else float("nan")


@dataclass(frozen=True)
class ElsewhereResult:
    """Accuracy on the reviews of `elsewhere`: each `rate` is the share of reviews with the predicted label right."""

    overall: PassRate
    by_kind: tuple[PassRate, ...]
    by_label: tuple[PassRate, ...]
    missed: tuple[str, ...]
    """Ids of the reviews that were classified wrongly, in the order of the set."""


@dataclass(frozen=True)
class BehaviourResult:
    """Pass rates on the behavioural tests."""

    by_test: tuple[PassRate, ...]
    by_capability: tuple[PassRate, ...]
    failed: tuple[str, ...]
    """Ids of the tests that failed, in the order of the set."""


def read_elsewhere(path: Path = ELSEWHERE_FILE) -> tuple[ElsewhereReview, ...]:
    """Read and check the reviews of `elsewhere`, in the order of the file.

    Raises `ContractError` with the line and the rule for a line that is not an `ElsewhereReview`, or whose text has
    more or fewer words than its kind allows; with the file and the rule for an id or a text that occurs twice.
    """
    reviews = tuple(_parse_review(row, where) for row, where in _read_rows(path))
    _require_distinct(path, "id", [review.id for review in reviews])
    _require_distinct(path, "text", [review.text for review in reviews])
    return reviews


def read_behaviour_tests(path: Path = BEHAVIOUR_FILE) -> tuple[BehaviourTest, ...]:
    """Read and check the behavioural tests, in the order of the file.

    Raises `ContractError` with the line and the rule for a line that is not a `BehaviourTest`; with the file and the
    rule for an id or a text that occurs twice.
    """
    tests = tuple(_parse_test(row, where) for row, where in _read_rows(path))
    _require_distinct(path, "id", [test.id for test in tests])
    _require_distinct(path, "text", list_behaviour_texts(tests))
    return tests


def list_behaviour_texts(tests: Sequence[BehaviourTest]) -> list[str]:
    """Return the texts to score for `rate_behaviour`: each test's `text`, then the `other` of each pair, in order."""
    return [test.text for test in tests] + [test.other for test in tests if test.other is not None]


def find_positive(reviews: Sequence[ElsewhereReview]) -> NDArray[np.bool_]:
    """Return whether each review is labelled positive, [n]: the labels for `evaluate_scores`."""
    return np.array([review.label == "positive" for review in reviews], dtype=np.bool_)


def rate_elsewhere(reviews: Sequence[ElsewhereReview], scores: NDArray[np.floating[Any]]) -> ElsewhereResult:
    """Compare `scores` [n], from 0 to 1, with the labels of the n reviews."""
    _require_scores(scores, len(reviews))
    right = (scores >= POSITIVE_FROM) == find_positive(reviews)
    return ElsewhereResult(
        overall=PassRate("all", len(reviews), int(right.sum())),
        by_kind=_count_passed([review.kind for review in reviews], right, KIND_WORDS),
        by_label=_count_passed([review.label for review in reviews], right, LABEL_RATINGS),
        missed=tuple(review.id for review, hit in zip(reviews, right, strict=True) if not hit),
    )


def rate_behaviour(tests: Sequence[BehaviourTest], scores: NDArray[np.floating[Any]]) -> BehaviourResult:
    """Compute pass rates from `scores` [m], from 0 to 1, of the m texts of `list_behaviour_texts(tests)`.

    A test of minimum functionality passes if the score has the expected sentiment. A test of invariance passes if
    both scores have the same sentiment and differ by at most `SAME_WITHIN`. A test of direction passes if the score
    of `other` is above ('up') or below ('down') that of `text`, however small the difference.
    """
    _require_scores(scores, len(list_behaviour_texts(tests)))
    exact = scores.astype(np.float64)
    passed = np.zeros(len(tests), dtype=np.bool_)
    place_of_other = len(tests)
    for place, test in enumerate(tests):
        other = float(exact[place_of_other]) if test.other is not None else float("nan")
        passed[place] = _PASSES[test.expect](float(exact[place]), other)
        place_of_other += test.other is not None
    return BehaviourResult(
        by_test=_count_passed([test.test for test in tests], passed, CAPABILITIES),
        by_capability=_count_passed(
            [test.capability for test in tests],
            passed,
            [name for each in CAPABILITIES.values() for name in each],
        ),
        failed=tuple(test.id for test, right in zip(tests, passed, strict=True) if not right),
    )


def _are_same(score: float, other: float) -> bool:
    return (score >= POSITIVE_FROM) == (other >= POSITIVE_FROM) and abs(other - score) <= SAME_WITHIN


_PASSES: dict[str, Callable[[float, float], bool]] = {
    "positive": lambda score, _: score >= POSITIVE_FROM,
    "negative": lambda score, _: score < POSITIVE_FROM,
    "same": _are_same,
    "up": lambda score, other: other > score,
    "down": lambda score, other: other < score,
}


def _count_passed(
    groups: Sequence[str], passed: NDArray[np.bool_], names: Iterable[str]
) -> tuple[PassRate, ...]:
    """Count the tests and the passed tests of each group, in the order of `names`; skip groups without a test."""
    group_of = np.array(groups, dtype=np.str_)
    return tuple(
        PassRate(name, int(chosen.sum()), int(passed[chosen].sum()))
        for name in names
        if (chosen := group_of == name).any()
    )


def _require_scores(scores: NDArray[np.floating[Any]], texts: int) -> None:
    if scores.shape != (texts,):
        raise ValueError(f"one score a text is needed: {texts} texts, scores of shape {scores.shape}")
    if not ((scores >= 0) & (scores <= 1)).all():
        raise ValueError("scores must be numbers from 0 to 1")


def _read_rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each line of a JSON Lines file as a dictionary, with its file and line number for error messages."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            where = f"{path.name}, line {number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ContractError(f"{where}: is not JSON ({error})") from None
            _require(isinstance(row, dict), where, "must be a JSON object")
            yield row, where


def _parse_review(row: dict[str, Any], where: str) -> ElsewhereReview:
    _require_fields(row, _REVIEW_FIELDS, where)
    review = ElsewhereReview(**row)
    _require(review.kind in KIND_WORDS, where, f"kind must be one of {', '.join(KIND_WORDS)}")
    _require(review.label in LABEL_RATINGS, where, f"label must be one of {', '.join(LABEL_RATINGS)}")
    ratings = LABEL_RATINGS[review.label]
    _require(
        review.rating in ratings, where, f"a {review.label} rating is {ratings.start} to {ratings.stop - 1}"
    )
    fewest, most = KIND_WORDS[review.kind]
    words = len(split_words(review.text))
    _require(fewest <= words <= most, where, f"{review.kind} is {fewest} to {most} words, this is {words}")
    return review


def _parse_test(row: dict[str, Any], where: str) -> BehaviourTest:
    is_pair = row.get("test") != "minimum_functionality"
    _require_fields(row, _TEST_FIELDS | ({"other": str} if is_pair else {}), where)
    test = BehaviourTest(**row)
    _require(test.test in CAPABILITIES, where, f"test must be one of {', '.join(CAPABILITIES)}")
    for field, value, allowed in (
        ("capability", test.capability, CAPABILITIES[test.test]),
        ("expect", test.expect, EXPECTATIONS[test.test]),
    ):
        _require(value in allowed, where, f"{field} of {test.test} must be one of {', '.join(allowed)}")
    return test


def _require_fields(row: dict[str, Any], fields: Mapping[str, type], where: str) -> None:
    _require(row.keys() == fields.keys(), where, f"must have the fields {', '.join(fields)}, no other")
    for field, type_ in fields.items():
        # `type` instead of `isinstance`, since True is an int too.
        _require(
            type(row[field]) is type_ and row[field] != "",
            where,
            f"{field} must be a filled {type_.__name__}",
        )


def _require_distinct(path: Path, field: str, values: Sequence[str]) -> None:
    twice = sorted({value for value in values if values.count(value) > 1})
    _require(not twice, path.name, f"each {field} must occur once, but {twice[:1]} is repeated")


def _require(holds: bool, where: str, rule: str) -> None:
    if not holds:
        raise ContractError(f"{where}: {rule}")
