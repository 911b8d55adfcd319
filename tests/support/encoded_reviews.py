"""Makes encoded reviews of random words, and Keras's scores of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import tokenizer
from models.tokenizer import EncodedReviews

KNOWN_WORDS = 40
FEW_WORDS = 100


def encode_ids(reviews: Sequence[NDArray[np.int32]], length: int) -> EncodedReviews:
    """Return ids as the `EncodedReviews` that `encode_reviews` would return."""
    return tokenizer.encode_ids([review.tolist() for review in reviews], length)


def make_reviews(counts: Sequence[int], length: int, words: int = KNOWN_WORDS) -> EncodedReviews:
    """Make reviews with these numbers of words."""
    random = np.random.default_rng(1)
    return encode_ids([random.integers(0, words, count).astype(np.int32) for count in counts], length)


def predict_with_keras(model: Any, encoded: EncodedReviews) -> NDArray[np.float32]:
    """Return the scores that Keras computes."""
    padded = encoded.pad()
    # Making a graph of the model takes longer than a few steps take one by one.
    if padded.shape[1] > FEW_WORDS:
        return np.asarray(model.predict(padded, batch_size=256, verbose=0))[:, 0]
    return np.asarray(model(padded, training=False))[:, 0]
