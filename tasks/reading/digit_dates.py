"""Reads dates that are digits alone: `20260131`, `20260131221051`, and epochs from seconds to nanoseconds.

Which of these a number is shows in its size: each has plausible moments only, and the ranges do not overlap.
"""

import re
import time
from datetime import UTC, datetime, timedelta

_UNITS = (1, 10**3, 10**6, 10**9)
"""How many units of an epoch are a second: seconds to nanoseconds."""
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""Digits before it are rather a number of another kind; other dates may be earlier."""
_EARLIEST_EPOCH = _EARLIEST.timestamp()
_EARLIEST_DAY = 1900
"""The year from which on eight digits are a day."""
_DIGITS = re.compile(r"(\d{8,19})(?:\.(\d*))?", re.ASCII)
_DAY = 8
_CALENDAR = (_DAY, 12, 14)
"""Digits of a day, of a day and a minute, and of a day and a second."""
_MILLISECONDS_FROM = 10**11
_YEARS_AHEAD = 2 * 366 * 86400
_MOST_AHEAD = timedelta(days=1)


def find_latest() -> datetime:
    """Return the moment after which a date lies in the future, for all clocks and time zones; the only place."""
    return datetime.now(UTC) + _MOST_AHEAD


def parse_digits(text: str) -> datetime | None:
    """Parse a text that is digits alone, an epoch in UTC, others in the zone of the column; None if it is none.

    Raises `ValueError` if it is none of a plausible time.
    """
    match = _DIGITS.fullmatch(text)
    if match is None:
        return None
    if seconds := _find_seconds(float(text)):
        return _EPOCH_START + timedelta(seconds=seconds)
    digits, fraction = match[1], match[2] or ""
    if len(digits) not in _CALENDAR or fraction.strip("0"):
        raise ValueError("not a date")
    moment = datetime.fromisoformat(f"{digits[:_DAY]}T{digits[_DAY:] or '00'}")
    if moment.year < (_EARLIEST_DAY if len(digits) == _DAY else _EARLIEST.year):
        raise ValueError("not a date")
    return moment


def parse_epoch(text: str) -> datetime:
    """Parse an epoch that a profile says to be one: in the unit in which it is plausible, else as small numbers are."""
    number = float(text)
    seconds = _find_seconds(number) or (number / 1000 if abs(number) >= _MILLISECONDS_FROM else number)
    try:
        return _EPOCH_START + timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError("not in the years 1 to 9999") from error


def _find_seconds(number: float) -> float | None:
    """Return the seconds of a number that is a plausible epoch in some unit; None if it is in none."""
    latest = _find_latest_epoch()
    for size in _UNITS:
        if _EARLIEST_EPOCH <= number / size < latest:
            return number / size
    return None


def _find_latest_epoch() -> float:
    """Return the seconds of the epoch from which on a number is rather of another kind."""
    return time.time() + _YEARS_AHEAD
