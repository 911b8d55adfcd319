"""Predicts star ratings from scores by a non-decreasing, piecewise linear function fitted on held-out reviews.

A bundle keeps the points of the function as plain numbers. Needs numpy; fitting needs scikit-learn, evaluating SciPy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.rules_and_limits import HIGHEST_STARS, LOWEST_STARS

TITLE_REVIEWS = 10
"""Smallest number of reviews of a title whose mean predicted and mean given rating are correlated."""
INTERVAL_SHARE = 0.9
"""Share of titles whose mean given rating is inside the interval around the mean predicted one."""
STAR_GROUPS = 10
"""Groups of equal size, by score, in which the mean rating is measured."""
_DECIMALS = 6


@dataclass(frozen=True)
class StarMapping:
    """Points of a non-decreasing function from scores, in rising order, to ratings; linear between the points."""

    scores: tuple[float, ...]
    """From 0 to 1."""
    stars: tuple[float, ...]
    """From 1 to 10."""


LINEAR = StarMapping((0.0, 1.0), (float(LOWEST_STARS), float(HIGHEST_STARS)))
"""The mapping that is used if none was fitted."""


@dataclass(frozen=True)
class RatingInterval:
    """The interval around the mean predicted rating of a title, in stars.

    Its half width for n reviews is sqrt(title^2 + review^2 / n).
    """

    title: float
    """The part that does not shrink with more reviews: titles are rated higher or lower than their scores predict."""
    review: float
    """The part that each single review contributes."""

    def measure_half_width(self, reviews: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the half width of the interval, in stars, for each number of reviews: [n] to [n]."""
        return np.sqrt(self.title**2 + self.review**2 / reviews)


@dataclass(frozen=True)
class RatingEvaluation:
    """Errors, in stars, and correlations of predicted ratings against given ones.

    A correlation is NaN if there are fewer than two values or all values of one side are equal.
    """

    reviews: int
    mae: float
    """Mean absolute error."""
    rmse: float
    """Root mean square error."""
    spearman: float
    titles: int
    """Titles with at least `TITLE_REVIEWS` reviews, whose mean ratings are compared."""
    title_spearman: float
    title_pearson: float
    interval_coverage: float
    """Share of all titles, even those with one review, whose mean given rating is inside the interval."""


def read_stars(facts: Mapping[str, Any]) -> StarMapping:
    """Return the mapping in a bundle's facts; `LINEAR` if they have none."""
    kept = facts.get("rating")
    return StarMapping(tuple(kept["scores"]), tuple(kept["stars"])) if kept else LINEAR


def read_interval(facts: Mapping[str, Any]) -> RatingInterval | None:
    """Return the interval in a bundle's facts; None for a bundle from before intervals were fitted."""
    kept = facts.get("rating", {}).get("interval")
    return RatingInterval(float(kept["title"]), float(kept["review"])) if kept else None


def bound_stars(
    stars: NDArray[np.float64], interval: RatingInterval
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lower and the upper end, [n] each from 1 to 10, of the interval around n predicted ratings.

    They are those that `movie_ratings` has for a movie with one review.
    """
    [half_width] = interval.measure_half_width(np.array([1]))
    return np.maximum(stars - half_width, LOWEST_STARS), np.minimum(stars + half_width, HIGHEST_STARS)


def rate_stars(score: NDArray[np.float64], mapping: StarMapping = LINEAR) -> NDArray[np.float64]:
    """Return the expected rating, [n] from 1 to 10, of each score, [n] from 0 to 1."""
    return np.interp(score, mapping.scores, mapping.stars)


def fit_stars(scores: NDArray[np.float64], given: NDArray[np.float64]) -> StarMapping:
    """Fit the mapping on the `given` ratings, [n] from 1 to 10, of reviews with these `scores`, [n] from 0 to 1.

    The reviews are divided by score into `STAR_GROUPS` groups of equal size; isotonic regression then fits the means of
    the groups. A curve through single reviews would follow their noise.
    """
    from sklearn.isotonic import IsotonicRegression

    groups = np.array_split(np.argsort(scores, kind="stable"), min(STAR_GROUPS, len(scores)))
    at, means = (np.array([values[group].mean() for group in groups]) for values in (scores, given))
    regression = IsotonicRegression(y_min=LOWEST_STARS, y_max=HIGHEST_STARS, out_of_bounds="clip")
    fitted = regression.fit(at, means, [len(group) for group in groups])
    stars = np.maximum.accumulate(np.round(fitted.y_thresholds_, _DECIMALS))
    return StarMapping(tuple(map(float, fitted.X_thresholds_)), tuple(map(float, stars)))


def fit_interval(
    predicted: NDArray[np.float64], given: NDArray[np.float64], titles: Sequence[str]
) -> RatingInterval:
    """Fit the interval, in stars, so that it contains `INTERVAL_SHARE` of the titles of held-out reviews, [n] each.

    A one-way analysis of variance with random effects separates the variance between titles from that between reviews.
    """
    means = _average_titles(predicted, given, titles, 1)
    off, reviews = means.given - means.predicted, means.reviews
    within = max(float(np.mean((given - predicted) ** 2) - np.average(off**2, weights=reviews)), 0.0)
    within *= len(given) / max(len(given) - len(off), 1)
    per_title = (reviews.sum() - (reviews**2).sum() / reviews.sum()) / max(len(off) - 1, 1)
    spread = float((reviews * (off - np.average(off, weights=reviews)) ** 2).sum()) / max(len(off) - 1, 1)
    between = max((spread - within) / per_title, 0.0) if per_title > 0 else 0.0
    if within + between == 0:
        return RatingInterval(0.0, 0.0)
    deviations = float(np.quantile(np.abs(off) / np.sqrt(between + within / reviews), INTERVAL_SHARE))
    return RatingInterval(deviations * float(np.sqrt(between)), deviations * float(np.sqrt(within)))


def evaluate_ratings(
    predicted: NDArray[np.float64],
    given: NDArray[np.float64],
    titles: Sequence[str],
    interval: RatingInterval,
) -> RatingEvaluation:
    """Compare predicted with given stars, [n] each, by review and by the means of `titles`, [n].

    n must be at least 1.
    """
    by_title = _average_titles(predicted, given, titles, TITLE_REVIEWS)
    every = _average_titles(predicted, given, titles, 1)
    inside = np.abs(every.predicted - every.given) <= interval.measure_half_width(every.reviews)
    return RatingEvaluation(
        reviews=len(given),
        mae=float(np.abs(given - predicted).mean()),
        rmse=float(np.sqrt(np.mean((given - predicted) ** 2))),
        spearman=_correlate_ranks(predicted, given),
        titles=len(by_title.reviews),
        title_spearman=_correlate_ranks(by_title.predicted, by_title.given),
        title_pearson=_correlate(by_title.predicted, by_title.given),
        interval_coverage=float(inside.mean()),
    )


def to_facts(mapping: StarMapping, interval: RatingInterval) -> dict[str, Any]:
    """Return the mapping and its interval as plain values, the form in which `read_stars` reads the mapping."""
    return {**asdict(mapping), "interval": asdict(interval)}


@dataclass(frozen=True)
class _TitleMeans:
    """The mean predicted and given stars of titles."""

    reviews: NDArray[np.int64]
    predicted: NDArray[np.float64]
    given: NDArray[np.float64]


def _average_titles(
    predicted: NDArray[np.float64], given: NDArray[np.float64], titles: Sequence[str], at_least: int
) -> _TitleMeans:
    """Average the stars of each title with at least `at_least` reviews: [number of these titles] each."""
    _, title_of, reviews = np.unique(np.asarray(titles), return_inverse=True, return_counts=True)
    enough = reviews >= at_least
    means = [np.bincount(title_of, values, len(reviews)) / reviews for values in (predicted, given)]
    return _TitleMeans(reviews[enough], means[0][enough], means[1][enough])


def _correlate(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the correlation of predicted and given stars; NaN if one of them is constant."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _correlate_ranks(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the rank correlation of predicted and given stars."""
    from scipy.stats import rankdata

    return _correlate(rankdata(first), rankdata(second))
