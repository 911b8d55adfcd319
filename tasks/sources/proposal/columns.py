"""Finds out which column of a table is what, by the words of its name (`words.toml`) and by its values."""

import math
import re
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.resources import files

from tasks.reading.values import make_date_parser
from tasks.sources.sampling import Column, Table

_WORDS = tomllib.loads((files("tasks.sources.proposal") / "words.toml").read_text("utf-8"))
_NO_PROSE, _URL = r"https?://|www\.|[\[{]|-?[\d.,]+\s*$", r"https?://|www\."
_FEWEST_WORDS, _PROSE_SHARE, _OFTEN_JUDGING, _LOOKED_AT, _DATES_LOOKED_AT = 4, 0.12, 0.3, 500, 50


@cache
def list_words(part: str, key: str, separator: str | None = None) -> tuple[str, ...]:
    """Return words of `words.toml`."""
    return tuple(word.strip("\n") for word in _WORDS[part].get(key, "").split(separator))


def has_words(column: Column, part: str, key: str) -> bool:
    """Return whether the name of a column has some of these words."""
    return not column.words.isdisjoint(list_words(part, key))


def rate_name(column: Column, part: str) -> float:
    """Return the points of a column as a part of ours by its name; 0 if it can't be."""
    if not has_words(column, part, "any") or has_words(column, part, "none"):
        return 0.0
    known, best, plain, weak = ({*list_words(part, key)} for key in ("any", "best", "plain", "weak"))
    is_known = column.words <= known | best | plain
    return 1 + len(column.words & best) + 0.5 * is_known - (column.words <= weak)


def rank(columns: Sequence[Column], part: str) -> list[Column]:
    """Return the columns that may be a part of ours, the likely one first."""
    short = [column for column in columns if column.length <= _WORDS[part].get("longest", 1 << 20)]
    points = {column.name: rate_name(column, part) for column in short}
    if part == "movie_id":
        points = {column.name: _rate_movie(column, points[column.name]) for column in short}
    return sorted((each for each in short if points[each.name] > 0), key=lambda column: -points[column.name])


def _rate_movie(column: Column, points: float) -> float:
    """Return the points of a column as the movie, or another thing that is reviewed, with those for its name."""
    best, weak = {*list_words("movie_id", "best")} - {"id"}, {*list_words("movie_id", "weak")}
    is_weak = column.words <= weak or (
        not column.words & best and (column.filled > 3 or "id" in column.words)
    )
    is_verdict = column.words <= weak and _measure_moods(column) >= _OFTEN_JUDGING
    is_own = column.words == {"id"} or (is_weak and column.variety > 0.9) or is_verdict
    if is_own or points == 0 or column.filled < 0.5 * len(column.values):
        return 0.0
    return points - 0.4 * (column.share(_URL) > 0.5)


def measure_dates(values: Sequence[str], style: str) -> float:
    """Return the share of values that are read by a format of dates."""
    parse, read = make_date_parser(style), 0
    for value in values:
        with suppress(ValueError):
            read += parse(value) is not None
    return read / max(len(values), 1)


def rate_mood(text: str) -> int:
    """Return 1 for a text with more English words of praise than of blame, -1 for the opposite, else 0."""
    words = re.findall(r"[a-z]+", text[:2000].lower())
    good, bad = (list_words("values", key) for key in ("good", "bad"))
    mood = sum((word in good) - (word in bad) for word in words)
    return (mood > 0) - (mood < 0)


def _measure_moods(column: Column) -> float:
    values = list(column.counts)[:_LOOKED_AT]
    return sum(rate_mood(value) != 0 for value in values) / max(len(values), 1)


def list_texts(table: Table) -> dict[str, float]:
    """Return the names of the columns that may be the text, with points; the likely one first."""
    points = {column.name: _rate_text(column) for column in table.columns}
    return {name: points[name] for name in sorted(points, key=lambda name: -points[name]) if points[name]}


def _rate_text(column: Column) -> float:
    """Return the points of a column as the text, by its prose and its name; 0 if it can't be."""
    values = list(column.counts)[:_LOOKED_AT]
    words = [word for value in values for word in value[:1000].lower().split()]
    stop_words = sum(word in list_words("values", "stop") for word in words) / max(len(words), 1)
    is_prose = (
        len(words) >= _FEWEST_WORDS * len(values) and stop_words >= _PROSE_SHARE and column.variety > 0.3
    )
    is_named, is_title = rate_name(column, "text") > 0 and column.length > 2, rate_name(column, "title") > 0
    is_thing = len(column.words) < 4 and not is_named and not is_title and rate_name(column, "movie_id") > 0
    is_date = measure_dates(values[:_DATES_LOOKED_AT], "clear") > 0.5
    is_odd = is_date or column.variety < 0.2 or column.share(_NO_PROSE) > 0.5
    if is_thing or is_odd or not (is_prose or is_named or has_words(column, "title", "best")):
        return 0.0
    named = 3.0 * is_named - 3 * is_title - 3 * has_words(column, "text", "none")
    named += 0.5 * has_words(column, "text", "better") - has_words(column, "text", "worse")
    return max(math.sqrt(min(column.length, 400)) / 4 + 2 * column.filled / len(column.values) + named, 0.01)


def choose_text(table: Table) -> list[str]:
    """Return the columns of the text: pros and cons, or the one with most prose, or all of them; [] if it has none."""
    texts = [each for each in table.columns if each.share(_NO_PROSE) < 0.5 and each.length > 4]
    texts = [each for each in texts if len(each.counts) > 5 and each.variety > 0.1]
    likely = {each.name for part in ("pros", "cons") for each in rank(texts, part)[:1]}
    pair = [each.name for each in table.columns if each.name in likely and len(likely) == 2]
    body = [each for each in table.columns if each.name in list(list_texts(table))[:1]]
    if not pair or (body and body[0].name not in pair and has_words(body[0], "text", "best")):
        return [body[0].name, *pair] if body else []
    return pair


def is_headline(title: Column, text: Column, movie: Column | None) -> bool | None:
    """Return whether a title is a review's headline, no name or banner of a thing; None if it may be either."""
    if movie is not None and movie.variety < 0.9 and title.variety < 0.9 and depends(title, movie):
        return False
    judging = _measure_moods(title)
    if has_words(title, "title", "best") or (title.variety < 0.6 and title.filled > 5):
        return has_words(title, "title", "best") or judging >= _OFTEN_JUDGING
    return True if movie is not None or judging >= 0.05 or _measure_moods(text) < 0.2 else None


def depends(column: Column, on: Column) -> bool:
    """Return whether all rows of a value in one column have one value in another; not if hardly any value repeats."""
    pairs = {(one, two) for one, two in zip(on.values, column.values, strict=True) if one and two}
    return len(pairs) <= 1.02 * len({one for one, _ in pairs}) and 0 < len(pairs) < 0.9 * len(on.values)


def is_id(column: Column, text: Column) -> bool:
    """Return whether a column identifies a review by its values: each has its own, or each text."""
    is_named, is_url = has_words(column, "review_id", "best"), not column.words.isdisjoint({"url", "link"})
    is_unique = column.variety > 0.999 or (is_named and not is_url and depends(text, column))
    is_whole = is_named or (len(column.words) == 1 and not is_url)
    return is_unique and is_whole and column.filled >= 0.95 * len(column.values)
