"""From a score to the rating that its writer would give: a rising line through points, fitted on held-out reviews.

A bundle keeps the points as plain numbers. Needs numpy; fitting needs scikit-learn, measuring needs SciPy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.scored_reviews import HIGHEST_STARS, LOWEST_STARS

TITLE_REVIEWS = 10
"""Reviews that a title must have for its mean rating to be compared with the given one."""
INTERVAL_DEVIATIONS = 1.645
"""Standard deviations on either side of a mean between which 90 % lie; the view `movie_ratings` has the same."""
_DECIMALS = 6


@dataclass(frozen=True)
class StarMapping:
    """Points of a line that never falls: the rating at each of some rising scores; straight between them."""

    scores: tuple[float, ...]
    """From 0 to 1."""
    stars: tuple[float, ...]
    """From 1 to 10."""


LINEAR = StarMapping((0.0, 1.0), (LOWEST_STARS, HIGHEST_STARS))
"""What is used where nothing was fitted."""


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
    """Share of those titles whose mean given rating is inside the 90 % interval of `movie_ratings`; NaN without any."""


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


def measure_rmse(predicted: NDArray[np.float64], given: NDArray[np.float64]) -> float:
    """Give the root mean square of given minus predicted ratings, in stars."""
    return float(np.sqrt(np.mean((given - predicted) ** 2)))


def evaluate_ratings(
    predicted: NDArray[np.float64], given: NDArray[np.float64], titles: Sequence[str], held_out_rmse: float
) -> RatingEvaluation:
    """Compare ratings, [n] each, by review and by the means of `titles`, [n].

    `held_out_rmse` is that of the reviews on which the mapping was fitted: the intervals are made of it.
    """
    by_title = _average_titles(predicted, given, titles)
    half_width = INTERVAL_DEVIATIONS * held_out_rmse / np.sqrt(by_title.reviews)
    inside = np.abs(by_title.predicted - by_title.given) <= half_width
    return RatingEvaluation(
        reviews=len(given),
        mae=float(np.abs(given - predicted).mean()),
        rmse=measure_rmse(predicted, given),
        spearman=_correlate_ranks(predicted, given),
        titles=len(by_title.reviews),
        title_spearman=_correlate_ranks(by_title.predicted, by_title.given),
        title_pearson=_correlate(by_title.predicted, by_title.given),
        interval_coverage=float(inside.mean()) if len(inside) else float("nan"),
    )


def to_facts(mapping: StarMapping, held_out_rmse: float) -> dict[str, Any]:
    """Lay a mapping out as plain numbers, as `read_stars` reads it."""
    return {**asdict(mapping), "validation_rmse": held_out_rmse}


@dataclass(frozen=True)
class _TitleMeans:
    reviews: NDArray[np.int64]
    predicted: NDArray[np.float64]
    given: NDArray[np.float64]


def _average_titles(
    predicted: NDArray[np.float64], given: NDArray[np.float64], titles: Sequence[str]
) -> _TitleMeans:
    """Average the ratings of each title that has enough reviews, [number of such titles] each."""
    _, title_of, reviews = np.unique(
        np.array(titles, dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    enough = reviews >= TITLE_REVIEWS
    means = [np.bincount(title_of, values, len(reviews)) / reviews for values in (predicted, given)]
    return _TitleMeans(reviews[enough], means[0][enough], means[1][enough])


def _correlate(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _correlate_ranks(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    from scipy.stats import rankdata

    return _correlate(rankdata(first), rankdata(second))
