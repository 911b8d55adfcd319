"""Tests of the comparison of two models on the same reviews: its figures and their intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.evaluation.bootstrap import Interval
from models.evaluation.comparison import compare_scores, find_mcnemar_p
from models.evaluation.metrics import evaluate_scores
from models.evaluation.sets import BehaviourResult, BehaviourTest, compare_behaviour
from models.evaluation.slices import evaluate_slices, holds_negation, mark_slices
from models.tokenizer import split_words


def find_accuracy_interval(
    scores: NDArray[np.float64], positive: NDArray[np.bool_], titles: list[str]
) -> Interval:
    [everything] = evaluate_slices(scores, positive, titles, {"all": np.ones(len(scores), bool)})
    return everything.accuracy


def make_rows(
    seed: int, rows: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], list[str]]:
    random = np.random.default_rng(seed)
    first, second = random.random(rows), random.random(rows)
    return first, second, random.random(rows) < 0.5, [str(each) for each in random.integers(0, rows, rows)]


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 60))
def test_the_gains_are_the_differences_of_the_two_evaluations(seed: int, rows: int) -> None:
    challenger, champion, positive, titles = make_rows(seed, rows)
    found = compare_scores(challenger, champion, positive, titles, {})
    mine, other = evaluate_scores(challenger, positive), evaluate_scores(champion, positive)
    assert found.log_loss_gain.value == pytest.approx(other.log_loss - mine.log_loss, abs=1e-9)
    assert found.accuracy_gain.value == pytest.approx(mine.accuracy - other.accuracy, abs=1e-9)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 60))
def test_challenger_and_champion_change_places_with_the_sign(seed: int, rows: int) -> None:
    challenger, champion, positive, titles = make_rows(seed, rows)
    one = compare_scores(challenger, champion, positive, titles, {})
    other = compare_scores(champion, challenger, positive, titles, {})
    assert one.log_loss_gain.lower == pytest.approx(-other.log_loss_gain.upper, abs=1e-9)
    assert one.accuracy_gain.upper == pytest.approx(-other.accuracy_gain.lower, abs=1e-9)
    assert one.mcnemar_p == pytest.approx(other.mcnemar_p)


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 60))
def test_the_same_scores_are_no_better_whatever_titles_are_drawn(seed: int, rows: int) -> None:
    scores, _, positive, titles = make_rows(seed, rows)
    found = compare_scores(scores, scores, positive, titles, {"all": np.ones(rows, bool)})
    for gain in (found.log_loss_gain, found.accuracy_gain, found.slices[0].gain):
        assert (gain.value, gain.lower, gain.upper) == (0, 0, 0)
    assert found.mcnemar_p == 1


@pytest.mark.slow
def test_an_interval_of_independent_reviews_is_as_wide_as_the_binomial_says() -> None:
    rows, accuracy = 2000, 0.8
    scores = np.where(np.arange(rows) < accuracy * rows, 0.9, 0.1)
    found = find_accuracy_interval(scores, np.ones(rows, bool), [str(number) for number in range(rows)])
    half = 1.96 * np.sqrt(accuracy * (1 - accuracy) / rows)
    assert found.value == accuracy
    assert (found.upper - found.lower) / 2 == pytest.approx(half, rel=0.1)


def test_reviews_of_one_title_that_go_wrong_together_widen_the_interval() -> None:
    scores = np.repeat(np.where(np.arange(100) < 80, 0.9, 0.1), 10)
    positive = np.ones(1000, bool)
    apart = find_accuracy_interval(scores, positive, [str(number) for number in range(1000)])
    together = find_accuracy_interval(scores, positive, [str(number // 10) for number in range(1000)])
    assert together.upper - together.lower > 2.5 * (apart.upper - apart.lower)


def test_a_slice_has_its_own_accuracies_and_interval() -> None:
    challenger, champion, positive, titles = make_rows(1, 400)
    mask = np.arange(400) < 150
    found = compare_scores(challenger, champion, positive, titles, {"first": mask, "rest": ~mask})
    first = found.slices[0]
    assert (first.name, first.reviews) == ("first", 150)
    assert first.challenger_accuracy == evaluate_scores(challenger[mask], positive[mask]).accuracy
    assert first.champion_accuracy == evaluate_scores(champion[mask], positive[mask]).accuracy
    assert first.gain.value == pytest.approx(first.challenger_accuracy - first.champion_accuracy)
    assert first.gain.lower < first.gain.value < first.gain.upper


def test_the_intervals_of_slices_are_wider_the_more_of_them_there_are() -> None:
    rows, mask = make_rows(1, 400), np.arange(400) < 150
    alone = compare_scores(*rows, {"first": mask}).slices[0].gain
    among = compare_scores(*rows, {"first": mask, **{str(n): ~mask for n in range(8)}}).slices[0].gain
    assert among.lower < alone.lower < alone.upper < among.upper


def test_mcnemars_exact_p_is_that_of_the_binomial() -> None:
    assert find_mcnemar_p(1, 9) == pytest.approx(2 * (1 + 10) / 2**10)
    assert find_mcnemar_p(0, 0) == 1


def test_every_review_has_one_length_and_one_quarter_of_unknown_words() -> None:
    random = np.random.default_rng(0)
    texts = ["fine"] * 300
    slices = mark_slices(texts, random.integers(1, 900, 300), random.random(300))
    names = ("short", "medium", "long")
    assert (np.stack([slices[name] for name in names]).sum(axis=0) == 1).all()
    assert [int(slices[f"unknown_words_q{place}"].sum()) for place in (1, 2, 3, 4)] == [75] * 4


@pytest.mark.parametrize(
    ("text", "negation", "contrast"),
    [
        ("Not good.", True, False),
        ("I didn't like it, HOWEVER I stayed", True, True),
        ("I didn\u2019t like it", True, False),
        ("A knot, nothingness and butter", False, False),
        ("Slow<br />but lovely", False, True),
        ("", False, False),
    ],
)
def test_negations_and_contrasts_are_found_by_whole_words(text: str, negation: bool, contrast: bool) -> None:
    slices = mark_slices([text], np.array([3]), np.array([0.1]))
    assert holds_negation(set(split_words(text))) is negation
    assert (bool(slices["negation"][0]), bool(slices["contrast"][0])) == (negation, contrast)


def test_behaviour_is_compared_test_by_test_within_each_type() -> None:
    tests = [
        BehaviourTest(str(number), "minimum_functionality", "question", "a", "positive")
        for number in range(9)
    ]
    tests.append(BehaviourTest("pair", "direction", "weaker", "a", "up", "b"))
    challenger = BehaviourResult((), ("0", "1", "2", "3", "4", "pair"))
    champion = BehaviourResult((), ("0", "8"))
    basic, direction = compare_behaviour(tests, challenger, champion)
    assert (basic.tests, basic.challenger_passed, basic.champion_passed) == (9, 4, 7)
    assert (basic.lost, basic.won) == (4, 1)
    assert basic.p_value == pytest.approx(6 / 32)
    assert (direction.test, direction.lost, direction.won, direction.p_value) == ("direction", 1, 0, 0.5)
