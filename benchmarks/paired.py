"""Two models on the same reviews: how far apart, and whether more than chance. A bootstrap over the reviews."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLES = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Comparison:
    """How much better the first is than the second, by the mean over the same reviews."""

    difference: float
    low: float
    """The lower end of the interval that holds `LEVEL` of the bootstrap's differences."""
    high: float
    p: float
    """Two-sided: how often chance alone would turn the sign; 2 / (`SAMPLES` + 1) at the least, 1 at the most."""


def compare_pairs(ours: NDArray[np.floating[Any]], others: NDArray[np.floating[Any]]) -> Comparison:
    """Compare what two models reach on the same n reviews, [n] each, such as the share of seeds that are right.

    Reviews are drawn anew, with replacement, the same ones for both. The same figures give the same answer.
    """
    if len(ours) == 0 or ours.shape != others.shape:
        raise ValueError(f"the same reviews, and some, are needed: {ours.shape} and {others.shape}")
    differences = ours.astype(np.float64) - others.astype(np.float64)
    drawn = np.random.default_rng(0).integers(0, len(differences), (SAMPLES, len(differences)))
    means = differences[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    turned = min(int((means <= 0).sum()), int((means >= 0).sum()))
    p = min(1.0, 2 * (turned + 1) / (SAMPLES + 1))
    return Comparison(float(differences.mean()), float(low), float(high), p)
