"""What the page of the models says in figures, from the kept results: medians over seeds, the best, comparisons."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.paired import PairedDifference, compare_pairs
from benchmarks.plain_keras import SEED_VARIANTS
from data_contracts.limits import POSITIVE_FROM
from models.evaluation.behaviour import KIND_WORDS, ElsewhereReview, find_positive

Results = Mapping[str, Any]
Model = Mapping[str, Any]

REVIEWS_OF_A_LENGTH = 50
"""A class of length with fewer reviews than this is not drawn: chance would move its accuracy by too much."""


def group_models(results: Results) -> dict[str, list[Model]]:
    """Give each variant's models, by seed, in the order of the variants."""
    models = sorted(results["models"], key=lambda model: model["seed"])
    return {name: [model for model in models if model["variant"] == name] for name in results["variants"]}


def find_best(results: Results) -> str:
    """Give the variant with the lowest median log loss on the validation rows, which is what promotion asks."""
    losses = {
        name: statistics.median(model["validation"]["log_loss"] for model in models)
        for name, models in group_models(results).items()
    }
    return min(losses, key=losses.__getitem__)


def list_rivals(results: Results) -> list[str]:
    """Give the seed variants that the best variant is compared with."""
    best = find_best(results)
    return [name for name in results["variants"] if name in SEED_VARIANTS and name != best]


def list_values(models: Sequence[Model], pick: Callable[[Model], float | None]) -> list[float]:
    """Give a figure of each model, of those that have it."""
    return [value for model in models if (value := pick(model)) is not None]


def list_training_ratios(results: Results, models: Sequence[Model]) -> list[float]:
    """Give how long each training took, beside stock Keras's of the same seed in the same run."""
    stock = {run["seed"]: run["seconds"] for run in results["stock"] if run["variant"] == "cnn_lstm"}
    return [
        model["training_seconds"] / stock[model["seed"]]
        for model in models
        if model["training_seconds"] is not None and model["seed"] in stock
    ]


def find_right(models: Sequence[Model], reviews: Sequence[ElsewhereReview]) -> NDArray[np.float64]:
    """Give the share of seeds that call each review from elsewhere rightly, [n]."""
    scores = np.array([model["elsewhere_scores"] for model in models])
    if scores.shape[1] != len(reviews):
        raise ValueError("the kept scores are not of this evaluation set: measure again")
    right: NDArray[np.float64] = ((scores >= POSITIVE_FROM) == find_positive(reviews)).mean(axis=0)
    return right


def compare_elsewhere(results: Results, reviews: Sequence[ElsewhereReview]) -> dict[str, PairedDifference]:
    """Compare the best variant with each seed variant, review by review, seeds averaged."""
    models = group_models(results)
    ours = find_right(models[find_best(results)], reviews)
    return {name: compare_pairs(ours, find_right(models[name], reviews)) for name in list_rivals(results)}


def rate_kinds(models: Sequence[Model], reviews: Sequence[ElsewhereReview]) -> dict[str, float]:
    """Give the accuracy on all reviews from elsewhere and on each kind, the mean of the seeds."""
    right = find_right(models, reviews)
    kinds = np.array([review.kind for review in reviews])
    return {"all": float(right.mean())} | {
        kind: float(right[kinds == kind].mean()) for kind in KIND_WORDS if (kinds == kind).any()
    }


def pool_reliability(models: Sequence[Model]) -> list[dict[str, float]]:
    """Give the tenths of the score over all seeds' test reviews: mean score, share positive, reviews."""
    bins: dict[float, list[Model]] = {}
    for model in models:
        for each in model["reliability"]:
            bins.setdefault(each["lower"], []).append(each)
    return [
        {
            "reviews": float(sum(each["reviews"] for each in found)),
            **{
                name: float(
                    np.average([each[name] for each in found], weights=[each["reviews"] for each in found])
                )
                for name in ("mean_score", "share_positive")
            },
        }
        for _, found in sorted(bins.items())
    ]


def find_lengths(models: Sequence[Model]) -> dict[int, float]:
    """Give the median accuracy by the fewest words of each class of length that has reviews enough."""
    classes: dict[int, list[float]] = {}
    for model in models:
        for each in model["by_length"]:
            if each["reviews"] >= REVIEWS_OF_A_LENGTH:
                classes.setdefault(each["from_words"], []).append(each["accuracy"])
    return {words: statistics.median(found) for words, found in sorted(classes.items())}
