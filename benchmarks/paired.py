"""Compares two models on reviews without titles, by a paired bootstrap over reviews."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.bootstrap import CONFIDENCE, resample_means

SAMPLES = 10_000


@dataclass(frozen=True)
class PairedDifference:
    """How much better the first model is than the second, as the mean difference over the same reviews."""

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
    every, each_its_own = np.ones(len(differences), bool), [str(place) for place in range(len(differences))]
    # Rounded, so that a sample without a difference has exactly 0 on every machine.
    means = np.round(resample_means([differences], [every], each_its_own, SAMPLES)[:, 0], 12)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    opposite = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p = min(1.0, 2 * (opposite + 1) / (SAMPLES + 1))
    return PairedDifference(float(differences.mean()), float(low), float(high), p)
