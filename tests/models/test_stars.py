"""Tests of the function from scores to stars and of its errors, against hand-computed values."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.stars import (
    RatingInterval,
    StarMapping,
    evaluate_ratings,
    fit_interval,
    fit_stars,
    rate_stars,
    read_stars,
    to_facts,
)

WIDTH = RatingInterval(0.0, 1.0)
ROWS = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 10)), min_size=1, max_size=50)


def test_between_two_points_the_rating_is_on_the_straight_line() -> None:
    mapping = StarMapping((0.2, 0.6), (3.0, 7.0))
    assert rate_stars(np.array([0.0, 0.2, 0.3, 0.6, 1.0]), mapping).tolist() == pytest.approx([3, 3, 4, 7, 7])


def test_a_rising_fit_goes_through_the_mean_of_ratings_that_are_out_of_order() -> None:
    mapping = fit_stars(np.array([0.1, 0.4, 0.6, 0.9]), np.array([1.0, 8.0, 4.0, 10.0]))
    assert rate_stars(np.array([0.1, 0.4, 0.5, 0.6, 0.9]), mapping).tolist() == pytest.approx(
        [1, 6, 6, 6, 10]
    )


def test_a_fit_has_a_point_for_each_of_ten_groups_and_none_for_single_reviews() -> None:
    scores = np.linspace(0, 1, 1000)
    assert fit_stars(scores, 1 + 9 * scores).scores == pytest.approx(np.linspace(0.05, 0.95, 10), abs=1e-3)


@given(ROWS)
def test_whatever_it_is_fitted_on_a_higher_score_never_gives_fewer_stars(
    rows: list[tuple[float, int]],
) -> None:
    scores, given_stars = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=float)
    stars = rate_stars(np.linspace(0, 1, 101), fit_stars(scores, given_stars))
    assert (np.diff(stars) >= 0).all()
    assert stars.min() >= 1
    assert stars.max() <= 10


@given(ROWS)
def test_a_fit_comes_back_from_a_bundles_facts_as_it_was(rows: list[tuple[float, int]]) -> None:
    mapping = fit_stars(np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=float))
    assert read_stars({"rating": json.loads(json.dumps(to_facts(mapping, WIDTH)))}) == mapping


def test_errors_are_in_stars() -> None:
    found = evaluate_ratings(np.array([2.0, 4.0]), np.array([1.0, 7.0]), ["a", "b"], WIDTH)
    assert [found.mae, found.rmse] == pytest.approx([2, math.sqrt(5)])


def test_titles_are_compared_from_ten_reviews_up() -> None:
    titles = ["many"] * 10 + ["more"] * 11 + ["few"] * 9
    given_stars = np.array([2.0] * 10 + [8.0] * 11 + [1.0] * 9)
    found = evaluate_ratings(given_stars / 2, given_stars, titles, WIDTH)
    assert [found.titles, found.title_spearman, found.title_pearson] == pytest.approx([2, 1, 1])


def test_without_enough_titles_there_is_nothing_to_compare() -> None:
    found = evaluate_ratings(np.array([2.0, 3.0]), np.array([2.0, 3.0]), ["a", "a"], WIDTH)
    assert found.titles == 0
    assert math.isnan(found.title_spearman)


def test_a_mean_inside_its_interval_is_covered_and_one_outside_is_not() -> None:
    titles, predicted = ["near"] * 10 + ["far"] * 10, np.full(20, 5.0)
    given_stars = np.array([6.1] * 10 + [6.2] * 10)
    # sqrt(0.5^2 + 3.2^2 / 10) = 1.13 stars
    assert evaluate_ratings(predicted, given_stars, titles, RatingInterval(0.5, 3.2)).interval_coverage == 0.5


def test_an_interval_tells_what_titles_bring_from_what_reviews_bring() -> None:
    generator, reviews = np.random.default_rng(0), 12
    titles = np.repeat(np.arange(2000).astype(str), reviews)
    off = np.repeat(generator.normal(0, 0.8, 2000), reviews) + generator.normal(0, 2, 2000 * reviews)
    found = fit_interval(np.zeros(len(off)), off, titles.tolist())
    assert [found.title, found.review] == pytest.approx([1.645 * 0.8, 1.645 * 2], rel=0.05)


def test_nine_in_ten_of_the_titles_that_it_was_fitted_on_lie_within_an_interval() -> None:
    generator = np.random.default_rng(1)
    titles = generator.integers(0, 300, 3000).astype(str).tolist()
    predicted, given_stars = np.full(3000, 5.0), generator.integers(1, 11, 3000).astype(float)
    found = evaluate_ratings(predicted, given_stars, titles, fit_interval(predicted, given_stars, titles))
    assert found.interval_coverage == pytest.approx(0.9, abs=0.015)


@given(ROWS)
def test_an_interval_is_a_width_whatever_it_is_fitted_on(rows: list[tuple[float, int]]) -> None:
    predicted, given_stars = (
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows], dtype=float),
    )
    found = fit_interval(predicted, given_stars, [str(row[1] % 3) for row in rows])
    assert math.isfinite(found.title)
    assert math.isfinite(found.review)
    assert min(found.title, found.review) >= 0
