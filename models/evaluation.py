"""How good scores are against known labels: the figures that the gate compares and that `models` keeps.

Needs scikit-learn for the area under the ROC curve; the rest is arithmetic on two arrays.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.scored_reviews import POSITIVE_FROM

RELIABILITY_BINS = 10
_SMALLEST = 1e-7
"""Scores are kept this far from 0 and 1 in the log loss, as Keras does."""


@dataclass(frozen=True)
class ReliabilityBin:
    """The reviews whose score falls in one tenth of [0, 1]."""

    lower: float
    upper: float
    reviews: int
    mean_score: float
    share_positive: float


@dataclass(frozen=True)
class Evaluation:
    """Scores against labels over one set of reviews."""

    reviews: int
    accuracy: float
    auc: float
    """Area under the ROC curve; NaN where only one label is present."""
    log_loss: float
    """Mean binary cross-entropy, in nats."""
    calibration_error: float
    """Expected calibration error over ten bins of equal width, 0 to 1."""
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    reliability: tuple[ReliabilityBin, ...]

    def to_json(self) -> dict[str, Any]:
        """Give the figures as plain JSON values."""
        return asdict(self)


def evaluate_scores(scores: NDArray[np.floating[Any]], positive: NDArray[np.bool_]) -> Evaluation:
    """Compare `scores` [n] in [0, 1] with the labels `positive` [n]; n must be at least 1."""
    if len(scores) == 0 or len(scores) != len(positive):
        raise ValueError(f"scores and labels must be as many, and some: {len(scores)} and {len(positive)}")
    exact = np.asarray(scores, dtype=np.float64)
    said_positive = exact >= POSITIVE_FROM
    reliability = _bin_reliability(exact, positive)
    return Evaluation(
        reviews=len(scores),
        accuracy=float((said_positive == positive).mean()),
        auc=_area_under_roc(exact, positive),
        log_loss=_mean_cross_entropy(exact, positive),
        calibration_error=sum(
            abs(bin_.mean_score - bin_.share_positive) * bin_.reviews / len(scores) for bin_ in reliability
        ),
        true_positives=int((said_positive & positive).sum()),
        false_positives=int((said_positive & ~positive).sum()),
        true_negatives=int((~said_positive & ~positive).sum()),
        false_negatives=int((~said_positive & positive).sum()),
        reliability=reliability,
    )


def _area_under_roc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    from sklearn.metrics import roc_auc_score

    if positive.all() or not positive.any():
        return float("nan")
    return float(roc_auc_score(positive, scores))


def _mean_cross_entropy(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    clipped = np.clip(scores, _SMALLEST, 1 - _SMALLEST)
    return float(-np.log(np.where(positive, clipped, 1 - clipped)).mean())


def _bin_reliability(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    """Group the reviews by tenths of the score; empty bins are left out."""
    bin_of = np.minimum((scores * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)
    return tuple(
        ReliabilityBin(
            lower=index / RELIABILITY_BINS,
            upper=(index + 1) / RELIABILITY_BINS,
            reviews=int(chosen.sum()),
            mean_score=float(scores[chosen].mean()),
            share_positive=float(positive[chosen].mean()),
        )
        for index in range(RELIABILITY_BINS)
        if (chosen := bin_of == index).any()
    )
