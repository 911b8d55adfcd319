"""Metrics of scores against known labels, which the gate compares and the table `models` keeps.

Needs scikit-learn for the area under the ROC curve; the rest is arithmetic on two arrays.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.rules_and_limits import POSITIVE_FROM

RELIABILITY_BINS = 10
ROC_POINTS = 100
"""Largest number of points of the ROC curve that are kept."""
LENGTHS_FROM = (1, 50, 100, 150, 200, 300, 500, 1000)
"""The smallest number of words in each class of length."""
_SMALLEST = 1e-7
"""The log loss clips scores to at least this distance from 0 and 1, as Keras does."""


@dataclass(frozen=True)
class ReliabilityBin:
    """The reviews whose score is in one tenth of [0, 1]."""

    lower: float
    upper: float
    reviews: int
    mean_score: float
    share_positive: float


@dataclass(frozen=True)
class RocCurve:
    """Points of the ROC curve in rising order, from (0, 0) to (1, 1); empty if only one label is present."""

    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]


@dataclass(frozen=True)
class LengthClass:
    """The reviews of one class of length, in words."""

    from_words: int
    reviews: int
    accuracy: float
    rating_mae: float
    """Mean absolute error of the predicted rating, in stars."""


@dataclass(frozen=True)
class Evaluation:
    """Metrics of scores against the labels of one set of reviews."""

    reviews: int
    accuracy: float
    auc: float
    """Area under the ROC curve; NaN if only one label is present."""
    log_loss: float
    """Mean binary cross-entropy, in nats."""
    calibration_error: float
    """Expected calibration error over ten bins of equal width, 0 to 1."""
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int
    reliability: tuple[ReliabilityBin, ...]
    roc: RocCurve


def evaluate_scores(scores: NDArray[np.floating[Any]], positive: NDArray[np.bool_]) -> Evaluation:
    """Compute the metrics of `scores` [n] in [0, 1] against the labels `positive` [n].

    Raises `ValueError` if n is 0 or there are not as many labels as scores.
    """
    if len(scores) == 0 or len(scores) != len(positive):
        raise ValueError(
            f"there must be at least one score, and one label per score: {len(scores)} scores, {len(positive)} labels"
        )
    exact = np.asarray(scores, dtype=np.float64)
    predicted_positive = exact >= POSITIVE_FROM
    reliability = _bin_reliability(exact, positive)
    area, roc = _trace_roc(exact, positive)
    return Evaluation(
        reviews=len(scores),
        accuracy=float((predicted_positive == positive).mean()),
        auc=area,
        log_loss=float(measure_losses(exact, positive).mean()),
        calibration_error=sum(
            abs(bin_.mean_score - bin_.share_positive) * bin_.reviews / len(scores) for bin_ in reliability
        ),
        true_positives=int((predicted_positive & positive).sum()),
        false_positives=int((predicted_positive & ~positive).sum()),
        true_negatives=int((~predicted_positive & ~positive).sum()),
        false_negatives=int((~predicted_positive & positive).sum()),
        reliability=reliability,
        roc=roc,
    )


def measure_losses(scores: NDArray[np.floating[Any]], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the binary cross-entropy of each review, [n] in nats, for scores [n] and labels [n]."""
    clipped = np.clip(np.asarray(scores, dtype=np.float64), _SMALLEST, 1 - _SMALLEST)
    return np.asarray(-np.log(np.where(positive, clipped, 1 - clipped)), dtype=np.float64)


def evaluate_lengths(
    words: NDArray[np.integer[Any]], right: NDArray[np.bool_], rating_error: NDArray[np.float64]
) -> tuple[LengthClass, ...]:
    """Return accuracy and rating error by class of length; classes without reviews are skipped.

    The arguments, [n] each, are the number of words of each review, whether its predicted label is right, and its
    predicted rating minus the given one, in stars (only the size counts).
    """
    class_of = np.searchsorted(LENGTHS_FROM, words, side="right")
    return tuple(
        LengthClass(
            from_words=LENGTHS_FROM[index - 1] if index else 0,
            reviews=int(chosen.sum()),
            accuracy=float(right[chosen].mean()),
            rating_mae=float(np.abs(rating_error[chosen]).mean()),
        )
        for index in range(len(LENGTHS_FROM) + 1)
        if (chosen := class_of == index).any()
    )


def _trace_roc(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[float, RocCurve]:
    """Return the area under the ROC curve, and the curve."""
    from sklearn.metrics import auc, roc_curve

    if positive.all() or not positive.any():
        return float("nan"), RocCurve((), ())
    wrong, right, _ = roc_curve(positive, scores)
    # Evenly spaced along the curve instead of along its x axis, so that the steep part keeps its shape.
    along = np.concatenate([[0], np.cumsum(np.abs(np.diff(wrong)) + np.abs(np.diff(right)))])
    points = np.linspace(0, along[-1], ROC_POINTS)
    rates = (tuple(np.round(np.interp(points, along, rate), 5).tolist()) for rate in (wrong, right))
    return float(auc(wrong, right)), RocCurve(*rates)


def _bin_reliability(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    """Group the reviews by tenths of the score; skip empty bins."""
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
