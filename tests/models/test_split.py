"""The validation split: a tenth of the titles, the same whatever the order of the rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.split import hold_out_titles

TITLES = [f"tt{number:07}" for number in range(500)]


def test_a_tenth_of_the_titles_is_held_out() -> None:
    assert hold_out_titles(TITLES).sum() == 50


@given(st.lists(st.sampled_from(TITLES), min_size=1, max_size=200))
def test_no_title_is_on_both_sides(movie_ids: list[str]) -> None:
    held_out = hold_out_titles(movie_ids)
    titles = np.array(movie_ids)
    assert not set(titles[held_out]) & set(titles[~held_out])


@given(st.permutations(TITLES[:50]))
def test_the_order_of_the_rows_does_not_matter(movie_ids: list[str]) -> None:
    held_out = set(np.array(movie_ids)[hold_out_titles(movie_ids)])
    assert held_out == set(np.array(TITLES[:50])[hold_out_titles(TITLES[:50])])
