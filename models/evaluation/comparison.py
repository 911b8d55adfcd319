"""Compares two models on the same reviews, overall and by slice, with bootstrap intervals and exact tests.

The bootstrap draws whole titles, since the errors on reviews of one movie are correlated. Each of `RESAMPLES` draws
takes as many titles as there are, with replacement. The figures of both models come from the same draw. Needs numpy,
and SciPy for the exact tests.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.limits import POSITIVE_FROM
from models.evaluation.behaviour import BehaviourResult, BehaviourTest
from models.evaluation.metrics import Evaluation, evaluate_scores, measure_losses
from models.tokenizer import split_words

RESAMPLES = 2000
SEED = 20_111
"""Seed of the bootstrap, fixed so that the same scores give the same interval."""
CONFIDENCE = 0.95
LENGTH_SLICES = {"short": (0, 150), "medium": (150, 300), "long": (300, math.inf)}
"""The slices by length, each with its smallest number of words and the number that it must stay below."""
UNKNOWN_WORDS_SLICES = ("unknown_words_q1", "unknown_words_q2", "unknown_words_q3", "unknown_words_q4")
"""Quarters of the reviews by their share of unknown words, smallest share first."""
# fmt: off
NEGATIONS = frozenset((
    "no", "not", "never", "none", "nobody", "nothing", "nowhere", "neither", "nor", "cannot", "without", "hardly",
    "barely", "scarcely", "dont", "doesnt", "didnt", "isnt", "wasnt", "arent", "werent", "wont", "cant", "couldnt",
    "wouldnt", "shouldnt", "havent", "hasnt", "hadnt", "aint",
))
"""Negating words; every word that ends in n't is one too."""
CONTRASTS = frozenset((
    "but", "however", "although", "though", "yet", "despite", "nevertheless", "nonetheless", "whereas",
))
"""Words that may introduce a contrast in a review."""
# fmt: on
_DRAWN_AT_ONCE = 2_000_000
"""Titles times resamples drawn at a time; limits the memory."""


@dataclass(frozen=True)
class Interval:
    """A figure with its bootstrap interval of confidence `CONFIDENCE`, unless the field states another confidence."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True)
class SliceAccuracy:
    """Accuracy of one model on one slice of the reviews."""

    name: str
    reviews: int
    accuracy: Interval


@dataclass(frozen=True)
class SliceComparison:
    """Accuracy of two models on one slice of the reviews."""

    name: str
    reviews: int
    challenger_accuracy: float
    champion_accuracy: float
    gain: Interval
    """Accuracy of the challenger minus that of the champion.

    The interval is Bonferroni-corrected: those of all slices hold together with confidence `CONFIDENCE`.
    """


@dataclass(frozen=True)
class BehaviourChange:
    """Results of both models on one type of behavioural tests."""

    test: str
    tests: int
    challenger_passed: int
    champion_passed: int
    lost: int
    """Tests that only the champion passed."""
    won: int
    """Tests that only the challenger passed."""
    p_value: float
    """One-sided exact sign test: the probability of at least `lost` losses if each of `lost + won` were a coin toss."""


@dataclass(frozen=True)
class Comparison:
    """A challenger and a champion on the same reviews; a gain is above 0 if the challenger is better."""

    challenger: Evaluation
    champion: Evaluation
    accuracy_gain: Interval
    log_loss_gain: Interval
    """Nats by which the challenger's log loss is lower."""
    only_challenger_right: int
    only_champion_right: int
    mcnemar_p: float
    """Two-sided p-value of McNemar's exact test.

    The test assumes independent reviews, which reviews of one movie are not.
    """
    slices: tuple[SliceComparison, ...]


@dataclass(frozen=True)
class Contest:
    """All figures that the gate judges: a challenger compared with the champion."""

    scores: Comparison
    """On the validation rows."""
    behaviour: tuple[BehaviourChange, ...]
    challenger_seconds: float
    """Scoring time per review in this process: the shortest of several times over the same texts."""
    champion_seconds: float
    """Measured in the same way."""

    @property
    def cost_ratio(self) -> float:
        """Return the challenger's time per review divided by the champion's."""
        return self.challenger_seconds / max(self.champion_seconds, 1e-12)


def compare_scores(
    challenger: NDArray[np.floating[Any]],
    champion: NDArray[np.floating[Any]],
    positive: NDArray[np.bool_],
    titles: Sequence[str],
    slices: Mapping[str, NDArray[np.bool_]],
) -> Comparison:
    """Compare the scores [n] of two models with the labels `positive` [n], overall and by slice.

    Each of `slices` is a mask over the reviews, [n]; slices without reviews are skipped. n must be at least 1.
    """
    right = [(scores >= POSITIVE_FROM) == positive for scores in (challenger, champion)]
    losses = [measure_losses(scores, positive) for scores in (challenger, champion)]
    gained = right[0].astype(np.float64) - right[1]
    chosen = {name: mask for name, mask in slices.items() if mask.any()}
    masks = [np.ones(len(positive), bool), *chosen.values()]
    draws = resample_means([losses[1] - losses[0], *[gained] * len(masks)], [masks[0], *masks], titles)
    only_challenger, only_champion = int((gained > 0).sum()), int((gained < 0).sum())
    of_all = 1 - (1 - CONFIDENCE) / max(len(chosen), 1)
    return Comparison(
        challenger=evaluate_scores(challenger, positive),
        champion=evaluate_scores(champion, positive),
        log_loss_gain=_find_interval(float((losses[1] - losses[0]).mean()), draws[:, 0]),
        accuracy_gain=_find_interval(float(gained.mean()), draws[:, 1]),
        only_challenger_right=only_challenger,
        only_champion_right=only_champion,
        mcnemar_p=find_mcnemar_p(only_challenger, only_champion),
        slices=tuple(
            SliceComparison(
                name=name,
                reviews=int(mask.sum()),
                challenger_accuracy=float(right[0][mask].mean()),
                champion_accuracy=float(right[1][mask].mean()),
                gain=_find_interval(float(gained[mask].mean()), draws[:, place], of_all),
            )
            for place, (name, mask) in enumerate(chosen.items(), start=2)
        ),
    )


def evaluate_slices(
    scores: NDArray[np.floating[Any]],
    positive: NDArray[np.bool_],
    titles: Sequence[str],
    slices: Mapping[str, NDArray[np.bool_]],
) -> tuple[SliceAccuracy, ...]:
    """Return the accuracy of scores [n] on each slice, with its bootstrap interval over the titles [n].

    Each of `slices` is a mask over the reviews, [n]; slices without reviews are skipped.
    """
    right = ((scores >= POSITIVE_FROM) == positive).astype(np.float64)
    chosen = {name: mask for name, mask in slices.items() if mask.any()}
    if not chosen:
        return ()
    draws = resample_means([right] * len(chosen), list(chosen.values()), titles)
    return tuple(
        SliceAccuracy(name, int(mask.sum()), _find_interval(float(right[mask].mean()), draws[:, place]))
        for place, (name, mask) in enumerate(chosen.items())
    )


def mark_slices(
    texts: Sequence[str], token_count: NDArray[np.integer[Any]], oov_rate: NDArray[np.floating[Any]]
) -> dict[str, NDArray[np.bool_]]:
    """Return a mask [n] over the reviews for each slice: by length, share of unknown words, negation and contrast.

    `token_count` [n] and `oov_rate` [n] come from one model: from the champion where two models are compared.
    """
    words = [set(split_words(text)) for text in texts]
    quarter = np.searchsorted(np.quantile(oov_rate, (0.25, 0.5, 0.75)), oov_rate)
    return {
        **{
            name: (token_count >= fewest) & (token_count < too_many)
            for name, (fewest, too_many) in LENGTH_SLICES.items()
        },
        **{name: quarter == place for place, name in enumerate(UNKNOWN_WORDS_SLICES)},
        "negation": np.array([holds_negation(each) for each in words], bool),
        "contrast": np.array([not CONTRASTS.isdisjoint(each) for each in words], bool),
    }


def holds_negation(words: set[str]) -> bool:
    """Return whether a review has a negating word; `words` are its words as `split_words` returns them."""
    return not NEGATIONS.isdisjoint(words) or any(word.endswith(("n't", "n\u2019t")) for word in words)


def compare_behaviour(
    tests: Sequence[BehaviourTest], challenger: BehaviourResult, champion: BehaviourResult
) -> tuple[BehaviourChange, ...]:
    """Compare two models on the same behavioural tests, by type of test."""
    failed = [set(result.failed) for result in (challenger, champion)]
    changes = []
    for name in dict.fromkeys(test.test for test in tests):
        those = {test.id for test in tests if test.test == name}
        lost, won = len((failed[0] - failed[1]) & those), len((failed[1] - failed[0]) & those)
        mine, others = (len(those - each) for each in failed)
        changes.append(BehaviourChange(name, len(those), mine, others, lost, won, _find_sign_p(lost, won)))
    return tuple(changes)


def find_mcnemar_p(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test; 1 where both counts are 0.

    The counts are the reviews that only the first and only the second model classifies correctly.
    """
    from scipy.stats import binomtest

    both = only_first + only_second
    return float(binomtest(only_first, both).pvalue) if both else 1.0


def _find_sign_p(lost: int, won: int) -> float:
    from scipy.stats import binomtest

    return float(binomtest(lost, lost + won, alternative="greater").pvalue) if lost + won else 1.0


def _find_interval(value: float, draws: NDArray[np.float64], confidence: float = CONFIDENCE) -> Interval:
    """Return the percentile interval of the draws; ignore draws without a review, which are NaN."""
    tail = (1 - confidence) / 2
    known = draws[~np.isnan(draws)]
    lower, upper = np.quantile(known, (tail, 1 - tail)) if len(known) else (math.nan, math.nan)
    return Interval(value, float(lower), float(upper))


def resample_means(
    values: Sequence[NDArray[np.float64]],
    masks: Sequence[NDArray[np.bool_]],
    titles: Sequence[str],
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Return the mean of each of k `values` [n] over its mask [n] in every draw of titles: [resamples, k].

    `titles` [n] names the title of each review; if all are different, reviews are drawn one by one. A mean is NaN
    where a draw has no review of the mask. The same arguments give the same means.
    """
    _, title_of = np.unique(np.array(titles, dtype=np.str_), return_inverse=True)
    count = int(title_of.max()) + 1
    columns = [value * mask for value, mask in zip(values, masks, strict=True)] + [*map(np.float64, masks)]
    by_title = np.stack([np.bincount(title_of, column, count) for column in columns], axis=1)
    random, at_once = np.random.default_rng(SEED), max(1, _DRAWN_AT_ONCE // count)
    even = np.full(count, 1 / count)
    totals = np.concatenate(
        [
            random.multinomial(count, even, size=min(at_once, resamples - start)) @ by_title
            for start in range(0, resamples, at_once)
        ]
    )
    sums, reviews = totals[:, : len(values)], totals[:, len(values) :]
    means: NDArray[np.float64] = np.divide(sums, reviews, out=np.full_like(sums, np.nan), where=reviews > 0)
    return means
