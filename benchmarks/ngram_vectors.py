"""What reviews without a label add to the n-grams of the wide LSTM, by vectors of n-grams and by judged reviews.

    python -m benchmarks.ngram_vectors HOME --folds 0 1 2 3 4

HOME holds the archive. A fifth of the training titles is measured on; nothing is learnt from their reviews, not even
the vectors (`models.wide_lstm.ngram_vectors`). The first row is of n-grams that are fitted on labels alone, the others
are of both weightings as a training makes them (`models.wide_lstm.training_recipe`). The logits are blended by a
logistic regression, each half of the held-out reviews by what the other half shows. Prints a Markdown table; a fold
takes some fifteen minutes of one core, and 4 GB.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_contracts.storage.home import Home
from models.evaluation.bootstrap import find_interval, resample_means
from models.tokenizer import build_vocabulary, encode_reviews
from models.training.journal import QUIET
from models.training.reviews import LabelledReviews, TrainingReviews
from models.variants import find_variant
from models.wide_lstm.ngrams import compute_logits_from, fit_ngrams
from models.wide_lstm.training_recipe import weigh_ngrams
from tasks.training.dataset import DatasetTexts, load_rows

FOLDS = 5


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
    """Words of the last window, whose n-grams have logits of their own."""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--folds", type=int, nargs="+", default=list(range(FOLDS)), choices=range(FOLDS))
    options = parser.parse_args()
    reviews = load_reviews(Home(options.home.absolute()))
    print("| fold | logits that are blended | log loss | accuracy | loss, compared with the first row |")
    print("| ---: | --- | ---: | ---: | ---: |")
    for fold in options.folds:
        for line in measure_fold(reviews, fold):
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


def measure_fold(reviews: Reviews, fold: int) -> Iterator[str]:
    """Yield the rows of the table for the titles of a fold."""
    held_out = mark_fold(reviews.titles, fold)
    labelled, size = reviews.ids[: len(held_out)], reviews.vocabulary_size
    train, positive = labelled[~held_out], reviews.positive[~held_out]
    test, wanted = labelled[held_out], reviews.positive[held_out]
    fitted = fit_ngrams(np.concatenate([train, keep_last(train, reviews.window)]), np.tile(positive, 2), size)
    part = LabelledReviews(train, positive.astype(np.float32))
    given = TrainingReviews(part, validation=part, unlabelled=reviews.ids[len(held_out) :])
    both = weigh_ngrams(find_variant("wide_lstm"), given, 0, QUIET)
    starts = [0, test.shape[1] - reviews.window]
    first = compute_logits_from(fitted, test, size, starts)
    views = compute_logits_from(both, test, size, starts)
    rows = {
        "n-grams, by labels alone": [logits[:, 0] for logits in first],
        "n-grams": [logits[:, 0] for logits in views],
        "vectors": [logits[:, 1] for logits in views],
        "n-grams and vectors": [column for logits in views for column in logits.T],
    }
    losses = {name: blend(logits, wanted) for name, logits in rows.items()}
    for name, signed in losses.items():
        yield describe(name, signed, losses["n-grams, by labels alone"], reviews.titles[held_out])


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


if __name__ == "__main__":
    main()
