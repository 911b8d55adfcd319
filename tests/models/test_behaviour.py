"""Tests of the two frozen evaluation sets, and of pass rates against hand-computed values."""

import hashlib
import json
import math
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_contracts.errors import ContractError
from models.bundle.golden import GOLDEN_TEXTS
from models.evaluation.behaviour import (
    BEHAVIOUR_FILE,
    CAPABILITIES,
    SAME_WITHIN,
    BehaviourTest,
    list_behaviour_texts,
    rate_behaviour,
    read_behaviour_tests,
)
from models.evaluation.elsewhere import (
    ELSEWHERE_FILE,
    KIND_WORDS,
    ElsewhereReview,
    rate_elsewhere,
    read_elsewhere,
)
from models.evaluation.sets import PassRate
from models.tokenizer import split_words

FROZEN = {
    ELSEWHERE_FILE: "9cfb5c4f92ffd56393c4f3027b1f0eed044ab975653761fb0c9918d68ca2fcfc",
    BEHAVIOUR_FILE: "cb7732739391312bf85eeedcdac1daf493c6148114ed2ee1e211bd5381beabd7",
}
"""Figures from different contents can't be compared: whoever edits a set means to start its history anew."""
FEWEST_TESTS = {"minimum_functionality": 80, "invariance": 40, "direction": 60}
SHARED_TRIPLES = 0.3
"""Of the word triples of the shorter of two texts, the share from which on they are near duplicates."""

REVIEW = {"id": "short-001", "text": "A fine film.", "label": "positive", "rating": 8, "kind": "short"}
MINIMUM = {
    "id": "minimum-001",
    "test": "minimum_functionality",
    "capability": "contrast",
    "text": "A dull start, but I loved it.",
    "expect": "positive",
}
PAIR = {
    "id": "direction-001",
    "test": "direction",
    "capability": "negation",
    "text": "It is good.",
    "other": "It is not good.",
    "expect": "down",
}


@pytest.fixture(scope="module")
def elsewhere() -> tuple[ElsewhereReview, ...]:
    return read_elsewhere()


@pytest.fixture(scope="module")
def behaviour() -> tuple[BehaviourTest, ...]:
    return read_behaviour_tests()


def write_rows(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def make_test(expect: str, other: str | None = "b") -> BehaviourTest:
    kind = {"same": "invariance", "up": "direction", "down": "direction"}.get(expect, "minimum_functionality")
    return BehaviourTest(f"{kind}-{expect}", kind, CAPABILITIES[kind][0], "a", expect, other)


# What the files promise


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: path.name)
def test_a_set_is_frozen(path: Path) -> None:
    assert hashlib.sha256(path.read_bytes()).hexdigest() == FROZEN[path]


def test_elsewhere_has_1000_reviews_and_at_least_140_of_each_kind(
    elsewhere: tuple[ElsewhereReview, ...],
) -> None:
    counts = Counter(review.kind for review in elsewhere)
    assert len(elsewhere) == 1000
    assert counts.keys() == KIND_WORDS.keys()
    assert min(counts.values()) >= 140


@pytest.mark.parametrize("kind", KIND_WORDS)
def test_half_of_each_kind_is_positive(elsewhere: tuple[ElsewhereReview, ...], kind: str) -> None:
    labels = Counter(review.label for review in elsewhere if review.kind == kind)
    assert labels["positive"] == labels["negative"]


def test_every_rating_but_5_and_6_is_given(elsewhere: tuple[ElsewhereReview, ...]) -> None:
    assert {review.rating for review in elsewhere} == {1, 2, 3, 4, 7, 8, 9, 10}


def test_a_review_is_named_by_its_kind(elsewhere: tuple[ElsewhereReview, ...]) -> None:
    assert all(review.id.rsplit("-", 1)[0] == review.kind for review in elsewhere)


@pytest.mark.parametrize(("test", "fewest"), FEWEST_TESTS.items())
def test_there_are_enough_tests_of_each_type(
    behaviour: tuple[BehaviourTest, ...], test: str, fewest: int
) -> None:
    assert sum(each.test == test for each in behaviour) >= fewest


def test_every_capability_has_at_least_5_tests(behaviour: tuple[BehaviourTest, ...]) -> None:
    counts = Counter(each.capability for each in behaviour)
    assert counts.keys() == {name for names in CAPABILITIES.values() for name in names}
    assert min(counts.values()) >= 5


def test_no_two_capabilities_have_one_name() -> None:
    names = [name for each in CAPABILITIES.values() for name in each]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("test", ["minimum_functionality", "direction"])
def test_both_answers_are_expected_equally_often(behaviour: tuple[BehaviourTest, ...], test: str) -> None:
    one, two = Counter(each.expect for each in behaviour if each.test == test).values()
    assert one == two


def test_no_text_stands_in_both_sets_or_among_the_golden_texts(
    elsewhere: tuple[ElsewhereReview, ...], behaviour: tuple[BehaviourTest, ...]
) -> None:
    texts = [*(review.text for review in elsewhere), *list_behaviour_texts(behaviour), *GOLDEN_TEXTS]
    assert not [text for text, count in Counter(texts).items() if count > 1]


def test_no_text_is_longer_than_500_words(
    elsewhere: tuple[ElsewhereReview, ...], behaviour: tuple[BehaviourTest, ...]
) -> None:
    texts = [*(review.text for review in elsewhere), *list_behaviour_texts(behaviour)]
    assert max(len(split_words(text)) for text in texts) <= 500


@pytest.mark.slow
def test_no_two_reviews_from_elsewhere_are_near_duplicates(elsewhere: tuple[ElsewhereReview, ...]) -> None:
    triples = {
        review.id: set(zip(words, words[1:], words[2:], strict=False))
        for review in elsewhere
        if (words := split_words(review.text))
    }
    assert not [
        (one, two)
        for one, two in combinations(triples, 2)
        if len(triples[one] & triples[two]) > SHARED_TRIPLES * min(len(triples[one]), len(triples[two]))
    ]


# What reading refuses


def test_a_review_is_read_with_all_its_fields(tmp_path: Path) -> None:
    (review,) = read_elsewhere(write_rows(tmp_path / "some.jsonl", REVIEW))
    assert review == ElsewhereReview("short-001", "A fine film.", "positive", 8, "short")


def test_tests_with_and_without_another_text_are_read(tmp_path: Path) -> None:
    minimum, pair = read_behaviour_tests(write_rows(tmp_path / "some.jsonl", MINIMUM, PAIR))
    assert (minimum.other, pair.other) == (None, "It is not good.")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"kind": "tiny"}, "kind must be one of"),
        ({"label": "neutral"}, "label must be one of"),
        ({"rating": 4}, "a positive rating is 7 to 10"),
        ({"rating": 6}, "a positive rating is 7 to 10"),
        ({"rating": True}, "rating must be a filled int"),
        ({"text": ""}, "text must be a filled str"),
        ({"text": "Good film"}, "short is 3 to 25 words, this is 2"),
        ({"source": "me"}, "must have the fields"),
    ],
)
def test_a_review_that_breaks_a_rule_is_refused_with_its_line(
    tmp_path: Path, change: dict[str, Any], rule: str
) -> None:
    path = write_rows(tmp_path / "some.jsonl", REVIEW, {**REVIEW, "id": "short-002", **change})
    with pytest.raises(ContractError, match=f"some.jsonl, line 2: {rule}"):
        read_elsewhere(path)


@pytest.mark.parametrize(
    ("field", "other"), [("id", {"text": "A poor film."}), ("text", {"id": "short-002"})]
)
def test_an_id_or_a_text_that_stands_there_twice_is_refused(
    tmp_path: Path, field: str, other: dict[str, Any]
) -> None:
    with pytest.raises(ContractError, match=f"each {field} must occur once"):
        read_elsewhere(write_rows(tmp_path / "some.jsonl", REVIEW, {**REVIEW, **other}))


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({**MINIMUM, "test": "accuracy", "other": "x"}, "test must be one of"),
        ({**MINIMUM, "capability": "typo"}, "capability of minimum_functionality must be one of"),
        ({**PAIR, "expect": "same"}, "expect of direction must be one of up, down"),
        ({**MINIMUM, "other": "x"}, "must have the fields"),
        ({key: value for key, value in PAIR.items() if key != "other"}, "must have the fields"),
    ],
)
def test_a_test_that_breaks_a_rule_is_refused_with_its_line(
    tmp_path: Path, row: dict[str, Any], rule: str
) -> None:
    with pytest.raises(ContractError, match=f"some.jsonl, line 1: {rule}"):
        read_behaviour_tests(write_rows(tmp_path / "some.jsonl", row))


def test_a_pair_of_one_text_with_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="each text must occur once"):
        read_behaviour_tests(write_rows(tmp_path / "some.jsonl", {**PAIR, "other": PAIR["text"]}))


@pytest.mark.parametrize(("line", "rule"), [("{", "is not JSON"), ("[1]", "must be a JSON object")])
def test_a_line_that_is_no_json_object_is_refused(tmp_path: Path, line: str, rule: str) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(line + "\n", "utf-8")
    with pytest.raises(ContractError, match=rule):
        read_elsewhere(path)


# Pass rates


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
    assert found.by_capability == (
        PassRate("simple_adjective", 1, 0),
        PassRate("people", 1, 1),
        PassRate("negation", 2, 1),
    )


def test_a_model_that_always_says_the_same_fails_what_it_must(behaviour: tuple[BehaviourTest, ...]) -> None:
    scores = np.full(len(list_behaviour_texts(behaviour)), 0.7, dtype=np.float32)
    rates = {each.name: each.rate for each in rate_behaviour(behaviour, scores).by_test}
    assert rates == {"minimum_functionality": 0.5, "invariance": 1.0, "direction": 0.0}


def test_accuracy_is_given_overall_by_kind_and_by_label() -> None:
    reviews = [
        ElsewhereReview("short-001", "a", "positive", 8, "short"),
        ElsewhereReview("long-001", "b", "negative", 2, "long"),
        ElsewhereReview("short-002", "c", "negative", 1, "short"),
    ]
    found = rate_elsewhere(reviews, np.array([0.5, 0.1, 0.8]))
    assert found.overall == PassRate("all", 3, 2)
    assert found.by_kind == (PassRate("short", 2, 1), PassRate("long", 1, 1))
    assert found.by_label == (PassRate("positive", 1, 1), PassRate("negative", 2, 1))
    assert found.missed == ("short-002",)


def test_a_model_that_always_says_the_same_is_right_on_half_of_each_kind(
    elsewhere: tuple[ElsewhereReview, ...],
) -> None:
    found = rate_elsewhere(elsewhere, np.ones(len(elsewhere)))
    assert [each.rate for each in found.by_kind] == [0.5] * len(KIND_WORDS)


def test_no_tests_have_no_rate() -> None:
    assert math.isnan(PassRate("all", 0, 0).rate)


@pytest.mark.parametrize("scores", [np.array([0.5]), np.array([[0.5, 0.5]]), np.array([0.5] * 3)])
def test_as_many_scores_as_texts_are_needed(scores: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ValueError, match="one score a text is needed: 2 texts"):
        rate_behaviour([make_test("up")], scores)


@pytest.mark.parametrize("score", [float("nan"), -0.1, 1.1])
def test_a_score_outside_0_to_1_is_refused(score: float) -> None:
    review = ElsewhereReview("short-001", "a", "positive", 8, "short")
    with pytest.raises(ValueError, match="numbers from 0 to 1"):
        rate_elsewhere([review], np.array([score]))
