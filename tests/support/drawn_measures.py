"""Draws the measures of reviews at random, for tests of drift."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Measures = dict[str, NDArray[Any]]
MOST_WORDS = 500
"""Longer reviews are cut."""


@dataclass(frozen=True)
class Reviews:
    """How the measures of a kind of reviews are distributed."""

    score: tuple[float, float]
    """Both parameters of a beta distribution, as of `unknown`."""
    words: tuple[float, float]
    """Mean and deviation of the logarithm."""
    fewest_words: int
    unknown: tuple[float, float]

    def draw(self, generator: np.random.Generator, number: int) -> Measures:
        """Draw the measures of this many reviews."""
        words = generator.lognormal(*self.words, number).astype(np.int32) + self.fewest_words
        return {
            "score": generator.beta(*self.score, number),
            "token_count": words,
            "oov_rate": generator.beta(*self.unknown, number).astype(np.float32),
            "truncated": words > MOST_WORDS,
        }
