"""Fits the layer of a source on its labels, and no more of it than so many labels can settle.

Every choice is a Gaussian prior on what the layer changes: nothing, or by more or less the bias, the n-grams, and the
factor of what the model's predictions for the source teach (`models.own_labels.predicted_labels`). The evidence of a
choice is how likely the labels are by it before its weights are known: it grows with what the choice explains and falls
with what it could have explained besides. The layer is the mean of all choices, weighted by their evidence: with few
labels, or with labels that the model predicts well already, the change stays small. Needs SciPy and scikit-learn.

The evidence is approximated by Laplace's method, as for Gaussian processes (Rasmussen and Williams, *Gaussian Processes
for Machine Learning*, 2006, section 3.4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.own_labels.layer import OwnLayer, list_ngrams, mark_pairs, name_ngram, to_logit
from models.own_labels.predicted_labels import Taught, learn_from_predictions
from models.tokenizer import EncodedReviews

if TYPE_CHECKING:
    import scipy.sparse

FEWEST_OF_A_LABEL = 2
"""Texts of the rarer label below which nothing is changed."""
SMALLEST_PAIR_COUNT = 2
"""A pair of words counts when at least this many texts have it, a single word when one has it."""
TEXTS_A_COUNT = 1000
"""For each so many texts one more text must have an n-gram, which bounds the size of a layer."""
SMALLEST_SHARE = 1e-3
"""Choices with a smaller weight are left out."""
MOST_FOR_EVIDENCE = 2000
"""Texts by which choices are compared: of more labels the first, since the time grows with their number cubed."""
_MAX_ITERATIONS = 200
_DECIMALS = 6


@dataclass(frozen=True)
class Prior:
    """Standard deviations of what a layer changes, around no change; 0 where it must not change."""

    bias: float = 0.0
    ngrams: float = 0.0
    taught: float = 0.0
    """Of the factor of the taught logit."""


CHOICES = (Prior(), *(Prior(bias=1.0, ngrams=spread, taught=1.0) for spread in (3.0, 6.0)))
"""From the fewest changes to the most. No change is as likely before as all others together."""


@dataclass(frozen=True)
class ScoredTexts:
    """Texts of one source, n of them."""

    score: NDArray[np.float64]
    """[n] of the model that is adapted."""
    encoded: EncodedReviews


@dataclass(frozen=True)
class LabelledTexts(ScoredTexts):
    """Texts of one source with their labels, n of them."""

    positive: NDArray[np.bool_]
    """[n] the label."""


@dataclass(frozen=True)
class FittedLayer:
    """A layer, and what was seen of it in the fit."""

    layer: OwnLayer
    shares: tuple[float, ...]
    """The weight of each of `CHOICES` in the layer; they add up to 1."""
    log_loss_before: float
    """Nats a text, of the model itself on the labels; NaN without labels."""


@dataclass(frozen=True)
class _Problem:
    """The labelled texts as numbers: n texts, g n-grams."""

    logit: NDArray[np.float64]
    shares: "scipy.sparse.csr_matrix"
    """[n, g] for each n-gram of a text one divided by the root of their number, as in `OwnLayer`."""
    taught: NDArray[np.float64]
    """[n] the logit that predictions for the source teach."""
    sign: NDArray[np.float64]
    """[n] 1 for a positive label, -1 for a negative one."""

    def take(self, rows: slice) -> "_Problem":
        """Return the problem of some of the texts."""
        return _Problem(self.logit[rows], self.shares[rows], self.taught[rows], self.sign[rows])


@dataclass(frozen=True)
class _Weights:
    """What a choice changes: the bias, the factor of the taught logit, and the weights of all g n-grams."""

    bias: float
    taught: float
    ngrams: NDArray[np.float64]


def fit_layer(texts: LabelledTexts, others: ScoredTexts | None = None) -> FittedLayer:
    """Fit the layer of a source, also by `others` of its texts, without a label; the same texts give the same layer."""
    positive, sign = texts.positive, _sign(texts)
    before = float(np.logaddexp(0, -sign * to_logit(texts.score)).mean()) if len(sign) else float("nan")
    if min(positive.sum(), (~positive).sum()) < FEWEST_OF_A_LABEL:
        return FittedLayer(OwnLayer(), (1.0, *[0.0] * (len(CHOICES) - 1)), before)
    numbers, taught, problem = _pose_problem(texts, others)
    shares = _share_out(problem.take(slice(MOST_FOR_EVIDENCE)))
    fitted = _average(problem, shares)
    bias = fitted.bias + fitted.taught * taught.bias
    layer = _make_layer(numbers, bias, fitted.ngrams + fitted.taught * taught.weights)
    return FittedLayer(layer, tuple(shares.tolist()), before)


def _sign(texts: LabelledTexts) -> NDArray[np.float64]:
    """Return 1 for each positive label, -1 for each negative one, [n]."""
    return np.where(texts.positive, 1.0, -1.0)


def _pose_problem(
    texts: LabelledTexts, others: ScoredTexts | None
) -> tuple[NDArray[np.int64], Taught, _Problem]:
    """Return the numbers of the n-grams that count, what predictions teach, and the labelled texts as a problem."""
    parts = [texts, *([others] if others else [])]
    numbers, every = _mark_ngrams([part.encoded for part in parts])
    learnt = learn_from_predictions(every, np.concatenate([part.score for part in parts])) if others else None
    taught = learnt or Taught(0.0, np.zeros(len(numbers)))
    shares = every[: len(texts.score)]
    logit = shares @ taught.weights + taught.bias
    return numbers, taught, _Problem(to_logit(texts.score), shares, logit, _sign(texts))


def _share_out(problem: _Problem) -> NDArray[np.float64]:
    """Return the weight of each choice by its evidence; no change is as likely before as all others together."""
    likeness = (problem.shares @ problem.shares.T).toarray()
    evidence = np.array([_measure_evidence(problem, prior, likeness) for prior in CHOICES])
    shares = np.exp(evidence - evidence.max())
    shares[0] *= len(CHOICES) - 1
    shares[shares < SMALLEST_SHARE * shares.sum()] = 0
    return np.asarray(shares / shares.sum())


def _measure_evidence(problem: _Problem, prior: Prior, likeness: NDArray[np.float64]) -> float:
    """Return the log of how likely the labels are by a choice, in nats; `likeness` [n, n] is the texts' product."""
    weights = _fit(problem, prior)
    margin = problem.sign * _compute_logits(problem, weights)
    evidence = -np.logaddexp(0, -margin).sum()
    if not prior.bias:
        return float(evidence)
    right = 1 / (1 + np.exp(-margin))
    curvature = np.sqrt(right * (1 - right))
    taught = prior.taught**2 * np.outer(problem.taught, problem.taught)
    covariance = curvature[:, None] * (prior.bias**2 + taught + prior.ngrams**2 * likeness) * curvature
    size = (weights.bias / prior.bias) ** 2 + (weights.taught / prior.taught) ** 2
    size += ((weights.ngrams / prior.ngrams) ** 2).sum()
    return float(evidence - size / 2 - np.linalg.slogdet(np.eye(len(margin)) + covariance)[1] / 2)


def _average(problem: _Problem, shares: NDArray[np.float64]) -> _Weights:
    """Return the weighted mean of what all choices change, fitted on all texts."""
    fitted = [
        (_fit(problem, prior), share) for prior, share in zip(CHOICES, shares.tolist(), strict=True) if share
    ]
    return _Weights(
        sum(weights.bias * share for weights, share in fitted),
        sum(weights.taught * share for weights, share in fitted),
        np.sum([weights.ngrams * share for weights, share in fitted], axis=0),
    )


def _make_layer(numbers: NDArray[np.int64], bias: float, weights: NDArray[np.float64]) -> OwnLayer:
    """Return the layer with these weights [g] of the n-grams with these numbers [g]."""
    ngrams = np.round(weights, _DECIMALS)
    (kept,) = np.nonzero(ngrams)
    return OwnLayer(
        round(bias, _DECIMALS),
        tuple(name_ngram(number) for number in numbers[kept].tolist()),
        tuple(ngrams[kept].tolist()),
    )


def _mark_ngrams(parts: Sequence[EncodedReviews]) -> tuple[NDArray[np.int64], "scipy.sparse.csr_matrix"]:
    """Return the numbers of the n-grams that enough texts have, rising, and what is `_Problem.shares` of all texts."""
    import scipy.sparse

    starts = np.cumsum([0, *map(len, parts)])
    rows, listed = zip(*map(list_ngrams, parts), strict=True)
    row = np.concatenate([start + each for start, each in zip(starts, rows, strict=False)])
    numbers, place, count = np.unique(np.concatenate(listed), return_inverse=True, return_counts=True)
    shape = (int(starts[-1]), len(numbers))
    present = scipy.sparse.csr_matrix((np.ones(len(row)), (row, place)), shape=shape)
    kept = count >= np.where(mark_pairs(numbers), SMALLEST_PAIR_COUNT, 1) + shape[0] // TEXTS_A_COUNT
    present = present[:, kept]
    counts = np.maximum(np.asarray(present.sum(axis=1)).ravel(), 1)
    return numbers[kept], (scipy.sparse.diags(1 / np.sqrt(counts)) @ present).tocsr()


def _fit(problem: _Problem, prior: Prior) -> _Weights:
    """Fit what a choice changes: the most likely values by its prior and the labels."""
    import scipy.sparse
    from scipy.optimize import minimize

    if not prior.bias:
        return _Weights(0.0, 0.0, np.zeros(problem.shares.shape[1]))
    few = np.stack([np.full(len(problem.sign), prior.bias), prior.taught * problem.taught], axis=1)
    features = scipy.sparse.hstack([scipy.sparse.csr_matrix(few), prior.ngrams * problem.shares]).tocsr()
    transposed = features.T.tocsr()

    def measure(change: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = problem.sign * (problem.logit + features @ change)
        loss = np.logaddexp(0, -margin).sum() + change @ change / 2
        return float(loss), transposed @ (-problem.sign / (1 + np.exp(margin))) + change

    start = np.zeros(features.shape[1])
    found = minimize(measure, start, jac=True, method="L-BFGS-B", options={"maxiter": _MAX_ITERATIONS}).x
    return _Weights(float(found[0]) * prior.bias, float(found[1]) * prior.taught, found[2:] * prior.ngrams)


def _compute_logits(problem: _Problem, weights: _Weights) -> NDArray[np.float64]:
    """Return the logits of the texts with what a choice changes, as the layer computes them."""
    of_ngrams: NDArray[np.float64] = problem.shares @ weights.ngrams
    return problem.logit + weights.bias + weights.taught * problem.taught + of_ngrams
