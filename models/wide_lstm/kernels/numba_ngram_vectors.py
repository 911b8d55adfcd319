"""Moves vectors of reviews and n-grams towards each other, or apart; compiled by Numba, at training time only.

The functions become one before they are compiled (`_inline`): as several, they round differently in the process that
compiles them than in those that load what it kept, and a training that goes on would end with other weights.
"""

from typing import Any

import numba
import numpy as np

from models.wide_lstm.kernels.numba_setup import compile_kernel

NOISE = 5
"""Random n-grams that each n-gram of a review is contrasted with."""
SHARPNESS = 6.0
"""Factor of the cosine in the logistic function."""
DRAWN_A_REVIEW = 0.5
"""Random n-grams of a review, as a share of its n-grams: few are drawn, so that they stay in the cache of a core."""
_DRAWN_AT_LEAST = 16
_inline = numba.njit(inline="always", fastmath=True)


@_inline
def _turn(review: Any, ngram: Any, target: Any, rate: Any, change: Any) -> None:
    """Move an n-gram's vector towards the review's (`target` 1) or away from it (0); add the review's move to `change`.

    It is a step of gradient descent on the cross-entropy of a logistic function of the cosine.
    """
    length = own = product = np.float32(0)
    for column in range(len(ngram)):
        length += review[column] * review[column]
        own += ngram[column] * ngram[column]
        product += review[column] * ngram[column]
    scale = np.float32(1) / np.sqrt(length * own)
    cosine = product * scale
    odds = np.exp(np.float32(-SHARPNESS) * cosine)
    pull = rate * np.float32(SHARPNESS) * (target - np.float32(1) / (np.float32(1) + odds))
    across, along, along_review = pull * scale, pull * cosine / own, pull * cosine / length
    for column in range(len(ngram)):
        before = ngram[column]
        change[column] += across * before - along_review * review[column]
        ngram[column] = before + across * review[column] - along * before


@_inline
def _learn_review(review: Any, ngrams: Any, kept: Any, drawn: Any, rate: Any) -> None:
    """Move a review and each of its n-grams towards each other, and the review and random n-grams apart."""
    change = np.empty(len(review), np.float32)
    for place in kept:
        change[:] = 0
        _turn(review, ngrams[place], np.float32(1), rate, change)
        for _ in range(NOISE):
            other = drawn[np.random.randint(len(drawn))]
            if other != place:
                _turn(review, ngrams[other], np.float32(0), rate, change)
        for column in range(len(review)):
            review[column] += change[column]


@compile_kernel(fastmath=True)
def learn_epoch(steps: Any, held: Any, noise: Any, vectors: Any, seed: Any) -> None:
    """Move the vectors of reviews and of their n-grams; `steps` are the reviews in order [n], and the rate of each [n].

    `held` are the offsets [n + 1] of the n-grams of each review, their places, and in which share of its reviews an
    n-gram is learnt from, [g]; `noise` has places, of which random ones are drawn; `vectors` are those of reviews
    [n, size] and of n-grams [g, size]. The same seed gives the same vectors.
    """
    order, rates = steps
    offsets, places, shares = held
    reviews, ngrams = vectors
    np.random.seed(seed)  # of Numba's own generator
    longest = np.diff(offsets).max()
    kept, drawn = np.empty(longest, np.int32), np.empty(_DRAWN_AT_LEAST + longest, np.int32)
    for turn in range(len(order)):
        review = reviews[order[turn]]
        count = 0
        for at in range(offsets[order[turn]], offsets[order[turn] + 1]):
            if np.random.random() < shares[places[at]]:
                kept[count] = places[at]
                count += 1
        random = _DRAWN_AT_LEAST + np.int64(DRAWN_A_REVIEW * count)
        for at in range(random):
            drawn[at] = noise[np.random.randint(len(noise))]
        _learn_review(review, ngrams, kept[:count], drawn[:random], rates[turn])
