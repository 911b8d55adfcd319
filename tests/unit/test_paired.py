"""Tests of the paired bootstrap against known results."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.paired import SAMPLES, PairedDifference, compare_pairs

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
