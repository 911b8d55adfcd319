"""Compares two models on reviews without titles, by a paired bootstrap over reviews."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.bootstrap import CONFIDENCE, draw_counts

SAMPLES = 10_000


@dataclass(frozen=True)
class PairedDifference:
    """How much better the first model is than the second, as the difference of a figure over the same reviews."""

    difference: float
    low: float
    """The lower end of the interval with `CONFIDENCE` (models.evaluation.comparison) of the bootstrap's differences."""
    high: float
    p: float
    """The two-sided p-value, from 2 / (`SAMPLES` + 1) to 1."""


def compare_pairs(ours: NDArray[np.floating[Any]], others: NDArray[np.floating[Any]]) -> PairedDifference:
    """Compare the figures of two models on the same n reviews, [n] each, such as the share of seeds that are right.

    Reviews are resampled with replacement, the same ones for both models. The same figures give the same result.
    """
    if len(ours) == 0 or ours.shape != others.shape:
        raise ValueError(f"both must have the same shape and not be empty: {ours.shape} and {others.shape}")
    differences = ours.astype(np.float64) - others.astype(np.float64)
    return _judge(float(differences.mean()), _draw_all(len(differences)) @ differences / len(differences))


def measure_area(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """Return the area under the ROC curve of scores [n]."""
    return float(_compare_all(scores[None], positive).mean())


def compare_areas(
    ours: NDArray[np.float64], others: NDArray[np.float64], positive: NDArray[np.bool_]
) -> PairedDifference:
    """Compare the areas under the ROC curve of two models on the same n reviews, from the scores [seeds, n] of each.

    It is the share of pairs, a positive and a negative review, of which the positive one has the higher score: what a
    model knows of the reviews, wherever a score begins to count as positive. The mean of the seeds is compared.
    """
    lead = _compare_all(ours, positive) - _compare_all(others, positive)
    counts = _draw_all(len(positive))
    above, below = counts[:, positive], counts[:, ~positive]
    pairs = above.sum(axis=1) * below.sum(axis=1)
    both = pairs > 0  # a draw may have a single label
    draws = ((above @ lead) * below).sum(axis=1)[both] / pairs[both]
    return _judge(float(lead.mean()), draws)


@lru_cache(maxsize=1)
def _draw_all(reviews: int) -> NDArray[np.float64]:
    """Return how often each draw takes each review, [draws, reviews]: drawn once for all models."""
    return np.concatenate([counts.astype(np.float64) for counts in draw_counts(reviews, SAMPLES)])


def _compare_all(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the share of seeds that give a positive review a higher score than a negative one, for all pairs.

    A seed with equal scores counts half. The shape is [positive reviews, negative reviews].
    """
    above, below = scores[:, positive, None], scores[:, None, ~positive]
    shares: NDArray[np.float64] = ((above > below) + 0.5 * (above == below)).mean(axis=0)
    return shares


def _judge(difference: float, draws: NDArray[np.float64]) -> PairedDifference:
    """Return a difference with its interval and its p-value, by those of the draws."""
    # Rounded, so that a sample without a difference has exactly 0 on every machine.
    draws = np.round(draws, 12)
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    opposite = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    return PairedDifference(
        difference, float(low), float(high), min(1.0, 2 * (opposite + 1) / (len(draws) + 1))
    )
