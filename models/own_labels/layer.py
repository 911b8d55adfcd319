"""The layer that adapts a model's scores to one source: it changes the logit, and knows nothing of the model.

    logit' = logit + bias + sum of the weights of the text's n-grams / sqrt(their number)
             + factor * mean valence of its words

Only n-grams of the layer count, each once a text, so a long text is moved no more than a short one. The score comes
from the model's own engine, unchanged; so a layer fits every kind of model, and other sources keep the model's scores.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.own_labels.valences import NO_WORDS, Lexicon, average_valence, read_lexicon
from models.tokenizer import EncodedReviews

NEAREST_TO_CERTAIN = 1e-7
"""Scores nearer than this to 0 or 1 count as this near: a model computes scores with 24 bits."""
_WORD_BITS = 31


@dataclass(frozen=True)
class OwnLayer:
    """What the labels of one source change in the logit of its texts; the default changes nothing."""

    bias: float = 0.0
    """Added to the model's logit."""
    ngrams: tuple[tuple[int, ...], ...] = ()
    """Ids of the words of each n-gram, in rising order of their numbers."""
    weights: tuple[float, ...] = ()
    """Of each n-gram."""
    factor: float = 0.0
    """Of the mean valence."""
    lexicon: Lexicon = NO_WORDS

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """Return the number of each n-gram."""
        return np.array([number_ngram(each) for each in self.ngrams], np.int64)

    @property
    def changes_nothing(self) -> bool:
        """Return whether every score stays as it is."""
        return self.bias == 0 and not self.ngrams and self.factor == 0

    def adapt(self, score: NDArray[np.float64], encoded: EncodedReviews) -> NDArray[np.float64]:
        """Return the adapted scores [n] of n encoded reviews from the model's scores [n]."""
        if self.changes_nothing:
            return score
        logit = to_logit(score) + self.bias
        if self.ngrams:
            row, place = find_ngrams(encoded, self.numbers)
            total = np.bincount(row, np.asarray(self.weights)[place], minlength=len(score))
            logit += total / np.sqrt(np.maximum(np.bincount(row, minlength=len(score)), 1))
        if self.factor:
            logit += self.factor * average_valence(self.lexicon, encoded)
        return to_score(logit)


def to_logit(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logits of scores, which are first kept `NEAREST_TO_CERTAIN` away from 0 and 1."""
    clipped = np.clip(score, NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN)
    return np.log(clipped / (1 - clipped))


def to_score(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores of logits."""
    score: NDArray[np.float64] = 1 / (1 + np.exp(-logit))
    return score


def number_ngram(ids: tuple[int, ...]) -> int:
    """Return the number of an n-gram: the ids of its words are the digits in base 2^31."""
    number = 0
    for word in ids:
        number = (number << _WORD_BITS) + word
    return number


def name_ngram(number: int) -> tuple[int, ...]:
    """Return the ids of the words of the n-gram with a number."""
    first, last = number >> _WORD_BITS, number & ((1 << _WORD_BITS) - 1)
    return (first, last) if first else (last,)


def mark_pairs(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return a mask of the numbers of n-grams that have two words."""
    return numbers >> _WORD_BITS > 0


def list_ngrams(encoded: EncodedReviews) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the review and the number of each n-gram of known words, once a review, both rising."""
    row, number = _list_occurrences(encoded)
    order = np.lexsort((number, row))
    row, number = row[order], number[order]
    first = np.ones(len(row), bool)
    first[1:] = (np.diff(row) != 0) | (np.diff(number) != 0)
    return row[first], number[first]


def find_ngrams(
    encoded: EncodedReviews, numbers: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the review and the place in `numbers`, rising numbers of n-grams, of each that a review has, once."""
    row, number = _list_occurrences(encoded)
    place = np.minimum(np.searchsorted(numbers, number), len(numbers) - 1)
    found = numbers[place] == number
    once = np.unique(row[found] * len(numbers) + place[found])
    return np.divmod(once, len(numbers))


def _list_occurrences(encoded: EncodedReviews) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Return the review and the number of each occurrence of an n-gram of known words."""
    words = encoded.word_ids.astype(np.int64)
    row = np.repeat(np.arange(len(encoded)), np.diff(encoded.offsets))
    known = words > 0
    pair = known[:-1] & known[1:] & (row[:-1] == row[1:])
    pairs = (words[:-1][pair] << _WORD_BITS) + words[1:][pair]
    return np.concatenate([row[known], row[:-1][pair]]), np.concatenate([words[known], pairs])


def to_facts(layer: OwnLayer) -> dict[str, Any]:
    """Return a layer as plain values, the form in which `read_layer` reads it."""
    return {
        "bias": layer.bias,
        "ngrams": [[*ids, weight] for ids, weight in zip(layer.ngrams, layer.weights, strict=True)],
        "factor": layer.factor,
        "lexicon": list(map(list, layer.lexicon.words)),
    }


def read_layer(facts: Mapping[str, Any], largest_id: int) -> OwnLayer:
    """Return the layer of the plain values that `to_facts` made; those of earlier versions have no valences.

    The valences are of words up to `largest_id`, the last of the vocabulary. Raises `ValueError`, or what wrong types
    raise, for values that make none.
    """
    ngrams = facts["ngrams"]
    layer = OwnLayer(
        float(facts["bias"]),
        tuple(tuple(map(int, each[:-1])) for each in ngrams),
        tuple(float(each[-1]) for each in ngrams),
        float(facts.get("factor", 0.0)),
        read_lexicon(facts.get("lexicon", ()), largest_id),
    )
    if not np.isfinite([layer.bias, layer.factor, *layer.weights]).all():
        raise ValueError("a number of the layer is not finite")
    return layer
