"""The interface of an engine, which computes a model's scores from its exported graph."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.tokenizer import EncodedReviews

SAME_SCORE = 1e-5
"""Two scores of one text by one model differ by less than this, whatever computed them."""


class Engine(Protocol):
    """A model that is ready to score. Scoring, and explaining a score, need nothing else of it."""

    @property
    def sequence_length(self) -> int:
        """Words that the model reads of a review."""

    def score(self, encoded: EncodedReviews) -> NDArray[np.float64]:
        """Score n encoded reviews, [n] P(positive) in their order, on all cores.

        Raises `ValueError` for reviews that were encoded with another sequence length.
        """
