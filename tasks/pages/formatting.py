"""Formats values for pages: numbers, shares, times, sizes, and names of any length."""

from datetime import UTC, datetime

from tasks.support.wording import escape_controls

NO_VALUE = "–"
"""Shown for a missing value."""
NAME_CHARACTERS = 80
"""Most characters of an id or a file name that are shown."""


def format_share(value: float | None) -> str:
    """Return a share, 0 to 1, as a percentage with one decimal."""
    return NO_VALUE if value is None else f"{100 * value:.1f}\u00a0%"


def cut_name(name: str, longest: int = NAME_CHARACTERS) -> str:
    """Return a name from outside with control characters escaped, cut to `longest` characters."""
    shown = escape_controls(name)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def format_number(value: float | None, digits: int = 0) -> str:
    """Return a number with thousands separators and a typographic minus."""
    return NO_VALUE if value is None else f"{value:,.{digits}f}".replace("-", "−")


def format_moment(moment: datetime | None) -> str:
    """Return a time in UTC, to the minute."""
    return NO_VALUE if moment is None else f"{moment.astimezone(UTC):%d %B %Y, %H:%M} UTC".removeprefix("0")


def format_size(size: float | None) -> str:
    """Return a number of bytes with a unit, B to GiB."""
    if size is None:
        return NO_VALUE
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
