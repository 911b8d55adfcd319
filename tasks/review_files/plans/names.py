"""Compares names of columns as a person does: without case, spaces and signs."""

import re

_SIGNS = re.compile(r"[\s_\-.]+")


def clean_name(name: str) -> str:
    """Return a column's name without white space around it and byte order mark."""
    return name.strip().lstrip("\ufeff").strip()


def normalize_name(name: str) -> str:
    """Return a column's name without case, white space, `_`, `-`, dots and byte order mark."""
    return _SIGNS.sub("", clean_name(name)).casefold()
