"""The mean valence of a text's words: how good or bad people find each word, whatever it is said of.

What a word says of a movie is not what it says of a kettle. In long reviews of movies *good* says nothing, since bad
reviews praise something too; in a line about a kettle it is the verdict. The valences are those of VADER (Hutto and
Gilbert, 2014), means of ten people's ratings from -4 to 4. The words before a valence shift it (Polanyi and Zaenen,
2006): *not a good*, *very good*. And what is said before a *but* is conceded.

VADER is read at training time alone: a layer holds what it says of the vocabulary.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from models.tokenizer import EncodedReviews

NEGATION, BOOSTER, BUT = 1, 2, 3
"""Roles of words that shift the valences of others."""
NEGATION_REACH, BOOSTER_REACH, BUT_REACH = 3, 2, 10
"""Words that each reaches: after a negation, after a booster, on both sides of a *but*."""
NEGATED, STRESSED, CONCEDED = -0.74, 3.0, -2.0
"""Factors of a valence: after a negation, after a booster or a *but*, before a *but*. The first is VADER's."""
BUTS = {"but", "however"}


@dataclass(frozen=True)
class Lexicon:
    """What is known of the words of a vocabulary by themselves; nothing of words that are not listed."""

    words: tuple[tuple[int, float, int], ...] = ()
    """The id of each word, rising, its valence, and its role or 0."""

    @cached_property
    def tables(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return valence and role by id, both [last id + 2], [1] without words; ids beyond have the last place."""
        size = self.words[-1][0] + 2 if self.words else 1
        valence, role = np.zeros(size), np.zeros(size, np.int64)
        for word, its_valence, its_role in self.words:
            valence[word], role[word] = its_valence, its_role
        return valence, role


NO_WORDS = Lexicon()


def read_lexicon(rows: Iterable[Sequence[float]], largest_id: int) -> Lexicon:
    """Return the lexicon of rows of an id, a valence and a role; raise `ValueError` for rows that make none.

    An id above `largest_id`, that of a vocabulary, is refused: the tables take memory up to the largest one.
    """
    words = tuple((int(word), float(valence), int(role)) for word, valence, role in rows)
    ids = [0, *(word for word, _, _ in words), largest_id + 1]
    is_rising = all(before < after for before, after in pairwise(ids))
    if not is_rising or not all(math.isfinite(valence) and 0 <= role <= BUT for _, valence, role in words):
        raise ValueError(
            "the words of the lexicon are not ids of the vocabulary that rise, each with a valence and a role"
        )
    return Lexicon(words)


def look_up_words(word_ids: Mapping[str, int]) -> Lexicon:
    """Look up each word of a vocabulary with its id. Needs the package vaderSentiment."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    valences = SentimentIntensityAnalyzer().lexicon
    found = []
    for word, number in sorted(word_ids.items(), key=lambda each: each[1]):
        role = _find_role(word)
        valence = 0.0 if role == NEGATION else float(valences.get(word, 0.0))
        if role or valence:
            found.append((number, valence, role))
    return Lexicon(tuple(found))


def _find_role(word: str) -> int:
    """Return the role of a word by the lists of VADER, which treats *no* apart from its negations."""
    from vaderSentiment.vaderSentiment import BOOSTER_DICT, negated

    if word == "no" or negated([word]):
        return NEGATION
    if BOOSTER_DICT.get(word, 0.0) > 0:
        return BOOSTER
    return BUT if word in BUTS else 0


def average_valence(lexicon: Lexicon, encoded: EncodedReviews) -> NDArray[np.float64]:
    """Return the mean valence [n] of the known words of n texts, shifted by the words around; 0 where none is known."""
    valences, roles = lexicon.tables
    row = np.repeat(np.arange(len(encoded)), np.diff(encoded.offsets))
    role = roles.take(encoded.word_ids, mode="clip")
    factor = np.where(_find_after(role == BOOSTER, row, BOOSTER_REACH), STRESSED, 1.0)
    factor[_find_after((role == BUT)[::-1], row[::-1], BUT_REACH)[::-1]] = CONCEDED
    factor[_find_after(role == BUT, row, BUT_REACH)] = STRESSED
    factor[_find_after(role == NEGATION, row, NEGATION_REACH)] *= NEGATED
    total = np.bincount(row, valences.take(encoded.word_ids, mode="clip") * factor, minlength=len(encoded))
    known = np.bincount(row, encoded.word_ids > 0, minlength=len(encoded))
    return total / np.maximum(known, 1)


def _find_after(marked: NDArray[np.bool_], row: NDArray[np.intp], reach: int) -> NDArray[np.bool_]:
    """Return which words have a marked one of the same text, `row`, among the `reach` words before them."""
    found = np.zeros_like(marked)
    for distance in range(1, reach + 1):
        found[distance:] |= marked[:-distance] & (row[distance:] == row[:-distance])
    return found
