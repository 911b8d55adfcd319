"""Compares names of columns as a person does: without case, spaces and signs; and our names of those of the text."""

import re
import unicodedata
from functools import cache

CUT = "…"
"""The mark of the end of a name that was cut."""
_SHOWN = 80
"""Most characters of a name in a message."""
NAME_READ = 300
"""Characters of a name that are read."""
PART = "text_part_"
"""With a number from 1: our name of a column whose text comes before that of the column `text`."""
_SIGNS = re.compile(r"[\s_\-.]+")
_REMARK = re.compile(r"[(\[][^()\[\]]{0,60}[)\]]")
_OTHER_MEANINGS = frozenset((
    # What a rating may be of, or count.
    "delivery", "shipping", "service", "support", "shop", "store", "price", "packaging", "count", "counts", "votes",
    "average", "avg", "mean", "lower",
    # What a date may be of, and time zones other than UTC.
    "order", "ordered", "purchase", "purchased", "bought", "shipped",
    "pst", "pdt", "est", "edt", "cst", "cdt", "mst", "mdt", "cet", "cest", "bst", "ist", "jst",
    # Who made a film.
    "director", "actor", "author", "studio",
))  # fmt: skip
"""Words of remarks that may change the meaning of a name."""
_LEGEND = re.compile(r"\d\s*(?:=|:|->|\bis\b|\bmeans\b)\s*[^\W\d]|[^\W\d]\s*=\s*\d", re.IGNORECASE)
"""A number and what it means. Those who read ratings and labels look at it."""
_OFFSET = re.compile(r"(?:utc|gmt)\s*[+\-−]\s*[0:]*[1-9]|[+\-−]\s*0?[1-9]\d?:\d\d", re.IGNORECASE)
"""The offset of a time zone other than UTC."""
_WORDS = re.compile(r"[^\W\d_]+")
_OF_REPLIES = frozenset((
    "reply", "replies", "owner", "manager", "management", "staff", "internal", "seller", "merchant", "admin",
    "moderator",
))  # fmt: skip
"""Words of remarks by which a text is none of the reviewer."""
_CHANGING = _OTHER_MEANINGS | _OF_REPLIES


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
    """Return a column's name, normalised, without harmless remarks in brackets: `Rating (1-5)` is `rating`.

    A remark that may change the meaning stays, as in `Rating (delivery)` and `Created (PST)`.
    """
    return normalize_name(_REMARK.sub(_keep_meaning, name))


def strip_all_remarks(name: str) -> str:
    """Return a column's name, normalised, without any remarks but those that say that it is a reply."""
    return normalize_name(_REMARK.sub(_keep_reply, name))


def _keep_meaning(remark: re.Match[str]) -> str:
    """Return a remark that may change the meaning of a name, or ""."""
    words = _WORDS.findall(remark[0].casefold())
    is_other = not _CHANGING.isdisjoint(words) or _OFFSET.search(remark[0])
    return remark[0] if is_other and not _LEGEND.search(remark[0]) else ""


def _keep_reply(remark: re.Match[str]) -> str:
    """Return a remark that says that a column has what a shop wrote, or ""."""
    is_of_reply = not _OF_REPLIES.isdisjoint(_WORDS.findall(remark[0].casefold()))
    return remark[0] if is_of_reply else ""
