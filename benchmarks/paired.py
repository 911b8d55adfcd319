"""Two models on reviews that are of no title: how far apart, and whether more than chance. Draws review by review."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.comparison import CONFIDENCE, resample_means

SAMPLES = 10_000


@dataclass(frozen=True)
class PairedDifference:
    """How much better the first is than the second, by the mean over the same reviews."""

    difference: float
    low: float
    """The lower end of the interval that holds `CONFIDENCE` (models.evaluation.comparison) of the differences."""
    high: float
    p: float
    """Two-sided: how often chance alone would turn the sign; 2 / (`SAMPLES` + 1) at the least, 1 at the most."""


def compare_pairs(ours: NDArray[np.floating[Any]], others: NDArray[np.floating[Any]]) -> PairedDifference:
    """Compare what two models reach on the same n reviews, [n] each, such as the share of seeds that are right.

    Reviews are drawn anew, with replacement, the same ones for both. The same figures give the same answer.
    """
    if len(ours) == 0 or ours.shape != others.shape:
        raise ValueError(f"the same reviews, and some, are needed: {ours.shape} and {others.shape}")
    differences = ours.astype(np.float64) - others.astype(np.float64)
    every, each_its_own = np.ones(len(differences), bool), [str(place) for place in range(len(differences))]
    # To a trillionth, so that a draw without a difference is one on every machine.
    means = np.round(resample_means([differences], [every], each_its_own, SAMPLES)[:, 0], 12)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    turned = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p = min(1.0, 2 * (turned + 1) / (SAMPLES + 1))
    return PairedDifference(float(differences.mean()), float(low), float(high), p)
