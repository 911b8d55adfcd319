"""Tests of the paired bootstrap against known results."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from benchmarks.paired import SAMPLES, PairedDifference, compare_areas, compare_pairs, measure_area

SHARES = st.sampled_from([0.0, 1 / 3, 0.5, 1.0])


def test_two_models_that_are_right_on_the_same_reviews_do_not_differ() -> None:
    right = np.array([1.0, 0.0, 1.0])
    assert compare_pairs(right, right) == PairedDifference(0, 0, 0, 1)


def test_a_model_that_is_always_right_beats_one_that_never_is_by_all_of_it() -> None:
    found = compare_pairs(np.ones(50), np.zeros(50))
    assert (found.difference, found.low, found.high) == (1, 1, 1)
    assert found.p == pytest.approx(2 / (SAMPLES + 1))


def test_the_interval_is_about_that_of_the_normal_distribution() -> None:
    ours, others = np.repeat([1.0, 0.0], [120, 80]), np.repeat([0.0, 1.0], [120, 80])
    found = compare_pairs(ours, others)
    half_width = 1.96 * np.sqrt((1 - 0.2**2) / 200)
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.2 - half_width, 0.2 + half_width), abs=0.015)
    assert 0.001 < found.p < 0.01


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(SHARES, SHARES), min_size=1, max_size=40))
def test_the_other_way_round_is_the_same_with_the_other_sign(pairs: list[tuple[float, float]]) -> None:
    ours, others = np.array(pairs).T
    there, back = compare_pairs(ours, others), compare_pairs(others, ours)
    assert there.p == back.p
    assert (there.difference, there.low, there.high) == pytest.approx(
        (-back.difference, -back.high, -back.low)
    )


@pytest.mark.parametrize(("ours", "others"), [(0, 0), (2, 3)])
def test_reviews_that_are_not_the_same_are_refused(ours: int, others: int) -> None:
    with pytest.raises(ValueError, match="the same shape and not be empty"):
        compare_pairs(np.zeros(ours), np.zeros(others))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_shares_of_three_seeds_give_the_p_of_their_whole_numbers(pairs: list[tuple[int, int]]) -> None:
    ours, others = np.array(pairs, dtype=float).T
    assert compare_pairs(ours / 3, others / 3).p == compare_pairs(ours, others).p


POSITIVE = np.arange(200) % 2 == 0


def draw_scores(seed: int, gap: float) -> np.ndarray:
    """Return the scores, with ties, of three seeds that give positive reviews a higher one by `gap` on average."""
    return np.round(np.random.default_rng(seed).normal(gap * POSITIVE, 1, (3, len(POSITIVE))), 1)


def test_the_area_is_that_of_scikit_learn() -> None:
    [scores, *_] = draw_scores(0, 1.0)
    assert measure_area(scores, POSITIVE) == pytest.approx(roc_auc_score(POSITIVE, scores))


def test_the_difference_of_areas_is_that_of_their_means() -> None:
    ours, others = draw_scores(0, 1.5), draw_scores(1, 0.5)
    areas = [np.mean([roc_auc_score(POSITIVE, seed) for seed in scores]) for scores in (ours, others)]
    assert compare_areas(ours, others, POSITIVE).difference == pytest.approx(areas[0] - areas[1])


def test_an_area_that_is_larger_beyond_chance_has_an_interval_above_0() -> None:
    found = compare_areas(draw_scores(0, 1.5), draw_scores(1, 0.5), POSITIVE)
    assert 0 < found.low < found.difference < found.high
    assert found.p < 0.01


def test_the_interval_of_areas_has_the_width_that_resampling_gives() -> None:
    ours, others = draw_scores(0, 1.0)[:1], draw_scores(1, 1.0)[:1]
    draws = np.random.default_rng(2).integers(0, len(POSITIVE), (400, len(POSITIVE)))
    areas = [[roc_auc_score(POSITIVE[each], scores[0, each]) for scores in (ours, others)] for each in draws]
    found = compare_areas(ours, others, POSITIVE)
    assert found.high - found.low == pytest.approx(3.92 * np.std(-np.diff(areas, axis=1)), rel=0.15)


def test_where_a_score_begins_to_be_positive_changes_no_area() -> None:
    ours = draw_scores(0, 1.0)
    found = compare_areas(ours, ours + 1, POSITIVE)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)
