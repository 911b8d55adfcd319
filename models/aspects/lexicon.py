"""The words that aspects are found by: those that name an aspect, and those that judge.

What names an aspect, and what judges things of its kind alone, is in `data_contracts/aspects/`, a file for each kind of
thing. All other words that judge, and those that turn or stress a judgement, are VADER's (Hutto and Gilbert, 2014).
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import data_contracts

FOLDER = Path(data_contracts.__file__).parent / "aspects"
NEGATION, BOOSTER, CONTRAST = 1, 2, 3
"""Roles of words that change what the words after them say."""
RULES = 1
"""The version of the rules by which mentions are found: raise it with each change of what `models.aspects` finds."""
JUDGED = 1.3
"""The weight of a word of `praise`, and the negative one of a word of `blame`; a word of VADER has half its valence."""
_NEGATIONS = (
    "no not never none nobody nothing nor hardly barely scarcely less lacks lack lacking without few zero"
)
_CONTRASTS = "but although though however yet while whereas except despite unfortunately sadly still"


@dataclass(frozen=True)
class Lexicon:
    """What n words and p pairs of words that stand together mean. Row 0 of the tables is for all other words."""

    aspects: tuple[str, ...]
    """The names of the aspects."""
    words: pa.Array
    """[n] bytes, in lower case."""
    aspect: NDArray[np.int64]
    """[n + 1] the number of the aspect that a word names; -1 for none."""
    weight: NDArray[np.float64]
    """[n + 1] how good a word is, below 0 if bad."""
    role: NDArray[np.int64]
    """[n + 1] its role, or 0."""
    pair: NDArray[np.int64]
    """[p] the number of a pair, rising: that of its first word times `n + 1`, plus that of its second."""
    pair_aspect: NDArray[np.int64]
    """[p] as `aspect`."""
    pair_weight: NDArray[np.float64]
    """[p] as `weight`."""


@cache
def name_version(kind: str = "films") -> str:
    """Return the version of the words and the rules: what was found by another one is found again."""
    return f"{kind}-{RULES}-{sha256((FOLDER / f'{kind}.toml').read_bytes()).hexdigest()[:12]}"


@cache
def load_lexicon(kind: str = "films") -> Lexicon:
    """Load what is known of a kind of thing."""
    facts = tomllib.loads((FOLDER / f"{kind}.toml").read_text("utf-8"))
    weights, roles = _read_vader()
    for name, weight in (("neutral", 0.0), ("praise", JUDGED), ("blame", -JUDGED)):
        weights |= dict.fromkeys(_split(facts[name]), weight)
    return _index({name: _split(words) for name, words in facts["aspects"].items()}, weights, roles)


def _split(phrases: str) -> list[str]:
    """Return the words and pairs of words of a list."""
    return " ".join(phrases.split()).split(", ")


def _read_vader() -> tuple[dict[str, float], dict[str, int]]:
    """Return the weights and the roles of words by VADER's lists."""
    from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SentimentIntensityAnalyzer

    valences = SentimentIntensityAnalyzer().lexicon
    weights = {word: valence / 2 for word, valence in valences.items() if word.replace("'", "").isalpha()}
    boosters = [word for word, effect in BOOSTER_DICT.items() if effect > 0 and " " not in word]
    roles = dict.fromkeys([*NEGATE, *_NEGATIONS.split()], NEGATION) | dict.fromkeys(boosters, BOOSTER)
    return weights, roles | dict.fromkeys(_CONTRASTS.split(), CONTRAST)


def _index(
    aspects: Mapping[str, Sequence[str]], weights: Mapping[str, float], roles: Mapping[str, int]
) -> Lexicon:
    """Give each word and each pair of words a number, and list what they mean in this order."""
    aspect = {phrase: number for number, phrases in enumerate(aspects.values()) for phrase in phrases}
    aspect |= {f"{word}'s": number for word, number in aspect.items() if " " not in word}
    phrases = {**aspect, **weights, **roles}
    words = sorted({word for phrase in phrases for word in phrase.split(" ")})
    numbers = {word: number for number, word in enumerate(words, 1)}
    pairs = {}
    for phrase in phrases:
        if " " in phrase:
            first, second = phrase.split(" ")
            pairs[numbers[first] * (len(words) + 1) + numbers[second]] = phrase
    rising = [pairs[number] for number in sorted(pairs)]
    return Lexicon(
        tuple(aspects),
        pa.array([word.encode() for word in words], pa.large_binary()),
        np.array([-1, *(aspect.get(word, -1) for word in words)]),
        np.array([0.0, *(weights.get(word, 0.0) for word in words)]),
        np.array([0, *(roles.get(word, 0) for word in words)]),
        np.array(sorted(pairs), np.int64),
        np.array([aspect.get(phrase, -1) for phrase in rising], np.int64),
        np.array(
            [
                weights.get(phrase, sum(weights.get(word, 0.0) for word in phrase.split(" ")))
                for phrase in rising
            ]
        ),
    )
