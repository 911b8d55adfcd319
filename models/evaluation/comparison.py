"""Compares two models on the same reviews, overall and by slice, with bootstrap intervals and exact tests.

The figures of both models come from the same draw of the bootstrap. Needs numpy, and SciPy for the exact tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.rules_and_limits import POSITIVE_FROM
from models.evaluation.bootstrap import CONFIDENCE, Interval, find_interval, resample_means
from models.evaluation.metrics import Evaluation, evaluate_scores, measure_losses


@dataclass(frozen=True)
class SliceComparison:
    """Comparison of the accuracy of two models on one slice of the reviews."""

    name: str
    reviews: int
    challenger_accuracy: float
    champion_accuracy: float
    gain: Interval
    """Accuracy of the challenger minus that of the champion.

    The interval is Bonferroni-corrected: those of all slices hold together with confidence `CONFIDENCE`.
    """


@dataclass(frozen=True)
class Comparison:
    """A challenger and a champion on the same reviews; a gain is above 0 if the challenger is better."""

    challenger: Evaluation
    champion: Evaluation
    accuracy_gain: Interval
    log_loss_gain: Interval
    """Nats by which the challenger's log loss is lower."""
    only_challenger_right: int
    only_champion_right: int
    mcnemar_p: float
    """Two-sided p-value of McNemar's exact test.

    The test assumes independent reviews, which reviews of one movie are not.
    """
    slices: tuple[SliceComparison, ...]


def compare_scores(
    challenger: NDArray[np.floating[Any]],
    champion: NDArray[np.floating[Any]],
    positive: NDArray[np.bool_],
    titles: Sequence[str],
    slices: Mapping[str, NDArray[np.bool_]],
) -> Comparison:
    """Compare the scores [n] of two models with the labels `positive` [n], overall and by slice.

    Each of `slices` is a mask over the reviews, [n]; slices without reviews are skipped. n must be at least 1.
    """
    right = [(scores >= POSITIVE_FROM) == positive for scores in (challenger, champion)]
    losses = [measure_losses(scores, positive) for scores in (challenger, champion)]
    gained = right[0].astype(np.float64) - right[1]
    chosen = {name: mask for name, mask in slices.items() if mask.any()}
    masks = [np.ones(len(positive), bool), *chosen.values()]
    draws = resample_means([losses[1] - losses[0], *[gained] * len(masks)], [masks[0], *masks], titles)
    only_challenger, only_champion = int((gained > 0).sum()), int((gained < 0).sum())
    of_all = 1 - (1 - CONFIDENCE) / max(len(chosen), 1)
    return Comparison(
        challenger=evaluate_scores(challenger, positive),
        champion=evaluate_scores(champion, positive),
        log_loss_gain=find_interval(float((losses[1] - losses[0]).mean()), draws[:, 0]),
        accuracy_gain=find_interval(float(gained.mean()), draws[:, 1]),
        only_challenger_right=only_challenger,
        only_champion_right=only_champion,
        mcnemar_p=find_mcnemar_p(only_challenger, only_champion),
        slices=tuple(
            SliceComparison(
                name=name,
                reviews=int(mask.sum()),
                challenger_accuracy=float(right[0][mask].mean()),
                champion_accuracy=float(right[1][mask].mean()),
                gain=find_interval(float(gained[mask].mean()), draws[:, place], of_all),
            )
            for place, (name, mask) in enumerate(chosen.items(), start=2)
        ),
    )


def find_mcnemar_p(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test; 1 where both counts are 0.

    The counts are the reviews that only the first and only the second model classifies correctly.
    """
    from scipy.stats import binomtest

    both = only_first + only_second
    return float(binomtest(only_first, both).pvalue) if both else 1.0
