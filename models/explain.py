"""Which words move a model's score of one review: leave-one-out over the words that it reads.

A word is left out by putting 0, the id of every unknown word, in its place. Deleting it would do more than leave it
out: all words on one side move by a step, so other pairs are pooled and other words are neighbours, and in a review
that is cut one more word comes in at the front. With 0 every other word stays where it is, the model has met 0 in the
place of rare words throughout its training, and an unknown word contributes nothing at all.

It shows what moves the score, not why. Words act together: contributions do not add up to the score, and of two words
that say the same each may seem to count for little. So all occurrences of a word are also left out together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.tokenizer import EncodedReviews

LEFT_OUT = 0
"""The id in the place of a word that is left out: that of words that the model does not know."""
NEAREST_TO_CERTAIN = 1e-7
"""How near to 0 and 1 scores are told apart: a model computes them with 24 bits."""


@dataclass(frozen=True)
class WordEffects:
    """What leaving out words does to a score; n words are read, d of them are distinct and known.

    Contributions are in logits: that of the score minus that of the score without. Above 0, the word raises it.
    """

    score: float
    """P(positive) of the review as it is, 0 to 1."""
    score_without: NDArray[np.float64]
    """[n] the score without the word at this place; the score itself where the model does not know the word."""
    contribution: NDArray[np.float64]
    """[n] of the word at this place, 0 where the model does not know it."""
    ids: NDArray[np.int32]
    """[d] the known words, in rising order of their ids."""
    times: NDArray[np.int64]
    """[d] how often each of them is read."""
    score_without_all: NDArray[np.float64]
    """[d] the score without all occurrences of the word."""
    joint_contribution: NDArray[np.float64]
    """[d] of all occurrences together."""


def explain_review(
    predict: Callable[[EncodedReviews], NDArray[np.float64]], word_ids: NDArray[np.int32], length: int
) -> WordEffects:
    """Leave out each known word of a review in turn, and each distinct one wholly; scored in one call.

    `word_ids` are the [n] ids that the model reads, at most `length`; `predict` is a `Scorer`'s.
    """
    known = np.flatnonzero(word_ids != LEFT_OUT)
    ids, first, times = np.unique(word_ids[known], return_index=True, return_counts=True)
    repeated = np.flatnonzero(times > 1)
    nothing = np.zeros((1, len(word_ids)), np.bool_)
    one_each = np.arange(len(word_ids)) == known[:, None]
    all_of_one = word_ids == ids[repeated][:, None]
    scores = predict(_leave_out(word_ids, np.concatenate([nothing, one_each, all_of_one]), length))
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
    """Give one review a row of `left_out` [m, n], without the words that it marks."""
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


def to_logit(score: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Give the logits of scores from 0 to 1, those beyond `NEAREST_TO_CERTAIN` as if they were there."""
    told = np.clip(score.astype(np.float64), NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN)
    return np.log(told / (1 - told))
