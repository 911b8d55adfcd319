"""How a page writes values: numbers, shares, moments, sizes, names that may be endless, and the text of a stranger."""

from datetime import UTC, datetime

from markupsafe import Markup, escape

from tasks.support.wording import escape_controls

NOTHING = "–"
NAME_CHARACTERS = 80
"""Of an id or a file's name, where it is shown."""


def write_share(value: float | None) -> str:
    """Write a share, 0 to 1, as a percentage with one decimal."""
    return NOTHING if value is None else f"{100 * value:.1f}\u00a0%"


def cut_name(name: str, longest: int = NAME_CHARACTERS) -> str:
    """Shorten a name that someone else chose; what a terminal or a page would obey is spelt out."""
    shown = escape_controls(name)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def write_number(value: float | None, digits: int = 0) -> str:
    """Write a number with commas, and a minus that is one."""
    return NOTHING if value is None else f"{value:,.{digits}f}".replace("-", "−")


def write_moment(moment: datetime | None) -> str:
    """Write a moment in UTC, to the minute."""
    return NOTHING if moment is None else f"{moment.astimezone(UTC):%d %B %Y, %H:%M} UTC".removeprefix("0")


def write_size(size: float | None) -> str:
    """Write bytes as people do."""
    if size is None:
        return NOTHING
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"


def write_text(text: str) -> Markup:
    """Write a text as its writer did, nothing in it obeyed; line ends and tabs stay."""
    return escape(escape_controls(text.replace("\r\n", "\n"), keep="\n\t"))
