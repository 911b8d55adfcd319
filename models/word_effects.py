"""Finds which words move a model's score of one review: leave-one-out over the words that the model reads.

A word is left out by replacing its id with 0, the id of every unknown word. Deleting the word would change more: all
words on one side would move by a step, so other words would be pooled together and become neighbours, and a truncated
review would gain one more word at the front. With 0 every other word stays where it is. The model has met 0 in place of
rare words throughout its training, and an unknown word contributes nothing.

The result shows what moves the score, not why. Words act together: contributions do not add up to the score, and two
words that say the same may each seem to count for little. So all occurrences of a word are also left out together.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.own_labels.layer import to_logit
from models.tokenizer import EncodedReviews

LEFT_OUT = 0
"""The id that replaces a word that is left out: the id of all unknown words."""


@dataclass(frozen=True)
class WordEffects:
    """How a score changes when words are left out; the model reads n words, with d distinct known ones among them.

    A contribution is the logit of the score minus the logit of the score without the word; above 0 the word raises
    the score.
    """

    score: float
    """P(positive) of the review as it is, 0 to 1."""
    score_without: NDArray[np.float64]
    """[n] the score without the word at this position; for an unknown word, the score itself."""
    contribution: NDArray[np.float64]
    """[n] contribution of the word at this position; 0 for an unknown word."""
    ids: NDArray[np.int32]
    """[d] ids of the known words, rising."""
    times: NDArray[np.int64]
    """[d] occurrences of each known word."""
    score_without_all: NDArray[np.float64]
    """[d] the score without all occurrences of the word."""
    joint_contribution: NDArray[np.float64]
    """[d] contribution of all occurrences together."""


def explain_review(
    predict: Callable[[EncodedReviews], NDArray[np.float64]], word_ids: NDArray[np.int32], length: int
) -> WordEffects:
    """Measure how the score of a review changes without each known word, and without all occurrences of each.

    `word_ids` [n] are the ids that the model reads, at most `length`; `predict` is that of a `Scorer`, called once.
    """
    known = np.flatnonzero(word_ids != LEFT_OUT)
    ids, first, times = np.unique(word_ids[known], return_index=True, return_counts=True)
    repeated = np.flatnonzero(times > 1)
    none = np.zeros((1, len(word_ids)), np.bool_)
    one_each = np.arange(len(word_ids)) == known[:, None]
    all_of_one = word_ids == ids[repeated][:, None]
    scores = predict(_leave_out(word_ids, np.concatenate([none, one_each, all_of_one]), length))
    score, without_one, without_repeated = np.split(scores, [1, 1 + len(known)])
    score_without = np.full(len(word_ids), score[0])
    score_without[known] = without_one
    score_without_all = without_one[first]
    score_without_all[repeated] = without_repeated
    return WordEffects(
        float(score[0]),
        score_without,
        to_logit(score) - to_logit(score_without),
        ids,
        times,
        score_without_all,
        to_logit(score) - to_logit(score_without_all),
    )


def _leave_out(word_ids: NDArray[np.int32], left_out: NDArray[np.bool_], length: int) -> EncodedReviews:
    """Return m copies of a review, each without the words that its row of `left_out` [m, n] marks."""
    variants = np.where(left_out, np.int32(LEFT_OUT), word_ids)
    rows, words = variants.shape
    unknown = (variants == LEFT_OUT).sum(axis=1) / words if words else np.ones(rows)
    return EncodedReviews(
        word_ids=variants.ravel(),
        offsets=np.arange(rows + 1, dtype=np.int64) * words,
        length=length,
        token_count=np.full(rows, words, np.int32),
        oov_rate=unknown.astype(np.float32),
        truncated=np.zeros(rows, np.bool_),
    )
