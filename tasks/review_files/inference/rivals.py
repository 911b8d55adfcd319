"""Compares two columns of a file that have names of one kind, such as `rating` and `user_rating`."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.review_files.plans.labels import clean_label
from tasks.review_files.plans.missing_words import is_nothing
from tasks.review_files.plans.ratings import find_rating

_Value = TypeVar("_Value", str, tuple[float, float])
_MOST_KEPT, _MOST_LOOKED_AT = 60, 1000
"""Most different days or pairs that are kept, and most different dates that are looked at."""
_FEWEST_COMPARED, _ALIKE = 5, 0.9
"""Rows from which on two columns of one kind are compared, and the share of the same values that makes them one."""
_FEWEST_ROWS, _DAYS_OF_EXPORT, _FEWEST_DAYS = 9, 2, 5
"""Fewest rows with a date, most days of an export, and fewest of a column of other dates."""
_DAY_OF_EPOCH = 5
"""Digits of an epoch of seconds or less that are the same for about a day."""
_SIGNS = {"1": 1.0, "0": -1.0, "-1": -1.0, "positive": 1.0, "pos": 1.0, "negative": -1.0, "neg": -1.0}
"""Labels that are compared with those of a second column."""


@dataclass(frozen=True)
class RivalFacts:
    """What two columns of one kind have in the same rows: ratings as numbers, labels as 1 and -1."""

    rows: int = field(default=0, compare=False)
    both: int = field(default=0, compare=False)
    """Rows in which both have a value."""
    same: int = field(default=0, compare=False)
    """Those in which it is the same."""
    pairs: frozenset[tuple[float, float]] = field(default=frozenset(), compare=False)
    differ: bool = field(init=False, default=False)
    """Both have a value in most rows, and neither is the other on another scale."""
    are_opposite: bool = field(init=False, default=False)
    """So they have, and mostly another one."""

    def __post_init__(self) -> None:
        """Set what the counts show, since facts are compared by it."""
        are_filled = self.both >= _FEWEST_COMPARED and 2 * self.both > self.rows
        is_other = self.same < _ALIKE * self.both and not _rise_together(self.pairs)
        object.__setattr__(self, "differ", are_filled and is_other)
        object.__setattr__(self, "are_opposite", are_filled and 2 * self.same < self.both)

    def merge(self, other: "RivalFacts") -> "RivalFacts":
        """Return the facts of both."""
        counts = (self.rows + other.rows, self.both + other.both, self.same + other.same)
        return RivalFacts(*counts, _take_first(self.pairs | other.pairs))


@dataclass(frozen=True)
class RivalDates:
    """The days of two columns of dates."""

    rows: int = field(default=0, compare=False)
    days: frozenset[str] = field(default=frozenset(), compare=False)
    others: frozenset[str] = field(default=frozenset(), compare=False)
    """The days of the second column."""
    are_of_export: bool = field(init=False, default=False)
    """All are of a day or two, but those of the second column are of many."""

    def __post_init__(self) -> None:
        """Set what the days show, since facts are compared by it."""
        is_known = self.rows >= _FEWEST_ROWS and 0 < len(self.days) <= _DAYS_OF_EXPORT
        object.__setattr__(self, "are_of_export", is_known and len(self.others) >= _FEWEST_DAYS)

    def merge(self, other: "RivalDates") -> "RivalDates":
        """Return the facts of both."""
        days, others = self.days | other.days, self.others | other.others
        return RivalDates(self.rows + other.rows, _take_first(days), _take_first(others))


def compare_ratings(column: pa.ChunkedArray, rival: pa.ChunkedArray) -> RivalFacts:
    """Return the facts of n ratings and n of a second column."""
    return _compare(column, rival, _find_number)


def compare_labels(column: pa.ChunkedArray, rival: pa.ChunkedArray) -> RivalFacts:
    """Return the facts of n labels and n of a second column."""
    return _compare(column, rival, lambda text: _SIGNS.get(clean_label(text)))


def compare_dates(column: pa.ChunkedArray, rival: pa.ChunkedArray) -> RivalDates:
    """Return the facts of n dates and n of a second column."""
    return RivalDates(len(column) - column.null_count, _list_days(column), _list_days(rival))


def _compare(
    column: pa.ChunkedArray, rival: pa.ChunkedArray, parse: Callable[[str], float | None]
) -> RivalFacts:
    """Return the facts of n pairs of texts; each different text is parsed once, each different pair compared once."""
    encoded = [each.combine_chunks().dictionary_encode() for each in (column, rival)]
    given = pc.and_(*(each.indices.is_valid() for each in encoded))
    first, second = (each.indices.filter(given).to_numpy() for each in encoded)
    texts = [each.dictionary.to_pylist() for each in encoded]
    width = max(len(texts[1]), 1)
    keys, counts = np.unique(first.astype(np.int64) * width + second, return_counts=True)
    values = [[parse(text) for text in each] for each in texts]
    pairs = [(values[0][key // width], values[1][key % width]) for key in keys.tolist()]
    found = [
        (one, other, number)
        for (one, other), number in zip(pairs, counts.tolist(), strict=True)
        if one is not None and other is not None
    ]
    both, same = (
        sum(number for *_, number in found),
        sum(number for one, other, number in found if one == other),
    )
    return RivalFacts(len(column), both, same, _take_first((one, other) for one, other, _ in found))


def _find_number(text: str) -> float | None:
    """Return the number that a rating is; None if it is none."""
    found = find_rating(text)
    return None if found is None else found.value


def _list_days(column: pa.ChunkedArray) -> frozenset[str]:
    """Return the different days of n dates, as they are written; times alone have none."""
    texts = column.unique().drop_null().slice(0, _MOST_LOOKED_AT).to_pylist()
    days = {_cut_time(text.strip()) for text in texts if not is_nothing(text)}
    return _take_first(day for day in days if ":" not in day)


def _cut_time(text: str) -> str:
    """Return the day of a date, as it is written."""
    if text.isdecimal() and len(text) > 2 * _DAY_OF_EPOCH - 1:
        return text[:_DAY_OF_EPOCH]
    return re.split(r"[\sT]", text)[0] if text[:1].isdigit() else text[:10]


def _rise_together(pairs: Collection[tuple[float, float]]) -> bool:
    """Return whether of two columns each value of one has its own of the other, and both rise: 4 of 5 and 8 of 10."""
    rising = sorted(pairs)
    return all(one[0] < other[0] and one[1] < other[1] for one, other in pairwise(rising))


def _take_first(values: Iterable[_Value]) -> frozenset[_Value]:
    """Return the first of the values in their order, at most `_MOST_KEPT`."""
    return frozenset(sorted(set(values))[:_MOST_KEPT])
