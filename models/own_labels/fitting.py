"""Fits the layer of a source on its labels, and no more of it than so many labels can settle.

Every choice is a Gaussian prior on what the layer changes: nothing, or by more or less the n-grams, and with them the
bias, the factor of what the model's predictions for the source teach (`models.own_labels.predicted_labels`), and that
of the mean valence of the words (`models.own_labels.valences`). The evidence of a choice is how likely the labels are
by it before its weights are known: it grows with what the choice explains and falls with what it could have explained
besides. The layer is the mean of all choices, weighted by their evidence: with few labels, or with labels that the
model predicts well already, the change stays small. Needs SciPy and scikit-learn.

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
from models.own_labels.valences import NO_WORDS, Lexicon, average_valence
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
SMALLEST_SPREAD = 0.03
"""Standard deviation of the mean valence below which it counts for nothing, or the little that is there would for much.

In reviews of the archive it is 0.12, in short ones of products up to 0.6.
"""
_MAX_ITERATIONS = 200
_DECIMALS = 6

CHOICES = (0.0, 3.0, 6.0)
"""Standard deviations of the weights of n-grams, around no change; 0 for no change of anything.

No change is as likely before as all others together.
"""
EXPECTED = np.array([0.0, 0.0, 0.7])
"""In the other choices, what is expected of the bias, and of the factors of the taught logit and the valence.

The taught logit and the valence are scaled to a standard deviation of 1. Reviews of other things than movies gain by
the valence, so that need not be proved.
"""
SPREAD = np.array([1.0, 1.0, 0.7])
"""Standard deviations around what is expected."""


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
class _Source:
    """All texts of a source, a of them, those with a label first: what a layer may count in them; g n-grams."""

    numbers: NDArray[np.int64]
    """[g] of the n-grams, rising."""
    shares: "scipy.sparse.csr_matrix"
    """[a, g] for each n-gram of a text one divided by the root of their number, as in `OwnLayer`."""
    taught: Taught
    """The logit that predictions for the source teach."""
    lexicon: Lexicon
    valence: NDArray[np.float64]
    """[a] the mean valence of the words."""

    @property
    def scale(self) -> float:
        """Return what makes the standard deviation of the valence 1; 0 where the texts hardly differ in it."""
        spread = float(self.valence.std())
        return 1 / spread if spread > SMALLEST_SPREAD else 0.0


@dataclass(frozen=True)
class _Problem:
    """The labelled texts as numbers: n texts, g n-grams."""

    logit: NDArray[np.float64]
    shares: "scipy.sparse.csr_matrix"
    """[n, g] as in `_Source`."""
    few: NDArray[np.float64]
    """[n, 3] what the bias and the two factors multiply: 1, the taught logit, the valence."""
    sign: NDArray[np.float64]
    """[n] 1 for a positive label, -1 for a negative one."""

    def take(self, rows: slice) -> "_Problem":
        """Return the problem of some of the texts."""
        return _Problem(self.logit[rows], self.shares[rows], self.few[rows], self.sign[rows])


@dataclass(frozen=True)
class _Weights:
    """What a choice changes."""

    few: NDArray[np.float64]
    """[3] the bias, and the factors of the taught logit and the valence."""
    ngrams: NDArray[np.float64]
    """[g] the weights."""


def fit_layer(
    texts: LabelledTexts, others: ScoredTexts | None = None, lexicon: Lexicon = NO_WORDS
) -> FittedLayer:
    """Fit the layer of a source, also by `others` of its texts, without a label; the same texts give the same layer."""
    positive, sign = texts.positive, _sign(texts)
    before = float(np.logaddexp(0, -sign * to_logit(texts.score)).mean()) if len(sign) else float("nan")
    if min(positive.sum(), (~positive).sum()) < FEWEST_OF_A_LABEL:
        return FittedLayer(OwnLayer(), (1.0, *[0.0] * (len(CHOICES) - 1)), before)
    source = _describe_source(texts, others, lexicon)
    problem = _pose_problem(source, texts)
    shares = _share_out(problem.take(slice(MOST_FOR_EVIDENCE)))
    layer = _make_layer(source, _average(problem, shares))
    return FittedLayer(layer, tuple(shares.tolist()), before)


def _sign(texts: LabelledTexts) -> NDArray[np.float64]:
    """Return 1 for each positive label, -1 for each negative one, [n]."""
    return np.where(texts.positive, 1.0, -1.0)


def _describe_source(texts: LabelledTexts, others: ScoredTexts | None, lexicon: Lexicon) -> _Source:
    """Return what a layer may count in the texts of a source, and what predictions for them teach."""
    parts = [texts, *([others] if others else [])]
    numbers, shares = _mark_ngrams([part.encoded for part in parts])
    learnt = (
        learn_from_predictions(shares, np.concatenate([part.score for part in parts])) if others else None
    )
    taught = learnt or Taught(0.0, np.zeros(len(numbers)))
    valence = np.concatenate([average_valence(lexicon, part.encoded) for part in parts])
    return _Source(numbers, shares, taught, lexicon, valence)


def _pose_problem(source: _Source, texts: LabelledTexts) -> _Problem:
    """Return the labelled texts of a source, its first ones, as a problem."""
    shares = source.shares[: len(texts.score)]
    taught = shares @ source.taught.weights + source.taught.bias
    valence = (source.valence[: len(texts.score)] - source.valence.mean()) * source.scale
    few = np.stack([np.ones(len(taught)), taught, valence], axis=1)
    return _Problem(to_logit(texts.score), shares, few, _sign(texts))


def _share_out(problem: _Problem) -> NDArray[np.float64]:
    """Return the weight of each choice by its evidence; no change is as likely before as all others together."""
    likeness = (problem.shares @ problem.shares.T).toarray()
    evidence = np.array([_measure_evidence(problem, spread, likeness) for spread in CHOICES])
    shares = np.exp(evidence - evidence.max())
    shares[0] *= len(CHOICES) - 1
    shares[shares < SMALLEST_SHARE * shares.sum()] = 0
    return np.asarray(shares / shares.sum())


def _measure_evidence(problem: _Problem, spread: float, likeness: NDArray[np.float64]) -> float:
    """Return the log of how likely the labels are by a choice, in nats; `likeness` [n, n] is the texts' product."""
    weights = _fit(problem, spread)
    margin = problem.sign * _compute_logits(problem, weights)
    evidence = -np.logaddexp(0, -margin).sum()
    if not spread:
        return float(evidence)
    right = 1 / (1 + np.exp(-margin))
    curvature = np.sqrt(right * (1 - right))
    few = problem.few * SPREAD
    covariance = curvature[:, None] * (few @ few.T + spread**2 * likeness) * curvature
    size = (((weights.few - EXPECTED) / SPREAD) ** 2).sum() + ((weights.ngrams / spread) ** 2).sum()
    return float(evidence - size / 2 - np.linalg.slogdet(np.eye(len(margin)) + covariance)[1] / 2)


def _average(problem: _Problem, shares: NDArray[np.float64]) -> _Weights:
    """Return the weighted mean of what all choices change, fitted on all texts."""
    fitted = [
        (_fit(problem, spread), share)
        for spread, share in zip(CHOICES, shares.tolist(), strict=True)
        if share
    ]
    return _Weights(
        np.sum([weights.few * share for weights, share in fitted], axis=0),
        np.sum([weights.ngrams * share for weights, share in fitted], axis=0),
    )


def _make_layer(source: _Source, weights: _Weights) -> OwnLayer:
    """Return the layer that changes what the weights say in the texts of a source."""
    bias, by_predictions, by_valence = weights.few.tolist()
    factor = round(by_valence * source.scale, _DECIMALS)
    bias += by_predictions * source.taught.bias - factor * float(source.valence.mean())
    ngrams = np.round(weights.ngrams + by_predictions * source.taught.weights, _DECIMALS)
    (kept,) = np.nonzero(ngrams)
    return OwnLayer(
        round(bias, _DECIMALS),
        tuple(name_ngram(number) for number in source.numbers[kept].tolist()),
        tuple(ngrams[kept].tolist()),
        factor,
        source.lexicon if factor else NO_WORDS,
    )


def _mark_ngrams(parts: Sequence[EncodedReviews]) -> tuple[NDArray[np.int64], "scipy.sparse.csr_matrix"]:
    """Return the numbers of the n-grams that enough texts have, rising, and what is `_Source.shares`."""
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


def _fit(problem: _Problem, spread: float) -> _Weights:
    """Fit what a choice changes: the most likely values by its prior and the labels."""
    import scipy.sparse
    from scipy.optimize import minimize

    if not spread:
        return _Weights(np.zeros(len(EXPECTED)), np.zeros(problem.shares.shape[1]))
    few = scipy.sparse.csr_matrix(problem.few * SPREAD)
    features = scipy.sparse.hstack([few, spread * problem.shares]).tocsr()
    transposed, expected = features.T.tocsr(), problem.logit + problem.few @ EXPECTED

    def measure(change: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = problem.sign * (expected + features @ change)
        loss = np.logaddexp(0, -margin).sum() + change @ change / 2
        return float(loss), transposed @ (-problem.sign / (1 + np.exp(margin))) + change

    start = np.zeros(features.shape[1])
    found = minimize(measure, start, jac=True, method="L-BFGS-B", options={"maxiter": _MAX_ITERATIONS}).x
    return _Weights(EXPECTED + found[: len(EXPECTED)] * SPREAD, found[len(EXPECTED) :] * spread)


def _compute_logits(problem: _Problem, weights: _Weights) -> NDArray[np.float64]:
    """Return the logits of the texts with what a choice changes, as the layer computes them."""
    logits: NDArray[np.float64] = problem.logit + problem.few @ weights.few + problem.shares @ weights.ngrams
    return logits
