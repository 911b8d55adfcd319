"""Tests that the validation split is a tenth of the titles, independent of the order of the rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.training.split import hold_out_titles, mark_first_texts

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


def test_of_rows_with_the_same_text_the_first_counts() -> None:
    nobody = np.zeros(5, dtype=bool)
    assert mark_first_texts(["a", "b", "a", "c", "b"], nobody).tolist() == [True, True, False, True, False]


def test_a_text_that_is_held_out_is_not_learnt_from_under_another_title() -> None:
    held_out = np.array([False, True, True, False])
    assert mark_first_texts(["a", "a", "a", "b"], held_out).tolist() == [False, True, False, True]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), min_size=1, max_size=30))
def test_each_text_counts_once(rows: list[tuple[str, bool]]) -> None:
    texts, held_out = [text for text, _ in rows], np.array([held for _, held in rows])
    marked = mark_first_texts(texts, held_out)
    assert sorted(np.array(texts)[marked].tolist()) == sorted(set(texts))
    for text in set(texts):
        its = np.array([each == text for each in texts])
        assert not (held_out & its).any() or held_out[marked & its].all()
