"""What a bundle's facts say of a model beside its evaluations: how sure they are, for which reviews, how it behaves.

Only reported: the test reviews and the two frozen sets of `models.evaluation.behaviour` drive no choice in a training.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.bundle.scorer import Scorer, score_texts
from models.evaluation.behaviour import (
    PassRate,
    list_behaviour_texts,
    rate_behaviour,
    rate_elsewhere,
    read_behaviour_tests,
    read_elsewhere,
)
from models.evaluation.comparison import CONFIDENCE, SliceAccuracy, evaluate_slices, mark_slices
from models.tokenizer import EncodedReviews
from tasks.training.dataset import LabelledTexts


def measure_further(
    scorer: Scorer,
    test: LabelledTexts,
    scores: NDArray[np.float64],
    encoded: EncodedReviews,
    unseen: NDArray[np.bool_],
) -> dict[str, Any]:
    """Give `accuracy_interval` and `slices` of the test scores [n], `behaviour` and `elsewhere`, as plain JSON values.

    `unseen` marks the test texts that do not stand in the training split too.
    """
    everything = {"test": np.ones(len(scores), bool), "test_unseen_texts": unseen}
    slices = mark_slices(test.texts, encoded.token_count, encoded.oov_rate)
    found = evaluate_slices(scores, test.positive, test.movie_id, {**everything, **slices})
    by_name = {each.name: each for each in found}
    return {
        "accuracy_interval": {
            name: {"confidence": CONFIDENCE, **asdict(by_name[name].accuracy)}
            for name in everything
            if name in by_name
        },
        "slices": [_list_slice(each) for each in found if each.name in slices],
        "behaviour": measure_behaviour(scorer),
        "elsewhere": measure_elsewhere(scorer),
    }


def measure_behaviour(scorer: Scorer) -> dict[str, Any]:
    """Give the pass rates on the behavioural tests, by type and by capability."""
    tests = read_behaviour_tests()
    result = rate_behaviour(tests, score_texts(scorer, list_behaviour_texts(tests)).score)
    return {
        "by_test": [_list_rate(each) for each in result.by_test],
        "by_capability": [_list_rate(each) for each in result.by_capability],
    }


def measure_elsewhere(scorer: Scorer) -> dict[str, Any]:
    """Give the shares of reviews from elsewhere that are called right: of all, by kind and by label."""
    reviews = read_elsewhere()
    result = rate_elsewhere(reviews, score_texts(scorer, [review.text for review in reviews]).score)
    return {
        "overall": _list_rate(result.overall),
        "by_kind": [_list_rate(each) for each in result.by_kind],
        "by_label": [_list_rate(each) for each in result.by_label],
    }


def _list_slice(found: SliceAccuracy) -> dict[str, Any]:
    accuracy = found.accuracy
    return {
        "name": found.name,
        "reviews": found.reviews,
        "accuracy": accuracy.value,
        "lower": accuracy.lower,
        "upper": accuracy.upper,
    }


def _list_rate(rate: PassRate) -> dict[str, Any]:
    return {**asdict(rate), "rate": rate.rate}
