"""What all dates of a column show of how they are written."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tasks.review_files.plans.dates import (
    NumericDate,
    fits_order,
    fits_year_first,
    parse_clear,
    split_numeric,
)
from tasks.review_files.plans.digit_dates import UNKNOWN, find_kinds
from tasks.review_files.plans.missing_words import is_nothing

_NUMERIC_DATE = r"^\s*\d{1,2}[-/. ]\d{1,2}[-/., ]"
_MONTH_LAST = r"^\s*\d{4}[-/. ](1[3-9]|2\d|3[01])[-/. ](0?[1-9]|1[0-2])(\D|$)"
_DAY_LAST = r"^\s*\d{4}[-/. ]\d\d?[-/. ](?:1[3-9]|2\d|3[01])"
_SEVERAL = 3
_YEAR_FIRST = r"^\s*\d{4}-\d\d-\d\d"
_MANY_DIGITS = r"^\s*\d{9,40}(?:\.\d*)?\s*$"
_SERIAL = r"^\s*\d{5}(?:\.\d*)?\s*$"
_SERIALS = (36526, 47500)
"""Days of spreadsheets, counted from 1900: 2000 to 2030."""
_ROUNDED = r"^\s*\d([.,]\d+)?[eE]\+\d\d\s*$"
_NAMED_ZONE = r":\d\d\s*([aApP]\.?[mM]\.?)?\s+\(?[A-Z]{3,4}\)?(\s+\d{4})?\s*$"
_FIRST, _MOST_TAKEN = 20, 500
"""Dates, at the start and in all, that are looked at where not all need be."""
_PECULIAR = rf"{_NUMERIC_DATE}|{_MONTH_LAST}|^\s*\d{{5}}(\.|\s*$)|^\s*\d{{9}}|{_ROUNDED}"
"""What all of the patterns above match, but for that of the day and that of the zone."""


@dataclass(frozen=True)
class NumericFacts:
    """The dates of a column whose day and month are numbers with the year last."""

    found: bool = False
    day_first: bool = True
    """All are dates if the day comes first."""
    month_first: bool = True
    alike: bool = True
    """In all of them the day is the number of the month, so that both orders give the same date."""
    several: bool = False
    """There are different ones, `_SEVERAL` at least."""
    in_any_order: bool = False
    """Some are dates in both orders."""
    separators: frozenset[str] = frozenset()
    firsts: frozenset[int] = frozenset()
    """The first numbers of those whose year has two digits."""
    years: frozenset[int] = frozenset()
    """The years of those whose year has two digits."""
    year_first: bool = True
    """All of those are dates, too, if the year comes first."""

    def merge(self, other: "NumericFacts") -> "NumericFacts":
        """Return the facts of both."""
        return NumericFacts(
            self.found or other.found,
            self.day_first and other.day_first,
            self.month_first and other.month_first,
            self.alike and other.alike,
            self.several or other.several,
            self.in_any_order or other.in_any_order,
            self.separators | other.separators,
            self.firsts | other.firsts,
            self.years | other.years,
            self.year_first and other.year_first,
        )


@dataclass(frozen=True)
class DateFacts:
    """The dates of a column."""

    given: bool = False
    readable: bool = False
    """Some can be read by their numbers or in one way only."""
    month_last: bool = False
    """Some are dates only if the year comes first and the month last: 2026-31-03."""
    day_last: bool = False
    year_first: bool = False
    """Beside several dates with the year last, several have it first."""
    serials: bool = False
    """Some seem to be the numbers by which spreadsheets count days."""
    rounded: bool = False
    """Some are numbers that a spreadsheet has rounded: 1.78206E+12."""
    named_zones: bool = False
    """Of those of a batch of which none can be read, some end in a name such as PST."""
    kinds: frozenset[str] = frozenset()
    """The kinds of those that are many digits, as in `digit_dates`."""
    numeric: NumericFacts = NumericFacts()

    def merge(self, other: "DateFacts") -> "DateFacts":
        """Return the facts of both."""
        names = [each.name for each in fields(self) if each.name not in ("kinds", "numeric")]
        either = {name: getattr(self, name) or getattr(other, name) for name in names}
        return DateFacts(**either, kinds=self.kinds | other.kinds, numeric=self.numeric.merge(other.numeric))


def find_date_facts(column: pa.Array) -> DateFacts:
    """Return the facts of n texts that are dates."""
    # Few columns have peculiar dates; the others cost one look at each value.
    peculiar = column.filter(pc.match_substring_regex(column, _PECULIAR))
    facts = _find_peculiar_facts(peculiar) if len(peculiar) else DateFacts()
    readable = facts.readable or any(map(_is_clear, _iterate(column)))
    return replace(
        facts,
        given=readable or not all(map(is_nothing, _iterate(column))),
        readable=readable,
        day_last=_has_match(column if facts.month_last else _take_some(column), _DAY_LAST),
        year_first=facts.numeric.several and len(_list_matching(column, _YEAR_FIRST)) >= _SEVERAL,
        named_zones=not readable and _has_match(column, _NAMED_ZONE),
    )


def _find_peculiar_facts(texts: pa.Array) -> DateFacts:
    """Return the facts of n texts that match `_PECULIAR`."""
    kinds, others = _split_digits(texts)
    numeric = find_numeric_facts(_list_matching(others, _NUMERIC_DATE))
    return DateFacts(
        readable=numeric.found or bool(kinds - {UNKNOWN}),
        month_last=_has_match(others, _MONTH_LAST),
        serials=_has_serials(others),
        rounded=_has_match(others, _ROUNDED),
        kinds=kinds,
        numeric=numeric,
    )


def _iterate(column: pa.Array) -> Iterator[str]:
    """Yield different texts of a column, the first ones of it before, since these are often enough."""
    given = column.drop_null()
    yield from given.slice(0, _FIRST).to_pylist()
    yield from given.unique().slice(0, _MOST_TAKEN).to_pylist()


def _take_some(column: pa.Array) -> pa.Array:
    """Return some of n texts, from all of the column."""
    return column.take(np.linspace(0, len(column) - 1, min(len(column), _MOST_TAKEN)).astype(np.int64))


def _split_digits(texts: pa.Array) -> tuple[frozenset[str], pa.Array]:
    """Return the kinds of those of n texts that are many digits, and the different texts among the others."""
    is_digits = pc.match_substring_regex(texts, _MANY_DIGITS)
    numbers = _to_numbers(texts.filter(is_digits))
    # 0 is no date, whatever its digits.
    return find_kinds(numbers[numbers > 0]), texts.filter(pc.invert(is_digits)).unique()


def find_numeric_facts(texts: list[str]) -> NumericFacts:
    """Return the facts of texts that may be dates with the year last."""
    # 31.04.2026 is a date in neither order, so it does not show which one is meant.
    dates = [date for date in map(split_numeric, texts) if date and _fits_any_order(date)]
    short = [date for date in dates if date.short_year]
    return NumericFacts(
        bool(dates),
        all(fits_order(date, day_first=True) for date in dates),
        all(fits_order(date, day_first=False) for date in dates),
        all(date.first == date.second for date in dates),
        len(dates) >= _SEVERAL,
        any(fits_order(date, day_first=True) and fits_order(date, day_first=False) for date in dates),
        frozenset(date.separator for date in dates),
        frozenset(date.first for date in short),
        frozenset(date.year for date in short),
        all(map(fits_year_first, short)),
    )


def _fits_any_order(date: NumericDate) -> bool:
    """Return whether the numbers are a date with the day or with the month first."""
    return fits_order(date, day_first=True) or fits_order(date, day_first=False)


def _is_clear(text: str) -> bool:
    """Return whether a text is a date that can be read in one way only."""
    try:
        return parse_clear(text) is not None
    except ValueError:
        return False


def _has_serials(texts: pa.Array) -> bool:
    """Return whether some of n texts seem to be the numbers by which spreadsheets count days."""
    numbers = _to_numbers(texts.filter(pc.match_substring_regex(texts, _SERIAL)))
    lowest, highest = _SERIALS
    return bool(((numbers >= lowest) & (numbers < highest)).any())


def _to_numbers(texts: pa.Array) -> NDArray[np.float64]:
    """Return the numbers that n texts are, [n]."""
    numbers: NDArray[np.float64] = pc.cast(pc.ascii_trim_whitespace(texts), pa.float64()).to_numpy()
    return numbers


def _list_matching(texts: pa.Array, pattern: str) -> list[str]:
    """Return those of n texts that match a pattern."""
    matching: list[str] = texts.filter(pc.match_substring_regex(texts, pattern)).to_pylist()
    return matching


def _has_match(texts: pa.Array, pattern: str) -> bool:
    """Return whether one of n texts matches a pattern."""
    return bool(pc.any(pc.match_substring_regex(texts, pattern)).as_py())
