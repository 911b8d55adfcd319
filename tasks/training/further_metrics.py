"""Computes more metrics for a bundle's facts: intervals, accuracy by slice, behavioural tests, other reviews.

They are only reported: no choice in a training depends on the test reviews or on the two fixed sets of
`models.evaluation.sets`.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle.scorer import Scorer, score_texts
from models.evaluation.behaviour import list_behaviour_texts, rate_behaviour, read_behaviour_tests
from models.evaluation.bootstrap import CONFIDENCE
from models.evaluation.elsewhere import rate_elsewhere, read_elsewhere
from models.evaluation.sets import PassRate
from models.evaluation.slices import SliceAccuracy, evaluate_slices, mark_slices
from models.tokenizer import EncodedReviews
from tasks.training.dataset import DatasetTexts


def measure_further(
    scorer: Scorer,
    test: DatasetTexts,
    scores: NDArray[np.float64],
    encoded: EncodedReviews,
    unseen: NDArray[np.bool_],
) -> dict[str, Any]:
    """Return `accuracy_interval` and `slices` of the test `scores` [n], `behaviour` and `elsewhere`, as JSON values.

    `unseen` [n] marks the test texts that are not also training texts.
    """
    everything = {"test": np.ones(len(scores), bool), "test_unseen_texts": unseen}
    slices = mark_slices(test.texts, encoded.token_count, encoded.oov_rate)
    accuracies = evaluate_slices(scores, test.positive, test.movie_id, {**everything, **slices})
    by_name = {each.name: each for each in accuracies}
    return {
        "accuracy_interval": {
            name: {"confidence": CONFIDENCE, **asdict(by_name[name].accuracy)}
            for name in everything
            if name in by_name
        },
        "slices": [_list_slice(each) for each in accuracies if each.name in slices],
        "behaviour": measure_behaviour(scorer),
        "elsewhere": measure_elsewhere(scorer),
    }


def measure_behaviour(scorer: Scorer) -> dict[str, Any]:
    """Return the pass rates on the behavioural tests, by test and by capability."""
    tests = read_behaviour_tests()
    result = rate_behaviour(tests, score_texts(scorer, list_behaviour_texts(tests)).score)
    return {
        "by_test": [_list_rate(each) for each in result.by_test],
        "by_capability": [_list_rate(each) for each in result.by_capability],
    }


def measure_elsewhere(scorer: Scorer) -> dict[str, Any]:
    """Return the shares of reviews from other sources that are classified correctly: of all, by kind and by label."""
    reviews = read_elsewhere()
    result = rate_elsewhere(reviews, score_texts(scorer, [review.text for review in reviews]).score)
    return {
        "overall": _list_rate(result.overall),
        "by_kind": [_list_rate(each) for each in result.by_kind],
        "by_label": [_list_rate(each) for each in result.by_label],
    }


def _list_slice(each: SliceAccuracy) -> dict[str, Any]:
    """Return the accuracy on a slice as plain values, for a bundle's facts."""
    accuracy = each.accuracy
    return {
        "name": each.name,
        "reviews": each.reviews,
        "accuracy": accuracy.value,
        "lower": accuracy.lower,
        "upper": accuracy.upper,
    }


def _list_rate(rate: PassRate) -> dict[str, Any]:
    """Return a pass rate as plain values, for a bundle's facts."""
    return {**asdict(rate), "rate": rate.rate}
