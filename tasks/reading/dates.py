"""Parses dates by the format that a profile names.

A date is split into its numbers, whichever order they have, and the time of day after it. An order is a choice of the
profile only where the numbers alone do not decide it: `03/04/2026`. A date without a time is the start of that day.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from data_contracts.sources.profile import DATE_STYLES
from tasks.reading.digit_dates import find_latest, parse_digits, parse_epoch
from tasks.reading.missing_words import is_nothing

_MONTHS = (
    "january janvier januar enero gennaio janeiro",
    "february février fevrier februar febrero febbraio fevereiro",
    "march mars märz maerz marzo março marco",
    "april avril abril aprile",
    "may mai mayo maggio maio",
    "june juin juni junio giugno junho",
    "july juillet juli julio luglio julho",
    "august août aout agosto",
    "september septembre septiembre settembre setembro",
    "october octobre oktober octubre ottobre outubro",
    "november novembre noviembre novembro",
    "december décembre decembre dezember diciembre dicembre dezembro",
)
"""In order, each in English, French, German, Spanish, Italian and Portuguese."""
_ANY_EPOCH = re.compile(r"-?\d{1,19}(\.\d*)?", re.ASCII)
_MANY_DIGITS = re.compile(r"\d{9,}", re.ASCII)

_MONTH = r"(?P<month>[a-zà-ÿ]{3,10})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|\.)?"
_YEAR = r"(?P<year>\d{4}|'?\d{2})"
_TIME = (
    r"(?:(?:\s+(?:at|à|um)\s+|\s*,\s*|\s+|\s*t\s*)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<part>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?)?(?:\s*(?P<zone>z|utc|gmt|(?:utc|gmt)?[+-]\d{1,2}(?::?\d\d)?))?"
)
_FLAGS = re.ASCII | re.IGNORECASE
_WORDS = tuple(
    re.compile(rf"(?:reviewed in .{{1,60}} on )?(?:[a-z]{{3,9}}\.?,?\s+)??{date}{_TIME}", _FLAGS)
    for date in (
        rf"{_DAY}[\s/.-]*(?:(?:of|de)\s+)?{_MONTH}[\s/.,-]*(?:de\s+)?{_YEAR}",
        rf"{_MONTH}[\s/.-]*{_DAY}(?:,\s*|[\s/-]+){_YEAR}",
    )
)
_CLOCK_BEFORE_YEAR = re.compile(
    r"(?:[a-z]{3},?\s+)?(?P<month>[a-z]{3})\s+(?P<day>\d{1,2})\s+(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?P<part>)(?P<half>)(?:\s+(?P<zone>utc|gmt|[+-]\d{4}))?\s+(?P<year>\d{4})",
    _FLAGS,
)
"""As C's `ctime` and Twitter write it."""
_YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})([-/. ])(?P<month>\d{{1,2}})\2(?P<day>\d{{1,2}}){_TIME}", _FLAGS)
_DAY_WITH_OFFSET = re.compile(r"(\d{4}-\d\d-\d\d)([+-]\d\d:?\d\d)", re.ASCII)
_NUMBERS = re.compile(
    rf"(?P<first>\d{{1,2}})([-/. ])(?P<second_>\d{{1,2}})(?:\2|,\s*)(?P<year>\d{{4}}|\d\d){_TIME}", _FLAGS
)
_PLACEHOLDERS = {datetime(1, 1, 1), datetime(1899, 12, 30), datetime(1900, 1, 1), datetime(1970, 1, 1)}
"""What programs write where there is no date: .NET, spreadsheets, databases, and an epoch of 0."""
_LAST_PLACEHOLDER = 1970
_FIRST_YEAR = 1900
"""Years before it, such as 1404 and 0026, are those of another calendar, or lack digits."""
_CENTURY_FROM = 69
"""Years of two digits from this one on are in the 20th century, as for `strptime`."""
_MOST_CACHED, _LONGEST_CACHED = 1 << 14, 40
"""Dates that are kept once parsed, since many rows have the same, and the most characters of one of them."""


@lru_cache(8)
def make_date_parser(form: str = "clear", zone_name: str = "UTC") -> Callable[[str], datetime | None]:
    """Return a function that parses dates of a format into UTC; None for a blank one, else it raises `ValueError`.

    The format is one of `DATE_STYLES` or a pattern of strptime; the zone, by its IANA name, is that of times without
    one.
    """
    zone, latest = _find_zone(zone_name), find_latest()

    def parse(text: str) -> datetime | None:
        if is_nothing(text):
            return None
        found = _parse(text.strip(), form)
        if found.year <= _LAST_PLACEHOLDER:
            _require_review_date(found)
        moment = _to_utc(found, zone)
        # The clock is asked again only where a moment is after the time at which the parser was made.
        if moment > latest and moment > find_latest():
            raise ValueError("a date in the future")  # it would stay the newest of its review for ever
        return moment

    short = lru_cache(_MOST_CACHED)(parse)
    return lambda text: short(text) if len(text) <= _LONGEST_CACHED else parse(text)


def _parse(text: str, form: str) -> datetime:
    """Parse a text that is not blank by a format; raise `ValueError` if it does not fit."""
    if form not in DATE_STYLES:
        return datetime.strptime(text, form)  # its zone, if any, is set by `_to_utc`
    if form == "iso":
        return _parse_iso(text)
    if form == "epoch":
        return parse_epoch(text) if _ANY_EPOCH.fullmatch(text) else _fail()
    match = _NUMBERS.fullmatch(text) if form in ("day-first", "month-first") else None
    return _parse_clear(text) if match is None else _parse_numbers(match, form == "day-first")


def _parse_clear(text: str) -> datetime:
    """Parse a date that can be read in one way only."""
    if moment := parse_digits(text):
        return moment
    try:
        return _parse_iso(text)
    except ValueError:
        pass
    if match := _YEAR_FIRST.fullmatch(text):
        return _build(match, int(match["month"]), int(match["day"]))
    for pattern in (*_WORDS, _CLOCK_BEFORE_YEAR):
        if match := pattern.fullmatch(text):
            return _build(match, _find_month(match["month"]), int(match["day"]))
    return _fail()


def _parse_iso(text: str) -> datetime:
    """Parse a date of ISO 8601, also one with an offset and no time: `2024-01-05+02:00`."""
    if _MANY_DIGITS.fullmatch(text):  # `fromisoformat` would take some of the digits for a time of day
        _fail()
    if match := _DAY_WITH_OFFSET.fullmatch(text):  # `fromisoformat` would take the offset for a time of day
        return datetime.fromisoformat(f"{match[1]}T00:00{match[2]}")
    return datetime.fromisoformat(text)


def _parse_numbers(match: re.Match[str], day_first: bool) -> datetime:
    """Parse a date of three numbers with the year last."""
    first, second = int(match["first"]), int(match["second_"])
    return _build(match, second if day_first else first, first if day_first else second)


def _require_review_date(moment: datetime) -> None:
    """Raise `ValueError` for a moment up to 1970 that is no date of a review."""
    if moment.replace(tzinfo=None) in _PLACEHOLDERS:
        raise ValueError("a placeholder of a program")
    if moment.year < _FIRST_YEAR:
        raise ValueError("before the first year of a review")


def _build(match: re.Match[str], month: int, day: int) -> datetime:
    """Return the moment of a matched date, with the zone that it states."""
    hour, half = int(match["hour"] or 0), (match["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            _fail()
        hour = hour % 12 + (12 if half == "p" else 0)
    clock = (hour, int(match["minute"] or 0), int(match["second"] or 0))
    microseconds = int((match["part"] or "0")[:6].ljust(6, "0"))
    zone = _read_offset(match["zone"])
    return datetime(_expand_year(match["year"]), month, day, *clock, microseconds, tzinfo=zone)


def _read_offset(text: str | None) -> tzinfo | None:
    """Return the time zone of `Z`, `UTC`, `+02:00` or `GMT+2`; None if there is none."""
    if text is None:
        return None
    offset = re.sub("^(utc|gmt|z)", "", text.lower())
    if not offset:
        return UTC
    digits = offset[1:].replace(":", "").zfill(2)
    hours, minutes = (digits[:2], digits[2:]) if len(digits) != 3 else (digits[:1], digits[1:])
    size = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(-size if offset[0] == "-" else size)


def _expand_year(text: str) -> int:
    """Return a year of four digits, or of two in the years 1969 to 2068."""
    digits = text.lstrip("'")
    year = int(digits)
    return year if len(digits) == 4 else year + (1900 if year >= _CENTURY_FROM else 2000)


def _find_month(word: str) -> int:
    """Return the number of a month by its name, or by letters with which names of this month alone begin."""
    word = word.lower()
    found = {
        number
        for number, names in enumerate(_MONTHS, 1)
        if any(name.startswith(word) for name in names.split())
    }
    if len(found) != 1:
        raise ValueError("not a month")
    return found.pop()


def _to_utc(moment: datetime, zone: tzinfo) -> datetime:
    """Return a moment in UTC; one without a time zone is in `zone`."""
    try:
        return (moment.replace(tzinfo=zone) if moment.tzinfo is None else moment).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("not in the years 1 to 9999") from error


@cache
def _find_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name."""
    return UTC if name == "UTC" else ZoneInfo(name)


def _fail() -> "datetime":
    raise ValueError("not a date")
