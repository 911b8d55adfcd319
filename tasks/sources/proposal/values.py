"""Finds out what the values of columns mean: the format of dates, the scale of ratings, labels, words for no text."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from statistics import mean
from typing import Any

from data_contracts.sources.known_profiles import normalize_name
from data_contracts.sources.profile import OWN_SCALES
from tasks.reading.values import clean_label, find_rating
from tasks.sources.proposal.columns import has_words, list_words, measure_dates, rate_mood
from tasks.sources.proposal.writing import Question
from tasks.sources.sampling import Column

Found = tuple[Mapping[str, Any], Question | None]
"""The keys of a table of the profile, and what is open about them."""
_Scale = tuple[float, Sequence[float], bool]
_MOST_DATES, _LONGEST = 1000, 60
_AFFIXED = re.compile(r"(\D*?)(\d{1,3}(?:[.,]\d)?)(\D*)", re.ASCII)
_IN_NAME = re.compile(r"(\d+)\s*(?:-|–|to|_to_)\s*(\d+)\D*$|(?:/|of|[\s_])[\s_]*(5|10|20|100)\D*$", re.I)
_MEANINGS = ("positive", "negative", "none")
_MOST_WORDS, _MOST_LABELS, _ENOUGH_RATINGS, _ENOUGH_TEXTS, _MOST_SHOWN, _FEW = 21, 5, 20, 5, 11, 0.01
_CLEAR_DIFFERENCE, _CLEARLY_TURNED = 0.1, 0.3
_OFTEN, _FEWEST_EQUAL, _MOST_NO_TEXT = 0.05, 10, 60


def find_dates(column: Column) -> tuple[Found, float]:
    """Return how the dates of a column are written, and the share of them that are read so."""
    values = [value for value in list(column.counts)[:_MOST_DATES] if len(value) <= _LONGEST]
    clear, day, month = (measure_dates(values, style) for style in ("clear", "day-first", "month-first"))
    if max(day, month) > clear:
        is_day = day > month or (day == month and "/" not in values[0])
        styles = ["day-first", "month-first"][:: 1 if is_day else -1]
        answers = {style: {"dates": {"format": style}} for style in styles}
        question = Question(f"Which comes first in dates such as {values[0]} in '{column.name}'?", answers)
        return (answers[styles[0]]["dates"], question if day == month else None), max(day, month)
    patterns = list_words("values", "dates", "|") if clear < 0.5 else ()
    shares = {pattern: measure_dates(values, pattern) for pattern in patterns}
    best = max(shares, key=lambda pattern: shares[pattern], default="clear")
    return (({"format": best}, None), shares[best]) if shares.get(best, 0) > clear else (({}, None), clear)


def find_scale(column: Column, texts: Sequence[str], best: Sequence[Column], is_rating: bool) -> Found | None:
    """Return the scale of the ratings in a column, nothing if they state it; None if it has no ratings.

    `texts` are those of its rows, `best` columns with the best rating of the scale; `is_rating`: the name of the column
    says that it has some.
    """
    words = _find_words(column)
    found = {value: find_rating(value[:_LONGEST]) for value in column.counts}
    read = {
        value: words.get(clean_label(value), each.value if each else None) for value, each in found.items()
    }
    meant = {value: number for value, number in read.items() if number is not None}
    numbers = Counter[float]()
    for value, number in meant.items():
        numbers[number] += column.counts[value]
    if not numbers or numbers.total() < 0.9 * column.filled or min(numbers) < 0:
        return None
    stated, *others = {rating.highest if (rating := found[value]) else None for value in meant}
    if stated is not None and not others:
        own = OWN_SCALES.get(stated)
        is_enough = own is not None and own.lowest <= min(numbers) and max(numbers) <= own.highest
        return ({} if is_enough else {"lowest": min(1, *numbers), "highest": stated}), None
    if max(numbers) <= 1 and not words:
        return None
    lowest, likely, is_sure = _choose_scale(column, numbers, best)
    comma = any(rating and rating.comma for rating in found.values())
    further = ({"decimal_comma": True} if comma else {}) | ({"words": words} if words else {})
    scales: dict[str, Any] = {f"{each:g}": {"lowest": lowest, "highest": each, **further} for each in likely}
    top, is_turned = likely[0] if likely[0] <= 5 else min(likely), False
    if top <= _MOST_WORDS and all(clean_label(value).isdigit() for value in meant):
        turned = {f"{each:g}": lowest + top - each for each in range(int(lowest), int(top) + 1)}
        low = {value for value, number in meant.items() if number < (lowest + top) / 2}
        high = {value for value, number in meant.items() if number > (lowest + top) / 2}
        is_turned = _compare_texts(column, texts, high, low) < -_CLEARLY_TURNED
        last = {f"{lowest:g}, and {top:g} is the worst": {"lowest": lowest, "highest": top, "words": turned}}
        scales = last | scales if is_turned else scales | last
    values = sorted(meant, key=meant.__getitem__)
    shown = ", ".join(values) if len(values) <= _MOST_SHOWN else f"{values[0]} to {values[-1]}"
    answers: dict[str, Mapping[str, Any]] = {name: {"rating": scale} for name, scale in scales.items()}
    answers["it is no rating"] = {"columns.given_rating": None}
    question = Question(f"What is the best rating in '{column.name}', which has {shown}?", answers)
    return next(iter(scales.values())), None if is_sure and is_rating and not is_turned else question


def _find_words(column: Column) -> dict[str, float]:
    """Return the ratings that words mean: numbers and grades in words, or with the same text around, as `Overall4`."""
    labels = {clean_label(value) for value in column.counts if find_rating(value[:_LONGEST]) is None}
    pairs = (each.rpartition(" ") for each in list_words("values", "ratings", "|"))
    known = {word: float(number) for word, _, number in pairs}
    matches = {label: match for label in labels if (match := _AFFIXED.fullmatch(label))}
    affixes = {(each[1], each[3].rstrip("s")) for each in matches.values()}
    if len(matches) == len(labels) and len(affixes) == 1:
        known = {label: float(match[2].replace(",", ".")) for label, match in matches.items()}
    is_known = labels <= known.keys() and len(labels) <= _MOST_WORDS
    return {label: known[label] for label in sorted(labels, key=known.__getitem__)} if is_known else {}


def _choose_scale(column: Column, numbers: Counter[float], best: Sequence[Column]) -> _Scale:
    """Return the lowest rating, the likely highest ones, and whether the first is sure.

    A column beside it says it, or its name, or else all ratings do.
    """
    bottom, total, widest = min(numbers), numbers.total(), _list_scales(numbers, max(numbers))
    stated = [rating.value for each in best for value in each.counts if (rating := find_rating(value))]
    if stated and stated[0] >= max(numbers):
        return min(widest[0], bottom), stated[:1], True
    own = OWN_SCALES[10]
    if normalize_name(column.name) == "givenrating" and own.lowest <= bottom and max(numbers) <= own.highest:
        return own.lowest, [own.highest], True
    if match := _IN_NAME.search(column.name[-_LONGEST:]):
        highest = float(match[2] or match[3])
        stating = OWN_SCALES.get(int(highest))
        lowest = float(match[1]) if match[1] else min(stating.lowest if stating else widest[0], bottom)
        if lowest <= bottom and max(numbers) <= highest and lowest < highest:
            return lowest, [highest], True
    # A few numbers may be slips, or the total below a table.
    few = max(1, int(_FEW * total)) if total >= _ENOUGH_RATINGS else 0
    usual = _list_scales(numbers, sorted(numbers.elements(), reverse=True)[few])
    return usual if usual[1][0] >= max(numbers) else (usual[0], [usual[1][0], *widest[1]], False)


def _list_scales(numbers: Counter[float], top: float) -> _Scale:
    """Return what `_choose_scale` does, if `top` is the highest number that is meant."""
    zeros, has_halves = numbers[0] / numbers.total(), any(number % 1 for number in numbers)
    low = 0.0 if zeros > 0.05 else 0.5 if has_halves and top <= 5 else 1.0
    if top <= 5:
        is_four = top == 4 and zeros > 0.05 and not has_halves
        is_sure = (has_halves and top > 4) or (top == 5 and numbers.total() >= _ENOUGH_RATINGS)
        return low, [4, 5, 10] if is_four else [5, 10, 4][: 3 - (top > 4)], is_sure
    if top <= 10:
        return low, [10, top], top > 7
    is_twenties = all(number and number % 20 == 0 for number in numbers)  # stars of five in percent
    return 20.0 if is_twenties else 0.0, [20, 100] if top <= 20 else [100, 50], top > 50


def find_labels(column: Column, texts: Sequence[str], is_judgement: bool) -> Found | None:
    """Return what labels mean, by their words or, in a column of judgements, by the texts; None if it has none."""
    values = list(dict.fromkeys(map(clean_label, column.counts)))
    meant = {key: [each for each in values if each in list_words("values", key, "|")] for key in _MEANINGS}
    others = [value for value in values if not any(value in each for each in meant.values())]
    if len(values) > _MOST_LABELS:
        return None
    if meant["positive"] and meant["negative"]:
        said = {key: {**meant, key: [*meant[key], *others]} for key in reversed(_MEANINGS)}
        answers = {key: {"labels": labels} for key, labels in said.items()}
        question = Question(f"What do these values of '{column.name}' mean: {', '.join(others)}?", answers)
        return answers["none"]["labels"], question if others else None
    is_clear = has_words(column, "given_label", "sure")
    pair = _find_pair({*values} - {*meant["none"]}, is_clear) if is_judgement else None
    if pair is None or (pair[0] in "24" and has_words(column, "given_rating", "any")):
        return None
    difference = _compare_texts(
        column, texts, *({value for value in column.counts if clean_label(value) == each} for each in pair)
    )
    left = [value for value in values if value not in pair]
    pairs = [pair, pair[::-1]][:: 1 if difference >= -_CLEAR_DIFFERENCE else -1]
    labels = [{"positive": [one], "negative": [two], "none": left} for one, two in pairs]
    answers = {f"'{each['positive'][0]}' is positive": {"labels": each} for each in labels}
    none = {"no label": {"columns.given_label": None}}
    is_clear = is_clear or abs(difference) > _CLEAR_DIFFERENCE
    question = Question(f"What do the values of '{column.name}' mean?", {**answers, **none})
    return labels[0], None if is_clear else question


def _find_pair(said: set[str], is_clear: bool) -> tuple[str, ...] | None:
    """Return the positive and the negative value that labels are: both, or a third one too, or one of them."""
    pairs = [tuple(pair.split()) for pair in list_words("values", "pairs", "|")]
    fits = [pair for pair in pairs if {*pair} <= said and len(said) <= 3]
    fits += [pair for pair in pairs if said and said < {*pair} and is_clear]
    return min(fits, key=lambda pair: len(said - {*pair}), default=None)


def _compare_texts(column: Column, texts: Sequence[str], one: Set[str], two: Set[str]) -> float:
    """Return how much better the texts of rows with `one` of its values sound than others; 0 if there are too few."""
    moods = [
        [rate_mood(text) for value, text in zip(column.values, texts, strict=True) if value in some]
        for some in (one, two)
    ]
    return mean(moods[0]) - mean(moods[1]) if min(map(len, moods)) >= _ENOUGH_TEXTS else 0.0


def find_no_texts(columns: Sequence[Column]) -> list[str]:
    """Return the texts that say nothing, most frequent first: by their words, or since so many rows have them."""
    found, [pattern] = Counter[str](), list_words("values", "nothing", "\0")
    for column in columns:
        often = max(_FEWEST_EQUAL, _OFTEN * column.filled)
        for value, rows in column.counts.items():
            is_often = rows >= often and " " in value.strip() and not rate_mood(value)
            if is_often or re.fullmatch(f"(?:{pattern})\\.?", value.strip(), re.IGNORECASE):
                found[value.strip()] += rows
        found.update(sorted(column.nothings))
    return [value for value, _ in found.most_common(_MOST_NO_TEXT)]
