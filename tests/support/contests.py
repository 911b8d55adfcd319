"""Builds contests of two models for tests of the gate."""

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.comparison import compare_scores
from models.evaluation.gate import Contest
from models.evaluation.sets import BehaviourChange

REVIEWS = 1000
POSITIVE = np.arange(REVIEWS) % 2 == 0
SAME_BEHAVIOUR = (
    BehaviourChange("minimum_functionality", 100, 80, 80, 0, 0, 1.0),
    BehaviourChange("invariance", 48, 40, 40, 0, 0, 1.0),
    BehaviourChange("direction", 66, 50, 50, 0, 0, 1.0),
)


def make_scores(right_score: float, wrong: slice = slice(0, 0)) -> NDArray[np.float64]:
    """Return correct scores for all reviews except those of `wrong`."""
    scores = np.where(POSITIVE, right_score, 1 - right_score)
    scores[wrong] = 1 - scores[wrong]
    return scores


def hold_contest(
    challenger: NDArray[np.float64], champion: NDArray[np.float64], small_slice: int = 0, **other: Any
) -> Contest:
    """Compare two models by their scores, with equal behaviour and cost."""
    titles = [str(number // 5) for number in range(REVIEWS)]
    slices = {
        "first": np.arange(REVIEWS) < 200,
        "rest": np.arange(REVIEWS) >= 200,
        "few": np.arange(REVIEWS) < small_slice,
    }
    scores = compare_scores(challenger, champion, POSITIVE, titles, slices)
    return Contest(
        **{
            "scores": scores,
            "behaviour": SAME_BEHAVIOUR,
            "challenger_seconds": 1e-4,
            "champion_seconds": 1e-4,
            **other,
        }
    )


@functools.cache
def hold_better() -> Contest:
    """Compare a model with one that is worse at every review."""
    return hold_contest(make_scores(0.9), make_scores(0.8))


@functools.cache
def hold_worse() -> Contest:
    """Compare a model with one that is better at every review."""
    return hold_contest(make_scores(0.7), make_scores(0.8))
