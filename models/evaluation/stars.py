"""From a score to the rating that its writer would give: a rising line through points, fitted on held-out reviews.

A bundle keeps the points as plain numbers. Needs numpy; fitting needs scikit-learn, measuring needs SciPy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.limits import HIGHEST_STARS, LOWEST_STARS

TITLE_REVIEWS = 10
"""Reviews that a title must have for its mean rating to be compared with the given one."""
INTERVAL_SHARE = 0.9
"""Share of titles whose mean given rating lies within the interval around the predicted one."""
_DECIMALS = 6


@dataclass(frozen=True)
class StarMapping:
    """Points of a line that never falls: the rating at each of some rising scores; straight between them."""

    scores: tuple[float, ...]
    """From 0 to 1."""
    stars: tuple[float, ...]
    """From 1 to 10."""


LINEAR = StarMapping((0.0, 1.0), (float(LOWEST_STARS), float(HIGHEST_STARS)))
"""What is used where nothing was fitted."""


@dataclass(frozen=True)
class RatingInterval:
    """How well the mean rating of n reviews of a title is known: to within sqrt(title^2 + review^2 / n), in stars."""

    title: float
    """What more reviews do not take away: a title's reviews are liked or disliked beyond what their scores say."""
    review: float
    """What one review brings."""

    def measure_half_width(self, reviews: NDArray[np.int64]) -> NDArray[np.float64]:
        """Give the half width, in stars, of the interval around the mean of so many reviews, [n] to [n]."""
        return np.sqrt(self.title**2 + self.review**2 / reviews)


@dataclass(frozen=True)
class RatingEvaluation:
    """Predicted against given ratings, in stars; a correlation is NaN where either side is the same throughout."""

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
    """Share of all titles, of however few reviews, whose mean given rating is inside its interval."""


def read_stars(facts: Mapping[str, Any]) -> StarMapping:
    """Give the mapping that a bundle's facts hold, `LINEAR` where they hold none."""
    kept = facts.get("rating")
    return StarMapping(tuple(kept["scores"]), tuple(kept["stars"])) if kept else LINEAR


def rate_stars(score: NDArray[np.float64], mapping: StarMapping = LINEAR) -> NDArray[np.float64]:
    """Give the expected rating, [n] from 1 to 10, of each score, [n] from 0 to 1."""
    return np.interp(score, mapping.scores, mapping.stars)


def fit_stars(scores: NDArray[np.float64], given: NDArray[np.float64]) -> StarMapping:
    """Fit by isotonic regression of the `given` ratings, [n] from 1 to 10, on `scores`, [n] from 0 to 1."""
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=LOWEST_STARS, y_max=HIGHEST_STARS, out_of_bounds="clip").fit(
        scores, given
    )
    stars = np.maximum.accumulate(np.round(fitted.y_thresholds_, _DECIMALS))
    return StarMapping(tuple(map(float, fitted.X_thresholds_)), tuple(map(float, stars)))


def fit_interval(
    predicted: NDArray[np.float64], given: NDArray[np.float64], titles: Sequence[str]
) -> RatingInterval:
    """Fit to held-out reviews, [n] each: so wide that `INTERVAL_SHARE` of their titles lie inside.

    What belongs to titles is told from what belongs to reviews by analysis of variance (one-way, random effects).
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
    """Compare ratings, [n] each, by review and by the means of `titles`, [n]; n must be at least 1."""
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
    """Lay a mapping out as plain numbers, as `read_stars` reads it."""
    return {**asdict(mapping), "interval": asdict(interval)}


@dataclass(frozen=True)
class _TitleMeans:
    reviews: NDArray[np.int64]
    predicted: NDArray[np.float64]
    given: NDArray[np.float64]


def _average_titles(
    predicted: NDArray[np.float64], given: NDArray[np.float64], titles: Sequence[str], at_least: int
) -> _TitleMeans:
    """Average the ratings of each title that has at least so many reviews, [number of such titles] each."""
    _, title_of, reviews = np.unique(np.asarray(titles), return_inverse=True, return_counts=True)
    enough = reviews >= at_least
    means = [np.bincount(title_of, values, len(reviews)) / reviews for values in (predicted, given)]
    return _TitleMeans(reviews[enough], means[0][enough], means[1][enough])


def _correlate(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _correlate_ranks(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    from scipy.stats import rankdata

    return _correlate(rankdata(first), rankdata(second))
