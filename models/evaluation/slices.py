"""Divides reviews into slices, by length, unknown words, negation and contrast; computes a model's accuracy on each.

Needs numpy.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.rules_and_limits import POSITIVE_FROM
from models.evaluation.bootstrap import Interval, find_interval, resample_means
from models.tokenizer import split_words

LENGTH_SLICES = {"short": (0, 150), "medium": (150, 300), "long": (300, math.inf)}
"""The slices by length, each with its smallest number of words and the number that it must stay below."""
UNKNOWN_WORDS_SLICES = ("unknown_words_q1", "unknown_words_q2", "unknown_words_q3", "unknown_words_q4")
"""Quarters of the reviews by their share of unknown words, smallest share first."""
# fmt: off
NEGATIONS = frozenset((
    "no", "not", "never", "none", "nobody", "nothing", "nowhere", "neither", "nor", "cannot", "without", "hardly",
    "barely", "scarcely", "dont", "doesnt", "didnt", "isnt", "wasnt", "arent", "werent", "wont", "cant", "couldnt",
    "wouldnt", "shouldnt", "havent", "hasnt", "hadnt", "aint",
))
"""Negating words; every word that ends in n't is one too."""
CONTRASTS = frozenset((
    "but", "however", "although", "though", "yet", "despite", "nevertheless", "nonetheless", "whereas",
))
"""Words that may introduce a contrast in a review."""
# fmt: on


@dataclass(frozen=True)
class SliceAccuracy:
    """Accuracy of one model on one slice of the reviews."""

    name: str
    reviews: int
    accuracy: Interval


def evaluate_slices(
    scores: NDArray[np.floating[Any]],
    positive: NDArray[np.bool_],
    titles: Sequence[str],
    slices: Mapping[str, NDArray[np.bool_]],
) -> tuple[SliceAccuracy, ...]:
    """Return the accuracy of scores [n] on each slice, with its bootstrap interval over the titles [n].

    Each of `slices` is a mask over the reviews, [n]; slices without reviews are skipped.
    """
    right = ((scores >= POSITIVE_FROM) == positive).astype(np.float64)
    chosen = {name: mask for name, mask in slices.items() if mask.any()}
    if not chosen:
        return ()
    draws = resample_means([right] * len(chosen), list(chosen.values()), titles)
    return tuple(
        SliceAccuracy(name, int(mask.sum()), find_interval(float(right[mask].mean()), draws[:, place]))
        for place, (name, mask) in enumerate(chosen.items())
    )


def mark_slices(
    texts: Sequence[str], token_count: NDArray[np.integer[Any]], oov_rate: NDArray[np.floating[Any]]
) -> dict[str, NDArray[np.bool_]]:
    """Return a mask [n] over the reviews for each slice: by length, share of unknown words, negation and contrast.

    `token_count` [n] and `oov_rate` [n] come from one model: from the champion where two models are compared.
    """
    words = [set(split_words(text)) for text in texts]
    quarter = np.searchsorted(np.quantile(oov_rate, (0.25, 0.5, 0.75)), oov_rate)
    return {
        **{
            name: (token_count >= fewest) & (token_count < too_many)
            for name, (fewest, too_many) in LENGTH_SLICES.items()
        },
        **{name: quarter == place for place, name in enumerate(UNKNOWN_WORDS_SLICES)},
        "negation": np.array([holds_negation(each) for each in words], bool),
        "contrast": np.array([not CONTRASTS.isdisjoint(each) for each in words], bool),
    }


def holds_negation(words: set[str]) -> bool:
    """Return whether a review has a negating word; `words` are its words as `split_words` returns them."""
    return not NEGATIONS.isdisjoint(words) or any(word.endswith(("n't", "n\u2019t")) for word in words)
