"""Excerpts: runs of a review's own words, as short as people write them, and only some of the reviews."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.path_training import EXCERPT_SHARE, EXCERPT_WORDS, cut_excerpts

LENGTH = 200


def list_words(row: NDArray[np.int32]) -> list[int]:
    """Give the ids from the first known one on."""
    return [int(number) for number in np.trim_zeros(row, "f")]


@given(
    arrays(np.int32, st.tuples(st.integers(0, 6), st.integers(1, 40)), elements=st.integers(0, 4)),
    st.integers(0, 99),
)
def test_an_excerpt_is_a_run_of_the_words_of_its_review(ids: NDArray[np.int32], seed: int) -> None:
    cut = cut_excerpts(ids, np.random.default_rng(seed))
    for row, words in zip(ids, cut, strict=True):
        found, whole = list_words(words), row.tolist()
        assert any(whole[start : start + len(found)] == found for start in range(len(whole)))


def test_some_reviews_are_seen_as_excerpts_and_the_others_whole() -> None:
    ids = np.random.default_rng(0).integers(1, 9, (4000, LENGTH), dtype=np.int32)
    cut = cut_excerpts(ids, np.random.default_rng(1))
    changed = (cut != ids).any(axis=1)
    sizes = (cut[changed] > 0).sum(axis=1)
    assert abs(changed.mean() - EXCERPT_SHARE) < 0.03
    assert (sizes.min(), sizes.max()) == EXCERPT_WORDS
    assert (cut[changed, -1] > 0).all()


def test_the_reviews_that_are_given_stay_as_they_are() -> None:
    ids = np.random.default_rng(0).integers(0, 9, (300, LENGTH), dtype=np.int32)
    given_ids = ids.copy()
    cut_excerpts(ids, np.random.default_rng(1))
    assert np.array_equal(ids, given_ids)
