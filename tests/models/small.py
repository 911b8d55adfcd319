"""A model small enough to train in a test, and reviews that it can learn."""

import numpy as np

from models.training import LabelledReviews
from models.variants import Variant, find_variant

WORDS = ("good", "bad", "film", "the", "a", "plot")


def make_small_variant() -> Variant:
    """Give `cnn_lstm` cut down to short reviews and few units."""
    seed = find_variant("cnn_lstm")
    smaller = {
        "vocabulary_size": 7,
        "sequence_length": 12,
        "embedding_size": 4,
        "lstm_units": 4,
        "filters": 4,
    }
    return Variant(**{**vars(seed), **smaller, "batch_size": 16})


def make_reviews(rows: int, seed: int = 0) -> LabelledReviews:
    """Make reviews in which word 1 is praise and word 2 is blame."""
    random = np.random.default_rng(seed)
    ids = random.integers(3, 7, (rows, 12)).astype(np.int32)
    positive = random.random(rows) < 0.5
    ids[np.arange(rows), random.integers(0, 12, rows)] = np.where(positive, 1, 2)
    return LabelledReviews(ids, positive.astype(np.float32))
