"""Linear models over n-grams of words, weighted by naive Bayes log ratios (Wang and Manning, 2012).

An n-gram counts once in a review, however often it occurs. Every review's feature vector has length 1. Each n-gram is
identified by a number, so finding n-grams takes numpy alone; fitting needs scikit-learn and scipy.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.wide_lstm.number_table import NumberTable, make_number_table

if TYPE_CHECKING:
    import scipy.sparse

LONGEST = 3
"""Words in the longest n-gram."""
SMALLEST_REVIEW_COUNT = 5
"""An n-gram is a feature when at least this many of the given reviews contain it; the wide LSTM gives each twice."""
SMOOTHING = 1.0
"""Added to the number of given reviews of each label that contain an n-gram."""
INVERSE_REGULARIZATION = 10.0
"""Of the logistic regression: `C` of scikit-learn."""
_REVIEWS_AT_ONCE = 2048
_MAX_ITERATIONS = 200
_TOLERANCE = 1e-6
"""Of the fit: with scikit-learn's default, 1e-4, it ends before the weights have converged."""


@dataclass(frozen=True)
class NgramModel:
    """k weightings of the same g n-grams, each with a logit of its own.

    A review's logit by a weighting is `sum(ratio * weight) / norm(ratio) + bias` over its n-grams.
    """

    numbers: NDArray[np.int64]
    """[g] the numbers of the n-grams that are features, rising; see `number_ngrams`."""
    ratio: NDArray[np.float32]
    """[g, k] how much an n-gram counts.

    In the first weighting the log of how much more often it occurs in positive reviews than in negative ones.
    """
    weight: NDArray[np.float32]
    """[g, k] what an n-gram says, in each weighting by a logistic regression."""
    bias: NDArray[np.float64]
    """[k]"""

    @cached_property
    def table(self) -> NumberTable:
        """The places of `numbers`."""
        return make_number_table(self.numbers)

    @cached_property
    def terms(self) -> NDArray[np.float64]:
        """What an n-gram adds to the sums of `ratio * weight` of its reviews, then of `ratio ** 2`, [g, 2k]."""
        ratio = self.ratio.astype(np.float64)
        return np.ascontiguousarray(np.concatenate([ratio * self.weight, ratio * ratio], axis=1))


def join_weightings(models: Sequence[NgramModel]) -> NgramModel:
    """Join models of the same n-grams to one with the weightings of all."""
    ratio, weight = (
        np.ascontiguousarray(np.concatenate(parts, axis=1))
        for parts in ([each.ratio for each in models], [each.weight for each in models])
    )
    return NgramModel(models[0].numbers, ratio, weight, np.concatenate([each.bias for each in models]))


def number_ngrams(ids: NDArray[np.int32], vocabulary_size: int) -> NDArray[np.int64]:
    """Return the numbers of all n-grams of reviews [n, length], [n, LONGEST * length].

    The word ids of an n-gram are the digits of its number in base `vocabulary_size`. The number is 0 where there is no
    n-gram: where it would exceed the end, or one of its words is unknown or padding.
    """
    words = ids.astype(np.int64)
    numbers = [words]
    for size in range(2, LONGEST + 1):
        shorter, last = numbers[-1][:, :-1], words[:, size - 1 :]
        longer = np.zeros_like(words)
        width = words.shape[1] - size + 1
        shorter = shorter[:, :width]
        longer[:, :width] = np.where((shorter > 0) & (last > 0), shorter * vocabulary_size + last, 0)
        numbers.append(longer)
    return np.concatenate(numbers, axis=1)


def compute_ngram_logits(
    model: NgramModel, ids: NDArray[np.int32], vocabulary_size: int
) -> NDArray[np.float64]:
    """Return the logits [n, k] of reviews [n, length] by their n-grams."""
    return compute_logits_from(model, ids, vocabulary_size, [0])[0]


def compute_logits_from(
    model: NgramModel, ids: NDArray[np.int32], vocabulary_size: int, starts: Sequence[int]
) -> list[NDArray[np.float64]]:
    """Return, for each start, the logits [n, k] of reviews [n, length] by the n-grams of the words from there on."""
    row, first, place = _find_occurrences(model.table, ids, vocabulary_size)
    logits = []
    for start in starts:
        inside = first >= start
        distinct = _drop_repeated(row[inside], place[inside], len(model.numbers))
        logits.append(_weigh(model, *distinct, len(ids)))
    return logits


def _weigh(
    model: NgramModel, row: NDArray[np.intp], place: NDArray[np.intp], rows: int
) -> NDArray[np.float64]:
    """Return the logits [rows, k] of reviews by the review and the place of each of their n-grams."""
    terms = model.terms.take(place, axis=0)
    sums = np.stack([np.bincount(row, column, minlength=rows) for column in terms.T], axis=1)
    total, norm = sums[:, : len(model.bias)], np.sqrt(sums[:, len(model.bias) :])
    return total / np.where(norm > 0, norm, 1.0) + model.bias


def _find_ngrams(
    numbers: NDArray[np.int64], ids: NDArray[np.int32], vocabulary_size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the review of each n-gram that is a feature and its place in `numbers`, once per review, both rising."""
    row, _, place = _find_occurrences(make_number_table(numbers), ids, vocabulary_size)
    return _drop_repeated(row, place, len(numbers))


def _find_occurrences(
    table: NumberTable, ids: NDArray[np.int32], vocabulary_size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return each occurrence of an n-gram that is a feature: its review, the position of its first word, its place."""
    number = number_ngrams(ids, vocabulary_size).ravel()
    found = np.flatnonzero(number)
    place = table.find(number[found])
    found, place = found[place >= 0], place[place >= 0]
    length = max(ids.shape[1], 1)
    return found // (LONGEST * length), found % length, place


def _drop_repeated(
    row: NDArray[np.intp], place: NDArray[np.intp], places: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return each pair of a row and a place once, both rising."""
    both = np.sort(row * places + place)
    return np.divmod(both[np.diff(both, prepend=-1) > 0], max(places, 1))


def _list_distinct(
    ids: NDArray[np.int32], vocabulary_size: int
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the review and the number of each n-gram, once per review, numbers rising within a review."""
    ordered = np.sort(number_ngrams(ids, vocabulary_size), axis=1)
    first = ordered > 0
    first[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
    row, column = np.nonzero(first)
    return row, ordered[row, column]


def fit_ngrams(ids: NDArray[np.int32], positive: NDArray[np.bool_], vocabulary_size: int) -> NgramModel:
    """Fit one weighting on reviews [n, length] and their labels `positive` [n]. The same reviews give the same model.

    Raises `ValueError` unless both labels occur. Where no n-gram is a feature, the bias is the log odds.
    """
    if positive.all() or not positive.any():
        raise ValueError("n-grams are fitted on positive and negative reviews, and one kind is missing")
    numbers = count_ngrams(ids, vocabulary_size)
    if not len(numbers):
        empty = np.zeros((0, 1), np.float32)
        return NgramModel(numbers, empty, empty, np.log([positive.sum() / (~positive).sum()]))
    present = make_matrix(numbers, ids, vocabulary_size)
    return fit_weights(numbers, present, positive, compare_labels(present, positive))


def fit_weights(
    numbers: NDArray[np.int64],
    present: "scipy.sparse.csr_matrix",
    positive: NDArray[np.bool_],
    ratio: NDArray[np.float32],
) -> NgramModel:
    """Fit a weighting of the n-grams `numbers` [g] by their log ratios `ratio` [g].

    It is fitted on reviews, of which `present` [n, g] has 1 where a review has an n-gram, and their labels [n].
    """
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=INVERSE_REGULARIZATION, tol=_TOLERANCE, max_iter=_MAX_ITERATIONS).fit(
        scale_ngrams(present, ratio), positive
    )
    return NgramModel(numbers, ratio[:, None], fitted.coef_.T.astype(np.float32), fitted.intercept_)


def count_ngrams(ids: NDArray[np.int32], vocabulary_size: int) -> NDArray[np.int64]:
    """Return the numbers of the n-grams in at least `SMALLEST_REVIEW_COUNT` reviews, rising."""
    numbers = [_list_distinct(part, vocabulary_size)[1] for _, part in _cut_reviews(ids)]
    every = np.concatenate([np.zeros(0, np.int64), *numbers])
    every.sort()
    starts = np.flatnonzero(np.diff(every, prepend=-1))
    counts = np.diff(starts, append=len(every))
    frequent: NDArray[np.int64] = every[starts[counts >= SMALLEST_REVIEW_COUNT]]
    return frequent


def _cut_reviews(ids: NDArray[np.int32]) -> Iterator[tuple[int, NDArray[np.int32]]]:
    """Yield batches of reviews, each with the position of its first review, to bound the memory."""
    for start in range(0, len(ids), _REVIEWS_AT_ONCE):
        yield start, ids[start : start + _REVIEWS_AT_ONCE]


def make_matrix(
    numbers: NDArray[np.int64], ids: NDArray[np.int32], vocabulary_size: int
) -> "scipy.sparse.csr_matrix":
    """Return a matrix [n, g] with 1 where a review contains an n-gram."""
    import scipy.sparse

    rows, places = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for start, part in _cut_reviews(ids):
        row, place = _find_ngrams(numbers, part, vocabulary_size)
        rows.append((start + row).astype(np.int32))
        places.append(place.astype(np.int32))
    row, place = np.concatenate(rows), np.concatenate(places)
    ones = np.ones(len(row), np.float32)
    return scipy.sparse.csr_matrix((ones, (row, place)), shape=(len(ids), len(numbers)))


def compare_labels(present: "scipy.sparse.csr_matrix", positive: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the log of how much more often each n-gram occurs in positive reviews than in negative ones, [g]."""
    shares = []
    for label in (positive, ~positive):
        counts = present.T @ label.astype(np.float64) + SMOOTHING
        shares.append(counts / counts.sum())
    ratio: NDArray[np.float32] = np.log(shares[0] / shares[1]).astype(np.float32)
    return ratio


def weigh_matrix(model: NgramModel, present: "scipy.sparse.csr_matrix") -> NDArray[np.float64]:
    """Return the logits [n] of reviews `present` [n, g] by the first weighting."""
    logits: NDArray[np.float64] = (
        scale_ngrams(present, model.ratio[:, 0]) @ model.weight[:, 0] + model.bias[0]
    )
    return logits


def scale_ngrams(present: "scipy.sparse.csr_matrix", ratio: NDArray[np.float32]) -> "scipy.sparse.csr_matrix":
    """Replace each 1 by the ratio of its n-gram, and scale every row to length 1."""
    scaled = present.copy()
    scaled.data = ratio[present.indices]
    squares = present @ (ratio.astype(np.float64) ** 2)
    lengths = np.sqrt(np.where(squares > 0, squares, 1.0))
    scaled.data /= np.repeat(lengths, np.diff(present.indptr)).astype(np.float32)
    return scaled
