"""Tests that the windows contain every known word once, and every review."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.wide_lstm.windows import cut_windows

SIZES = st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 5))
"""Reviews, windows of each, and words of a window."""
REVIEWS = SIZES.flatmap(
    lambda sizes: st.tuples(
        arrays(np.int32, (sizes[0], sizes[1] * sizes[2]), elements=st.integers(0, 3)), st.just(sizes[2])
    )
)


@given(REVIEWS)
def test_every_known_word_is_in_one_window_of_its_review(reviews: tuple[NDArray[np.int32], int]) -> None:
    ids, size = reviews
    windows, review = cut_windows(ids, size)
    for row, words in enumerate(ids):
        read = windows[review == row].ravel()
        assert read[read > 0].tolist() == words[words > 0].tolist()


@given(REVIEWS)
def test_every_review_has_a_window_and_they_come_in_order(reviews: tuple[NDArray[np.int32], int]) -> None:
    windows, review = cut_windows(*reviews)
    assert sorted(set(review.tolist())) == list(range(len(reviews[0])))
    assert (np.diff(review) >= 0).all()
    assert windows.shape == (len(review), reviews[1])


def test_a_review_without_a_known_word_keeps_its_last_window_alone() -> None:
    windows, review = cut_windows(np.zeros((2, 6), np.int32), 3)
    assert windows.tolist() == [[0, 0, 0]] * 2
    assert review.tolist() == [0, 1]
