"""Parses ratings and converts them to stars from 1 to 10.

One rule for each scale: a scale whose lowest rating is at least a tenth of its highest is stretched in proportion, so 4
of 5 is 8. Any other is stretched so that its lowest rating is 1 and its highest is 10, so 50 of 100 is 5.5.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from data_contracts.rules_and_limits import HIGHEST_STARS, LOWEST_STARS
from data_contracts.sources.profile import OWN_SCALES, Rating
from tasks.reading.labels import clean_label
from tasks.reading.missing_words import is_nothing

_NUMBER = r"(-?\d{1,4}(?:[.,]\d{0,17})?)"
_STARS = r"stars?(?:\s+rating)?|stern(?:en?)?|étoiles?|estrellas?|stell[ae]|★|\*"
_UNITS = rf"(?:(?:\s*|-)(?:({_STARS})|points?|pts|bubbles?))?"
_OUT_OF = r"(?:/|out of|of|von|sur|su|de|sobre)"
_RATING = re.compile(
    rf"(?:rated\s+)?{_NUMBER}{_UNITS}(?:\s*{_OUT_OF}\s*(\d{{1,3}})(?:[.,]0{{1,2}})?{_UNITS}|(\s*%))?",
    re.ASCII | re.IGNORECASE,
)
_SYMBOLS = re.compile(r"(?:([★⭐]\ufe0f?|\*)+½?|½)([☆✩]\ufe0f?)*")
_BUBBLES = re.compile(r"(?:ui_bubble_rating )?bubble_([0-5][05])")
"""A rating of TripAdvisor as its pages name it: `bubble_45` is 4.5 of 5."""


@dataclass(frozen=True)
class FoundRating:
    """A rating as it is written."""

    value: float
    highest: int | None = None
    """The highest rating, if the rating states it: 5 for `4/5`."""
    symbols: bool = False
    """It is written as symbols, such as ★★★, or counted as stars."""
    comma: bool = False
    """Its decimal separator is a comma."""


def find_rating(text: str) -> FoundRating | None:
    """Return the rating that a text is; None if it is none."""
    text = text.strip()
    if _SYMBOLS.fullmatch(text):
        return _count_symbols(text)
    if bubbles := _BUBBLES.fullmatch(text):
        return FoundRating(int(bubbles[1]) / 10, 5, symbols=True)
    match = _RATING.fullmatch(text)
    if match is None:
        return None
    number, stars, highest, _, percent = match.groups()
    own = 100 if percent else int(highest) if highest else None
    return FoundRating(float(number.replace(",", ".")), own, stars is not None, "," in number)


def make_rating_parser(scale: Rating | None) -> Callable[[str], float | None]:
    """Return a function that parses a rating on this scale into stars; None for a blank one, else `ValueError`."""
    words = {clean_label(word): value for word, value in ((scale and scale.words) or {}).items()}
    # Words that are numbers, as where 1 is the best, give all numbers their meaning.
    has_own_numbers = any(map(find_rating, words))

    def parse(text: str) -> float | None:
        if is_nothing(text):
            return None
        word = words.get(clean_label(text))
        found = FoundRating(word) if word is not None else None if has_own_numbers else find_rating(text)
        if found is None or not _fits_separator(found, scale):
            raise ValueError("not a rating")
        return to_stars(found.value, _choose_scale(found, scale))

    return parse


def to_stars(value: float, scale: Rating) -> float:
    """Return a rating on a scale as stars from 1 to 10; raise `ValueError` if it is not on the scale."""
    if not scale.lowest <= value <= scale.highest:
        raise ValueError("not on the scale")
    if scale.lowest * HIGHEST_STARS >= scale.highest:
        return value * HIGHEST_STARS / scale.highest
    share = (value - scale.lowest) / (scale.highest - scale.lowest)
    return LOWEST_STARS + (HIGHEST_STARS - LOWEST_STARS) * share


def _choose_scale(found: FoundRating, scale: Rating | None) -> Rating:
    """Return the scale of a rating: the one that it states, else `scale`; nobody draws more than ten stars."""
    if found.highest is not None and (scale is None or found.highest != scale.highest):
        scale = OWN_SCALES.get(found.highest)
    elif found.symbols and scale is not None and scale.highest > HIGHEST_STARS:
        scale = None
    if scale is None:
        raise ValueError("on no known scale")
    return scale


def _fits_separator(found: FoundRating, scale: Rating | None) -> bool:
    """Return whether a rating's decimal separator is that of the scale.

    `4,0` has a comma as `4,5` has; else a file would lose its halves alone. A whole number with a point is clear.
    """
    if scale is None:
        return True
    return scale.decimal_comma if found.comma else found.value % 1 == 0 or not scale.decimal_comma


def _count_symbols(text: str) -> FoundRating:
    """Return the rating of symbols; hollow ones after them show the highest rating."""
    full = sum(text.count(symbol) for symbol in "★⭐*")
    hollow = sum(text.count(symbol) for symbol in "☆✩")
    half = 0.5 if "½" in text else 0
    return FoundRating(full + half, math.ceil(full + half) + hollow if hollow else None, symbols=True)
