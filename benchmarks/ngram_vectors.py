"""What vectors of n-grams that are learnt without labels add to the n-grams of the wide LSTM, on held-out titles.

    python -m benchmarks.ngram_vectors HOME --folds 0 1 2 3 4

HOME holds the archive. A fifth of the training titles is measured on; nothing is learnt from their reviews, not even
the vectors. A review and an n-gram that it holds get vectors with a high cosine, a review and random n-grams a low one
(Thongtan and Phienthrakul, 2019), from the reviews with and without a label. The new logit of a review is a linear
function of the mean of its n-grams' vectors, each weighted by its rarity: so a number for each n-gram is enough to
score. Prints a Markdown table; a fold takes about a quarter of an hour of one core, and 3 GB.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from data_contracts.storage.home import Home
from models.evaluation.bootstrap import find_interval, resample_means
from models.tokenizer import build_vocabulary, encode_reviews
from models.variants import find_variant
from models.wide_lstm.ngrams import compute_ngram_logits, count_ngrams, fit_ngrams, number_ngrams
from models.wide_lstm.number_table import make_number_table
from tasks.training.dataset import DatasetTexts, load_rows

FOLDS = 5
NOISE = 5
"""Random n-grams that each n-gram of a review is contrasted with."""
SHARPNESS = 6.0
"""Factor of the cosine in the logistic function."""
RATE = 0.5
"""Learning rate of the first review; it falls to 0 after the last."""
FLATTENING = 0.75
"""Random n-grams are drawn in proportion to this power of the number of reviews that have them."""
NOISE_TABLE = 1 << 24
AT_ONCE = 2048
INVERSE_REGULARIZATION = 10.0


@dataclass(frozen=True)
class Reviews:
    """Reviews as word ids [n, length]; those with a label first."""

    ids: NDArray[np.int32]
    positive: NDArray[np.bool_]
    """Of the reviews with a label."""
    titles: NDArray[np.str_]
    """Likewise."""
    vocabulary_size: int
    window: int
    """Words of the last window, whose n-grams have a logit of their own."""


@dataclass(frozen=True)
class Bags:
    """The distinct n-grams of each review: `places[offsets[i]:offsets[i + 1]]` are those of review i."""

    offsets: NDArray[np.int64]
    places: NDArray[np.int32]
    ngrams: int

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """The number of reviews that have each n-gram."""
        return np.bincount(self.places, minlength=self.ngrams)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(FOLDS)), choices=range(FOLDS))
    parser.add_argument("--size", type=int, default=128, help="numbers of a vector (128)")
    parser.add_argument("--epochs", type=int, default=12, help="passes over all reviews (12)")
    options = parser.parse_args()
    reviews = load_reviews(Home(options.home.absolute()))
    print("| fold | logits that are blended | log loss | accuracy | loss, compared with the first row |")
    print("| ---: | --- | ---: | ---: | ---: |")
    for fold in options.folds:
        for line in measure_fold(reviews, fold, options.size, options.epochs):
            print(f"| {fold} | {line} |", flush=True)


def load_reviews(home: Home) -> Reviews:
    """Load the training reviews, also those that trainings validate on, and the reviews without a label."""
    variant = find_variant("wide_lstm")
    rows = load_rows(home.reviews, with_unlabelled=True)
    parts = (rows.train, rows.validation)
    labelled = [text for part in parts for text in part.texts]
    vocabulary = build_vocabulary([*labelled, *rows.unlabelled], variant.vocabulary_size)
    encoded = encode_reviews([*labelled, *rows.unlabelled], vocabulary.ids(), variant.sequence_length)
    titles = np.array([title for part in parts for title in part.movie_id], np.str_)
    sizes = variant.vocabulary_size, variant.window
    return Reviews(encoded.pad(), _join_labels(parts), titles, *sizes)


def _join_labels(parts: Sequence[DatasetTexts]) -> NDArray[np.bool_]:
    """Return the labels of several parts of the dataset."""
    return np.concatenate([part.positive for part in parts])


def measure_fold(reviews: Reviews, fold: int, size: int, epochs: int) -> Iterator[str]:
    """Yield the rows of the table for the titles of a fold."""
    held_out = mark_fold(reviews.titles, fold)
    labelled = reviews.ids[: len(held_out)]
    learnt_from = np.concatenate([labelled[~held_out], reviews.ids[len(held_out) :]])
    train, positive = labelled[~held_out], reviews.positive[~held_out]
    test, wanted = labelled[held_out], reviews.positive[held_out]
    both = np.concatenate([train, keep_last(train, reviews.window)])
    ngrams = fit_ngrams(both, np.tile(positive, 2), reviews.vocabulary_size)
    whole, ending = (
        compute_ngram_logits(ngrams, view, reviews.vocabulary_size)
        for view in (test, test[:, -reviews.window :])
    )
    smooth = compute_smooth_logits(reviews, learnt_from, (train, positive, test), (size, epochs))
    rows = {
        "n-grams, whole and ending": [whole, ending],
        "vectors": [smooth],
        "n-grams and vectors": [whole, ending, smooth],
    }
    losses = {name: blend(logits, wanted) for name, logits in rows.items()}
    first = next(iter(losses.values()))
    for name, signed in losses.items():
        yield describe(name, signed, first, reviews.titles[held_out])


def mark_fold(titles: NDArray[np.str_], fold: int) -> NDArray[np.bool_]:
    """Return a mask [n] of the reviews whose title is in a fold, which depends on the title alone."""
    numbers = [int(sha256(f"{title} fold".encode()).hexdigest()[:8], 16) % FOLDS for title in titles]
    is_held_out: NDArray[np.bool_] = np.array(numbers) == fold
    return is_held_out


def keep_last(ids: NDArray[np.int32], window: int) -> NDArray[np.int32]:
    """Return the reviews with their last words alone."""
    ending = np.zeros_like(ids)
    ending[:, -window:] = ids[:, -window:]
    return ending


def blend(logits: Sequence[NDArray[np.float64]], positive: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the blended logits, negated for negative reviews; each half is weighted by what the other half shows."""
    from sklearn.linear_model import LogisticRegression

    stacked, half = np.stack(logits, axis=1), np.arange(len(positive)) % 2 == 0
    blended = np.zeros(len(positive))
    for measured in (half, ~half):
        fitted = LogisticRegression(C=100.0).fit(stacked[~measured], positive[~measured])
        blended[measured] = fitted.decision_function(stacked[measured])
    return np.where(positive, blended, -blended)


def describe(
    name: str, signed: NDArray[np.float64], first: NDArray[np.float64], titles: NDArray[np.str_]
) -> str:
    """Return a row of the table: log loss, accuracy, and the difference in loss with its 95 % interval over titles."""
    losses, others = np.logaddexp(0, -signed), np.logaddexp(0, -first)
    every = np.ones(len(losses), np.bool_)
    draws = resample_means([losses - others], [every], titles.tolist())[:, 0]
    difference = find_interval(float((losses - others).mean()), draws)
    interval = f"{difference.value:+.4f} ({difference.lower:+.4f} to {difference.upper:+.4f})"
    return f"{name} | {losses.mean():.4f} | {(signed > 0).mean():.4f} | {interval}"


def compute_smooth_logits(
    reviews: Reviews,
    learnt_from: NDArray[np.int32],
    labelled: tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.int32]],
    effort: tuple[int, int],
) -> NDArray[np.float64]:
    """Return the logits of test reviews by the vectors of their n-grams.

    `labelled` are the training reviews, their labels and the test reviews; `effort` the size of vectors and the epochs.
    """
    from sklearn.linear_model import LogisticRegression

    train, positive, test = labelled
    numbers = count_ngrams(learnt_from, reviews.vocabulary_size)
    bags = list_bags(learnt_from, numbers, reviews.vocabulary_size)
    vectors = learn_vectors(bags, *effort)
    rarity = np.log(len(learnt_from) / np.maximum(bags.counts, 1)).astype(np.float32)
    means = [
        average_vectors(list_bags(ids, numbers, reviews.vocabulary_size), vectors, rarity)
        for ids in (train, test)
    ]
    spread = means[0].std(axis=0) * np.sqrt(vectors.shape[1])
    fitted = LogisticRegression(C=INVERSE_REGULARIZATION, max_iter=500).fit(means[0] / spread, positive)
    logits: NDArray[np.float64] = fitted.decision_function(means[1] / spread)
    return logits


def list_bags(ids: NDArray[np.int32], numbers: NDArray[np.int64], vocabulary_size: int) -> Bags:
    """Return which of the n-grams with these numbers, rising, each of the reviews [n, length] has."""
    table, offsets, places = make_number_table(numbers), [0], []
    for start in range(0, len(ids), AT_ONCE):
        for row in number_ngrams(ids[start : start + AT_ONCE], vocabulary_size):
            found = table.find(np.unique(row[row > 0]))
            places.append(found[found >= 0].astype(np.int32))
            offsets.append(offsets[-1] + len(places[-1]))
    return Bags(np.array(offsets, np.int64), np.concatenate(places), len(numbers))


def average_vectors(
    bags: Bags, vectors: NDArray[np.float32], rarity: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the mean direction [n, size] of each review's n-grams, weighted by their rarity."""
    import scipy.sparse

    weights = scipy.sparse.csr_matrix(
        (rarity[bags.places], bags.places, bags.offsets), shape=(len(bags.offsets) - 1, bags.ngrams)
    )
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    total = np.asarray(weights.sum(axis=1))
    means: NDArray[np.float32] = (weights @ units) / np.where(total > 0, total, 1.0)
    return means


def learn_vectors(bags: Bags, size: int, epochs: int, seed: int = 0) -> NDArray[np.float32]:
    """Return the vectors [g, size] of n-grams; the same arguments give the same vectors."""
    random, count = np.random.default_rng(seed), len(bags.offsets) - 1
    reviews, ngrams = (_draw_vectors(random, rows, size) for rows in (count, bags.ngrams))
    share = bags.counts**FLATTENING
    noise = np.repeat(
        np.arange(bags.ngrams, dtype=np.int32), random.multinomial(NOISE_TABLE, share / share.sum())
    )
    random.shuffle(noise)
    rates = np.linspace(RATE, 0, epochs * count, dtype=np.float32)
    for epoch in range(epochs):
        order = random.permutation(count).astype(np.int64)
        now = rates[epoch * count : (epoch + 1) * count]
        _learn(order, (bags.offsets, bags.places, noise), (reviews, ngrams), now, seed + epoch + 1)
    return ngrams


def _draw_vectors(random: np.random.Generator, rows: int, size: int) -> NDArray[np.float32]:
    """Return random vectors of length 1 in the mean; they grow as they move, so that later steps turn them less."""
    drawn: NDArray[np.float32] = (random.random((rows, size), np.float32) - 0.5) * np.float32(
        np.sqrt(12 / size)
    )
    return drawn


@numba.njit(nogil=True, fastmath=True)
def _learn(order: Any, held: Any, vectors: Any, rates: Any, seed: Any) -> None:
    """Move the vectors of the reviews in `order`, and of their n-grams."""
    offsets, places, noise = held
    reviews, ngrams = vectors
    np.random.seed(seed)  # of Numba's own generator
    change = np.empty(reviews.shape[1], np.float32)
    for turn in range(len(order)):
        review = reviews[order[turn]]
        for at in range(offsets[order[turn]], offsets[order[turn] + 1]):
            change[:] = 0
            length = _multiply(review, review)
            _turn(review, ngrams[places[at]], (np.float32(1), rates[turn], length), change)
            for _ in range(NOISE):
                drawn = noise[np.random.randint(len(noise))]
                if drawn != places[at]:
                    _turn(review, ngrams[drawn], (np.float32(0), rates[turn], length), change)
            for column in range(len(change)):
                review[column] += change[column]


@numba.njit(nogil=True, fastmath=True)
def _multiply(one: Any, other: Any) -> Any:
    """Return the scalar product."""
    total = np.float32(0)
    for column in range(len(one)):
        total += one[column] * other[column]
    return total


@numba.njit(nogil=True, fastmath=True)
def _turn(review: Any, ngram: Any, step: Any, change: Any) -> None:
    """Turn an n-gram to the review, or away from it, and add the same of the review to `change`.

    It is a step of gradient descent on the cross-entropy of a logistic function of the cosine.
    """
    wanted, rate, length = step
    own = _multiply(ngram, ngram)
    scale = np.float32(1) / np.sqrt(length * own)
    cosine = _multiply(review, ngram) * scale
    odds = np.exp(np.float32(-SHARPNESS) * cosine)
    pull = rate * np.float32(SHARPNESS) * (wanted - np.float32(1) / (np.float32(1) + odds))
    across, along, along_review = pull * scale, pull * cosine / own, pull * cosine / length
    for column in range(len(ngram)):
        before = ngram[column]
        change[column] += across * before - along_review * review[column]
        ngram[column] = before + across * review[column] - along * before


if __name__ == "__main__":
    main()
