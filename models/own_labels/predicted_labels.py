"""Learns which n-grams of a source go with the labels that the model predicts for its reviews.

The model knows little of words that only this source uses. But they stand beside words that it knows, in reviews whose
label it predicts well, so they can be learnt from its own predictions (self-training). What is learnt is a further
logit; the labels of the source decide how much it counts.

It repeats what the model said of the very reviews from which it is learnt, more than of new ones. So those with a label
are among them, and it is fitted loosely: else it would count for too much in reviews that are scored again. Needs
scikit-learn.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import scipy.sparse

FEWEST_OF_A_PREDICTION = 20
"""Reviews of the rarer predicted label below which nothing is learnt."""
INVERSE_REGULARIZATION = 0.1
"""Of the logistic regression: `C` of scikit-learn."""
_MAX_ITERATIONS = 300


@dataclass(frozen=True)
class Taught:
    """A logit with a standard deviation of 1: the bias, and the weight of each of g n-grams, [g]."""

    bias: float
    weights: NDArray[np.float64]


def learn_from_predictions(shares: "scipy.sparse.csr_matrix", score: NDArray[np.float64]) -> Taught | None:
    """Fit the logit on n reviews, their n-grams `shares` [n, g] and the model's scores [n]; None if one label is rare.

    A review counts by how sure the model is of it. Both predicted labels weigh the same, so that the rarer one counts.
    """
    from sklearn.linear_model import LogisticRegression

    positive = score >= 0.5
    if min(positive.sum(), (~positive).sum()) < FEWEST_OF_A_PREDICTION:
        return None
    balance = np.where(positive, 0.5 / positive.mean(), 0.5 / (~positive).mean())
    fitted = LogisticRegression(C=INVERSE_REGULARIZATION, max_iter=_MAX_ITERATIONS).fit(
        shares, positive, sample_weight=balance * np.abs(2 * score - 1)
    )
    spread = float(fitted.decision_function(shares).std())
    return Taught(float(fitted.intercept_[0]) / spread, fitted.coef_[0] / spread) if spread > 0 else None
