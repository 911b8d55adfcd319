"""Finds what texts say of aspects: which sentence speaks of which one, and whether it praises or criticises it.

A word that names an aspect is judged by the words around it that judge, the more the nearer they stand: by those up to
the next comma, where there are none by those of its clause, and else by those of its sentence. A *but* begins a
clause. A negation before a word turns it, and an aspect that is denied, as in *no suspense*, is criticised.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.part_schemas import MENTION
from models.aspects.lexicon import BOOSTER, CONTRAST, NEGATION, Lexicon
from models.aspects.words_in_texts import CLAUSE, COMMA, SENTENCE, SPACE, Words, find_words

NEGATED, STRESSED = -0.74, 1.3
"""Factors of a weight: after a negation (VADER's) and after a booster."""
NEGATION_REACH, BOOSTER_REACH = 4, 2
"""Words that each reaches, up to the next comma."""
DENIED = -0.8
"""The weight of a word that names an aspect and does not judge, after a negation."""
HALF_WAY = 4
"""Words further than the next one at which a judging word counts half."""
LEVELS = np.array([1.0, 0.6, 0.4])
"""How much judging words count up to the next comma, elsewhere in the clause, and elsewhere in the sentence."""
LEAST = 0.1
"""A sum nearer to 0 says neither."""
REACH = 40
"""Words from an aspect's name beyond which nothing judges it: what a text without full stops costs is bounded."""
_TEXTS_AT_ONCE = 512


def find_mentions(lexicon: Lexicon, texts: Sequence[str]) -> pa.ListArray:
    """Return what each text says of aspects, [n] lists of `MENTION` in the order of the text."""
    parts = [
        _find_mentions(lexicon, texts[start : start + _TEXTS_AT_ONCE])
        for start in range(0, len(texts), _TEXTS_AT_ONCE)
    ]
    return pa.concat_arrays([pa.array([], pa.list_(MENTION)), *parts])


def _find_mentions(lexicon: Lexicon, texts: Sequence[str]) -> pa.ListArray:
    """Return what each of a few texts says of aspects."""
    words = find_words(texts)
    aspect, weight, role = _look_up(lexicon, words)
    gap = np.where(role == CONTRAST, np.maximum(words.gap, CLAUSE), words.gap)
    commas, clauses, sentences = (
        np.cumsum(gap >= kind, dtype=np.int64) for kind in (COMMA, CLAUSE, SENTENCE)
    )
    factor = _find_factors(role, commas)
    weight = np.where((weight == 0) & (aspect >= 0) & (factor < 0), DENIED, weight * factor)
    named = np.flatnonzero(aspect >= 0)
    said = _judge(named, np.flatnonzero(weight), weight, (commas, clauses, sentences))
    # One mention for a sentence and an aspect.
    size = len(lexicon.aspects)
    keys, first, of = np.unique(
        sentences[named] * size + aspect[named], return_index=True, return_inverse=True
    )
    said = np.bincount(of, said, minlength=len(keys)) / np.maximum(np.bincount(of, minlength=len(keys)), 1)
    order = np.argsort(named[first], kind="stable")
    place, said = named[first][order], said[order]
    begins = np.searchsorted(sentences, sentences[place])
    ends = np.searchsorted(sentences, sentences[place], "right") - 1
    polarity = np.where(said > LEAST, 0, np.where(said < -LEAST, 1, 2)).astype(np.int8)
    mentions = pa.StructArray.from_arrays(
        [
            pa.array(np.array(lexicon.aspects)[aspect[place]], pa.string()),
            pa.DictionaryArray.from_arrays(polarity, ["positive", "negative", "neither"]).cast(pa.string()),
            pa.array(1 / (1 + np.exp(-np.abs(said))), pa.float32()),
            pa.array(words.start[begins], pa.int32()),
            pa.array(words.stop[ends], pa.int32()),
        ],
        fields=list(MENTION),
    )
    offsets = np.searchsorted(words.text[place], np.arange(len(texts) + 1))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), mentions)


def _look_up(
    lexicon: Lexicon, words: Words
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return aspect, weight and role of each word, [w]; a pair counts at its first word, in place of both."""
    ids = pc.index_in(words.words, value_set=lexicon.words).fill_null(-1).to_numpy().astype(np.int64) + 1
    aspect, weight, role = lexicon.aspect[ids], lexicon.weight[ids], lexicon.role[ids]
    first = np.flatnonzero((ids[:-1] > 0) & (ids[1:] > 0) & (words.gap[1:] == SPACE))
    number = ids[first] * (len(lexicon.words) + 1) + ids[first + 1]
    place = np.minimum(np.searchsorted(lexicon.pair, number), len(lexicon.pair) - 1)
    found = lexicon.pair[place] == number
    first, place = first[found], place[found]
    for values, of_pairs, nothing in ((aspect, lexicon.pair_aspect, -1), (weight, lexicon.pair_weight, 0)):
        values[first + 1] = nothing
        values[first] = of_pairs[place]
    return aspect, weight, role


def _find_factors(role: NDArray[np.int64], commas: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return by what the weight of each word is multiplied for the words before it, [w]."""
    factor = np.ones(len(role))
    for which, reach, times in ((NEGATION, NEGATION_REACH, NEGATED), (BOOSTER, BOOSTER_REACH, STRESSED)):
        reached = np.zeros(len(role), np.bool_)
        for distance in range(1, reach + 1):
            reached[distance:] |= (role[:-distance] == which) & (commas[:-distance] == commas[distance:])
        factor[reached] *= times
    return factor


def _judge(
    named: NDArray[np.int64],
    judging: NDArray[np.int64],
    weight: NDArray[np.float64],
    parts: Sequence[NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Return what the words at `judging` say of the m words at `named`, [m], above 0 if it is good.

    `parts` number the parts of each word's text up to the next comma, the clauses and the sentences.
    """
    commas, clauses, sentences = parts
    begins, ends = (np.searchsorted(sentences, sentences[named], side) for side in ("left", "right"))
    first = np.searchsorted(judging, np.maximum(begins, named - REACH))
    counts = np.searchsorted(judging, np.minimum(ends, named + REACH + 1)) - first
    of = np.repeat(np.arange(len(named)), counts)
    judge = judging[np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[of]]
    name = named[of]
    nearness = 1 / (1 + np.maximum(np.abs(judge - name) - 1, 0) / HALF_WAY)
    level = 2 - (clauses[judge] == clauses[name]) - (commas[judge] == commas[name]).astype(np.int64)
    place, size = of * len(LEVELS) + level, len(named) * len(LEVELS)
    sums = np.bincount(place, nearness * weight[judge], minlength=size).reshape(-1, len(LEVELS)) * LEVELS
    judges = np.bincount(place, minlength=size).reshape(-1, len(LEVELS))
    chosen: NDArray[np.float64] = sums[np.arange(len(named)), np.argmax(judges > 0, axis=1)]
    return chosen
