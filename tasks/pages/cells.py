"""Formats the values of rows by the names and types of their columns.

A column whose name has `share` or `accuracy` is shown as a percentage, other numbers with as many digits as they need.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from data_contracts.rules_and_limits import FILE_RULES, ROW_RULES, SCORING_RULES
from tasks.pages.formatting import (
    NAME_CHARACTERS,
    NO_VALUE,
    cut_name,
    format_moment,
    format_number,
    format_share,
    format_size,
)
from tasks.support.wording import escape_controls

MEASURES = {
    "score": "score",
    "token_count": "length in words",
    "oov_rate": "unknown words",
    "truncated": "cut texts",
}
"""The measures of drift, in words."""
_TAGS = {
    "good": ("scored", "scored again", "completed", "as before", "champion", "held"),
    "care": ("drifted", "late", "warned", "stopped", "running"),
    "bad": ("refused", "failed", "broken"),
}
_TAGGED = ("status", "result")
"""The columns whose values are tags."""
_IDS = ("run_id", "model_id", "model", "compared_with", "fingerprint", "code_version", "variant")
_SENTENCES = ("detail", "observed", "expected", "reason", "figures", "hyper_parameters", "versions")
_RULES = {**ROW_RULES, **SCORING_RULES, **FILE_RULES}
_LONG = 16
"""Characters of a text that may be wrapped."""
MOST_CHARACTERS = 500


@dataclass(frozen=True)
class Place:
    """Where a page stands, and what the values on it are called and lead to."""

    home: Path = Path()
    names: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    """By column: what a value is called, such as a movie by its title."""
    links: Mapping[str, Callable[[str], str | None]] = field(default_factory=dict)
    """By column: the address to which a value leads, if there is one."""
    root: str = ""
    """What leads from the page to the folder of the first one."""


def format_plain(name: str, value: Any, digits: int | None = None) -> str:
    """Return a value as text, by the name of its column; `digits` are those of a number that is not whole."""
    if value is None:
        return NO_VALUE
    if isinstance(value, bool):
        return "✓\u00a0yes" if value else "✕\u00a0no"
    if isinstance(value, int):
        return format_size(value) if name == "bytes" else format_number(value)
    if isinstance(value, float):
        if "share" in name or "accuracy" in name:
            return format_share(value)
        shown = format_number(value, count_digits([value]) if digits is None else digits)
        return f"+{shown}" if name == "change" and value > 0 else shown
    if isinstance(value, datetime):
        return format_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return ", ".join(format_plain(name, each) for each in value) or "none"
    return MEASURES.get(value, value) if name in ("measure", "drifted") else str(value)


def count_digits(values: Iterable[Any]) -> int:
    """Return how many digits the numbers of a column have: three where all are below 1, else two."""
    return 2 if any(isinstance(value, float) and abs(value) >= 1 for value in values) else 3


def format_cell(name: str, value: Any, place: Place, digits: int | None = None) -> Markup:
    """Return a value as HTML, by the name of its column: a name from outside is cut, and escaped."""
    if not isinstance(value, str):
        named = "all" if value is None and name == "source" else format_plain(name, value, digits)
        return escape(escape_controls(named))
    called = place.names[name](value) if name in place.names else format_plain(name, value)
    longest = MOST_CHARACTERS if name in _SENTENCES else NAME_CHARACTERS
    shown, whole = cut_name(called, longest), cut_name(called, MOST_CHARACTERS)
    cell = escape(shown) if shown == whole else Markup('<span title="{}">{}</span>').format(whole, shown)
    if name in _IDS:
        cell = Markup('<span class="id">{}</span>').format(cell)
    if name == "rule":
        meaning = escape(_RULES.get(value, ""))
        cell = Markup("<code>{}</code>").format(cell) + (Markup("<br>{}").format(meaning) if meaning else "")
    address = place.links[name](value) if name in place.links else None
    return Markup('<a href="{}">{}</a>').format(address, cell) if address else cell


def name_class(name: str, value: Any) -> str:
    """Return the attribute with the class of a cell, by its column: of numbers, of tags, of texts that are wrapped."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return ' class="n"'
    if isinstance(value, datetime):
        return ' class="when"'
    if name in _TAGGED:
        kind = next((kind for kind, words in _TAGS.items() if value in words), "")
        return f' class="tag {kind}"'
    if isinstance(value, str) and len(value) > _LONG and name not in _IDS:
        return ' class="long"'
    return ""
