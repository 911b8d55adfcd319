"""Computes the figures of `docs/models.md` from the stored results: medians over seeds, best variant, comparisons."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.paired import PairedDifference, compare_areas, compare_pairs, measure_area
from benchmarks.plain_keras import SEED_VARIANTS
from data_contracts.rules_and_limits import POSITIVE_FROM
from models.evaluation.elsewhere import KIND_WORDS, ElsewhereReview, find_positive

Results = Mapping[str, Any]
Model = Mapping[str, Any]
Compared = Mapping[str, PairedDifference]
"""How the best variant does beside each seed variant, by the name of that."""

Mask = NDArray[np.bool_]

REVIEWS_OF_A_LENGTH = 50
"""A class of length with fewer reviews is not drawn: chance would change its accuracy too much."""


def group_models(results: Results) -> dict[str, list[Model]]:
    """Return the models of each variant, sorted by seed, in the order of the variants."""
    models = sorted(results["models"], key=lambda model: model["seed"])
    return {name: [model for model in models if model["variant"] == name] for name in results["variants"]}


def find_best(results: Results) -> str:
    """Return the variant with the lowest median log loss on the validation rows, which the gate compares too."""
    losses = {
        name: statistics.median(model["validation"]["log_loss"] for model in models)
        for name, models in group_models(results).items()
    }
    return min(losses, key=losses.__getitem__)


def list_rivals(results: Results) -> list[str]:
    """Return the seed variants with which the best variant is compared."""
    best = find_best(results)
    return [name for name in results["variants"] if name in SEED_VARIANTS and name != best]


def list_values(models: Sequence[Model], pick: Callable[[Model], float | None]) -> list[float]:
    """Return a figure of each model, without models that do not have it."""
    return [value for model in models if (value := pick(model)) is not None]


def list_training_ratios(results: Results, models: Sequence[Model]) -> list[float]:
    """Return the ratio of each training's time to that of stock Keras with the same seed."""
    stock = {run["seed"]: run["seconds"] for run in results["stock"] if run["variant"] == "cnn_lstm"}
    return [
        model["training_seconds"] / stock[model["seed"]]
        for model in models
        if model["training_seconds"] is not None and model["seed"] in stock
    ]


def pick_measured(results: Results, reviews: Sequence[ElsewhereReview]) -> Sequence[ElsewhereReview]:
    """Return those of the reviews from elsewhere whose scores are in the results: the set grows at its end alone."""
    return reviews[: len(results["models"][0]["elsewhere_scores"])]


def list_scores(models: Sequence[Model], reviews: Sequence[ElsewhereReview]) -> NDArray[np.float64]:
    """Return the scores of each seed for the n reviews from elsewhere, [seeds, n]."""
    scores = np.array([model["elsewhere_scores"] for model in models])
    if scores.shape[1] != len(reviews):
        raise ValueError(
            "the stored scores are of another evaluation set. Next: python -m benchmarks.variants"
        )
    return scores


def find_right(models: Sequence[Model], reviews: Sequence[ElsewhereReview]) -> NDArray[np.float64]:
    """Return the share of seeds that classify each of the n reviews from elsewhere correctly, [n]."""
    right: NDArray[np.float64] = (
        (list_scores(models, reviews) >= POSITIVE_FROM) == find_positive(reviews)
    ).mean(axis=0)
    return right


def list_areas(models: Sequence[Model], reviews: Sequence[ElsewhereReview]) -> list[float]:
    """Return the area under the ROC curve of each seed on the reviews from elsewhere."""
    positive = find_positive(reviews)
    return [measure_area(scores, positive) for scores in list_scores(models, reviews)]


def compare_elsewhere(
    results: Results, reviews: Sequence[ElsewhereReview], counted: Mask | None = None
) -> Compared:
    """Compare the best variant with each seed variant, by each review's share of seeds that are right.

    `counted` marks the reviews that count, by default all.
    """
    mask = _count_all(reviews) if counted is None else counted
    figures = {name: find_right(models, reviews)[mask] for name, models in group_models(results).items()}
    best = figures[find_best(results)]
    return {name: compare_pairs(best, figures[name]) for name in list_rivals(results)}


def compare_areas_elsewhere(
    results: Results, reviews: Sequence[ElsewhereReview], counted: Mask | None = None
) -> Compared:
    """Compare the best variant with each seed variant, by the mean area under the ROC curve of its seeds."""
    mask = _count_all(reviews) if counted is None else counted
    figures = {name: list_scores(models, reviews)[:, mask] for name, models in group_models(results).items()}
    best, positive = figures[find_best(results)], find_positive(reviews)[mask]
    return {name: compare_areas(best, figures[name], positive) for name in list_rivals(results)}


def _count_all(reviews: Sequence[ElsewhereReview]) -> Mask:
    """Return the mask of all reviews."""
    return np.ones(len(reviews), bool)


def rate_kinds(models: Sequence[Model], reviews: Sequence[ElsewhereReview]) -> dict[str, float]:
    """Return the accuracy on all reviews from elsewhere and on each kind of them, as the mean of the seeds."""
    right = find_right(models, reviews)
    kinds = np.array([review.kind for review in reviews])
    return {"all": float(right.mean())} | {
        kind: float(right[kinds == kind].mean()) for kind in KIND_WORDS if (kinds == kind).any()
    }


def measure_certainty(models: Sequence[Model], reviews: Sequence[ElsewhereReview]) -> dict[str, float]:
    """Return how sure the models are of the sentiment that they choose, on all reviews from elsewhere and on each kind.

    The mean over reviews and seeds of the score of that sentiment: of a calibrated model the share that is right.
    """
    scores = list_scores(models, reviews)
    sure = np.maximum(scores, 1 - scores).mean(axis=0)
    kinds = np.array([review.kind for review in reviews])
    return {"all": float(sure.mean())} | {
        kind: float(sure[kinds == kind].mean()) for kind in KIND_WORDS if (kinds == kind).any()
    }


def pool_reliability(models: Sequence[Model]) -> list[dict[str, float]]:
    """Return the ten bins of the score over the test reviews of all seeds: mean score, share positive, reviews."""
    bins: dict[float, list[Model]] = {}
    for model in models:
        for each in model["reliability"]:
            bins.setdefault(each["lower"], []).append(each)
    return [
        {
            "reviews": float(sum(each["reviews"] for each in pooled)),
            **{
                name: float(
                    np.average([each[name] for each in pooled], weights=[each["reviews"] for each in pooled])
                )
                for name in ("mean_score", "share_positive")
            },
        }
        for _, pooled in sorted(bins.items())
    ]


def find_lengths(models: Sequence[Model]) -> dict[int, float]:
    """Return the median accuracy of each class of length with enough reviews, by the fewest words of the class."""
    classes: dict[int, list[float]] = {}
    for model in models:
        for each in model["by_length"]:
            if each["reviews"] >= REVIEWS_OF_A_LENGTH:
                classes.setdefault(each["from_words"], []).append(each["accuracy"])
    return {words: statistics.median(accuracies) for words, accuracies in sorted(classes.items())}
