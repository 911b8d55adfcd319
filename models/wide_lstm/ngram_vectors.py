"""Weighs n-grams by vectors that are learnt without labels: a second weighting for the wide LSTM.

A review and an n-gram that it holds get vectors with a high cosine, a review and a random n-gram a low one (Thongtan
and Phienthrakul, 2019), so that n-grams of like reviews get like vectors, also those that few labelled reviews have.
The better an n-gram discriminates between the labels, the more often it is learnt from (Bingyu and Arefyev, 2022). A
logistic regression on the mean vector of each labelled review's n-grams then gives each vector its weight.

Needs Numba, scikit-learn and scipy, at training time only.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.training.background import start_thread
from models.training.journal import QUIET, Checkpoint, Journal
from models.wide_lstm.ngrams import NgramModel, scale_ngrams

if TYPE_CHECKING:
    import scipy.sparse

PARTS = ("ngram-vectors-one", "ngram-vectors-two", "ngram-vectors-three", "ngram-vectors-four")
"""The names of the checkpoints of sets of vectors, each learnt from a seed of its own.

Several sets predict labels better than one set of longer vectors.
"""
SIZE = 256
"""Numbers of a vector."""
EPOCHS = 12
RATE = 0.5
"""Learning rate of the first review; it falls to 0 after the last."""
SURE_RATIO = 0.7
"""An n-gram whose log ratio is as far from 0 as this is learnt from in every review that has it."""
FLATTENING = 0.75
"""Random n-grams are drawn in proportion to this power of the number of reviews that they are learnt from in."""
INVERSE_REGULARIZATION = 10.0
"""Of the logistic regression: `C` of scikit-learn."""
_NOISE_PLACES = 16
"""Average number of entries of an n-gram in the table from which random n-grams are drawn."""
_MAX_ITERATIONS = 500
_THREADS = 2
"""Sets that are learnt at a time: more take more memory."""


@dataclass(frozen=True)
class _Vectors:
    """The vectors while they are learnt: a step of an epoch moves those of a review and of its n-grams."""

    reviews: NDArray[np.float32]
    """[n, SIZE]"""
    ngrams: NDArray[np.float32]
    """[g, SIZE]"""


def learn_sets(
    present: "scipy.sparse.csr_matrix", ratio: NDArray[np.float32], seed: int, journal: Journal = QUIET
) -> list[NDArray[np.float32]]:
    """Learn sets of vectors [g, SIZE] of n-grams whose log ratios [g] are known; none where all ratios are 0.

    `present` [n, g] has 1 where a review has an n-gram. Two sets are learnt at a time, since Numba's code runs without
    Python's lock. The threads report the reviews of each epoch to the journal. A checkpoint of each set is saved after
    the last epoch, and after others if they take long.
    """
    if not ratio.any():  # there is no n-gram, or none that discriminates between the labels
        return []
    shares = np.minimum(np.abs(ratio) / SURE_RATIO, 1.0)
    seeds = range(len(PARTS) * seed, len(PARTS) * (seed + 1))

    def learn(some: range) -> list[NDArray[np.float32]]:
        return [learn_vectors(present, shares, each, journal) for each in some]

    threads = [start_thread(partial(learn, seeds[first::_THREADS])) for first in range(_THREADS)]
    return [vectors for thread in threads for vectors in thread.result()]


def fit_vector_weighting(
    fitted: NgramModel,
    present: "scipy.sparse.csr_matrix",
    positive: NDArray[np.bool_],
    sets: Sequence[NDArray[np.float32]],
) -> NgramModel:
    """Return another weighting of the n-grams of `fitted`, by sets of vectors [g, size] of them.

    The labels `positive` are those of the first reviews of `present` [n, g]. An n-gram counts by its log ratio in
    `fitted`, whatever the sign, and by its rarity. Without vectors all weights are 0.
    """
    ratio = np.abs(fitted.ratio[:, 0])
    if not sets:
        nothing = np.zeros((len(ratio), 1), np.float32)
        return NgramModel(fitted.numbers, nothing, nothing, np.zeros(1))
    counts = np.bincount(present.indices, minlength=present.shape[1])
    importance = ratio * np.log(present.shape[0] / np.maximum(counts, 1)).astype(np.float32)
    scaled = scale_ngrams(present[: len(positive)], importance)
    means = np.concatenate([scaled @ vectors for vectors in sets], axis=1)
    direction, bias = _fit_direction(means, positive)
    parts = zip(sets, np.split(direction, len(sets)), strict=True)
    weight = np.sum([vectors @ part for vectors, part in parts], axis=0)
    return NgramModel(fitted.numbers, importance[:, None], weight[:, None], bias)


def _fit_direction(
    means: NDArray[np.float32], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Fit the direction [size] and the bias [1] by which the mean vectors [n, size] of reviews predict their labels."""
    from sklearn.linear_model import LogisticRegression

    spread = means.std(axis=0) * np.sqrt(means.shape[1])
    spread[spread == 0] = 1  # all reviews have the same mean
    fitted = LogisticRegression(C=INVERSE_REGULARIZATION, max_iter=_MAX_ITERATIONS).fit(
        means / spread, positive
    )
    return (fitted.coef_[0] / spread).astype(np.float32), fitted.intercept_


def learn_vectors(
    present: "scipy.sparse.csr_matrix", shares: NDArray[Any], seed: int, journal: Journal = QUIET
) -> NDArray[np.float32]:
    """Learn the vectors [g, SIZE] of n-grams, of length 1, from the reviews that have them, `present` [n, g].

    An n-gram is learnt from in a random share of its reviews, `shares` [g], of which at least one is above 0.
    """
    from models.wide_lstm.kernels.numba_ngram_vectors import learn_epoch

    random = np.random.default_rng(seed)
    vectors = _Vectors(*(_draw_vectors(random, rows) for rows in present.shape))
    noise = _draw_noise(random, np.bincount(present.indices, minlength=present.shape[1]) * shares)
    held = present.indptr.astype(np.int64), present.indices.astype(np.int32), shares.astype(np.float32)
    part = PARTS[seed % len(PARTS)]
    done = _restore(vectors, journal.load(part))
    saved = time.monotonic()
    for epoch, order, rates in _plan_epochs(len(vectors.reviews), done, seed):
        learn_epoch((order, rates), held, noise, (vectors.reviews, vectors.ngrams), seed + epoch)
        journal.report(len(order))
        if epoch == EPOCHS or time.monotonic() - saved >= journal.save_seconds:
            journal.save(part, epoch, vars(vectors))
            saved = time.monotonic()
    length: NDArray[np.float32] = np.linalg.norm(vectors.ngrams, axis=1, keepdims=True)
    return vectors.ngrams / length


def _draw_vectors(random: np.random.Generator, rows: int) -> NDArray[np.float32]:
    """Return random vectors of length 1 in the mean; they grow as they move, so that later steps turn them less."""
    drawn = random.random((rows, SIZE), np.float32) - np.float32(0.5)
    drawn *= np.float32(np.sqrt(12 / SIZE))
    return drawn


def _draw_noise(random: np.random.Generator, counts: NDArray[Any]) -> NDArray[np.int32]:
    """Return places of n-grams, each as often as it should be drawn, in a random order."""
    often = counts**FLATTENING
    noise = np.repeat(
        np.arange(len(counts), dtype=np.int32),
        random.multinomial(_NOISE_PLACES * len(counts), often / often.sum()),
    )
    random.shuffle(noise)
    return noise


def _restore(vectors: _Vectors, checkpoint: Checkpoint | None) -> int:
    """Give the vectors the values of the last checkpoint; return the number of epochs that were done then."""
    if checkpoint is None:
        return 0
    for name, values in vars(vectors).items():
        values[:] = checkpoint.arrays[name]
    return checkpoint.done


def _plan_epochs(
    reviews: int, done: int, seed: int
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float32]]]:
    """Yield of each epoch that is left its number, from 1 on, the order of the reviews, and the rate of each step."""
    rates = np.linspace(RATE, 0, EPOCHS * reviews, dtype=np.float32)
    for epoch in range(done, EPOCHS):
        order = np.random.default_rng((seed, epoch)).permutation(reviews)
        yield epoch + 1, order, rates[epoch * reviews : (epoch + 1) * reviews]
