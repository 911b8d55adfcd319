"""Compares names of columns as a person does: without case, spaces and signs; and our names of those of the text."""

import re
import unicodedata
from functools import cache

CUT = "…"
"""The mark of the end of a name that was cut."""
_SHOWN = 80
"""Most characters of a name in a message."""
PART = "text_part_"
"""With a number from 1: our name of a column whose text comes before that of the column `text`."""
_SIGNS = re.compile(r"[\s_\-.]+")
_REMARK = re.compile(r"[(\[][^()\[\]]{0,60}[)\]]")


def quote_name(name: str) -> str:
    """Return a name in quotes for a message; a long one is cut, with a mark at its end."""
    return f"'{name if len(name) <= _SHOWN else name[:_SHOWN] + CUT}'"


def is_text(ours: str) -> bool:
    """Return whether one of our columns is the text, or a part of it."""
    return ours == "text" or ours.startswith(PART)


def clean_name(name: str) -> str:
    """Return a column's name without white space around it and byte order mark."""
    return name.strip().lstrip("\ufeff").strip()


def normalize_name(name: str) -> str:
    """Return a column's name without case, white space, `_`, `-`, dots and byte order mark."""
    # Some systems write an accent as a character of its own.
    whole = name if name.isascii() else unicodedata.normalize("NFC", name)
    return _SIGNS.sub("", clean_name(whole)).casefold()


@cache
def normalize_known(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return known names, normalised once. Not for the names of a file: whoever sends many would fill the memory."""
    return tuple(map(normalize_name, names))


def strip_remarks(name: str) -> str:
    """Return a column's name, normalised, without remarks in brackets: `Review Created (UTC)` is `reviewcreated`."""
    return normalize_name(_REMARK.sub("", name))
