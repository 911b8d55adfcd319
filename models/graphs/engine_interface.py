"""The interface of an engine, which computes a model's scores from its exported graph."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.tokenizer import EncodedReviews

SAME_SCORE = 1e-5
"""Two scores of one text by one model count as the same when they differ by less than this."""


MANY_REVIEWS = 8192
"""Reviews in a call from which an engine may load what takes long to load and pays for many."""


class Engine(Protocol):
    """A loaded model. Scoring and explaining a score use nothing else of it."""

    @property
    def sequence_length(self) -> int:
        """Number of words that the model reads of a review."""

    def score(self, encoded: EncodedReviews) -> NDArray[np.float64]:
        """Score n encoded reviews on all cores; return P(positive) [n] in their order.

        Raises `ValueError` for reviews that were encoded with another sequence length.
        """
