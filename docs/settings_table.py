"""Generates the table in docs/settings.md: every setting with its default and meaning, from the class of settings.

The meaning is the docstring under a field. The docstring begins with the name of the variable; otherwise the name is
REVIEWS_ and the name of the field in capitals.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from typing import Any

from data_contracts.archive import PUBLISHED_URL
from deployments.settings import Settings
from docs.markdown import escape_cell, format_table

COLUMNS = ("setting", "default", "meaning")
DEFAULTS = {
    "home": "`data/` in the project's folder, or the user's data folder",
    "archive": f"[Stanford's address]({PUBLISHED_URL})",
    "password": "`reviews up` makes one",
    "destination_urls": "none",
}
"""Descriptions of defaults that are computed, by field."""
_NAMED = re.compile(r"([A-Z_]{5,}): (.*)", re.DOTALL)


def make_table() -> str:
    """Return the Markdown table."""
    return format_table(COLUMNS, list(_list_rows()), words=len(COLUMNS))


def _list_rows() -> Iterator[list[str]]:
    meanings = _read_meanings(Settings)
    for each in fields(Settings):
        name, meaning = _read_name(each.name, meanings[each.name])
        yield [f"`{name}`", _format_default(each), escape_cell(meaning)]


def _read_name(field: str, docstring: str) -> tuple[str, str]:
    """Split a field's docstring into the name of the variable and the meaning, which then begins with a capital."""
    found = _NAMED.fullmatch(docstring)
    name, meaning = (found[1], found[2]) if found else (f"REVIEWS_{field.upper()}", docstring)
    return name, meaning[0].upper() + meaning[1:]


def _read_meanings(kind: type) -> dict[str, str]:
    """Return the docstring under each field of a class, on one line, by the name of the field."""
    [body] = [node.body for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef)]
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


def _format_default(field: Field[Any]) -> str:
    default = field.default
    if field.name in DEFAULTS:
        return DEFAULTS[field.name]
    if default is MISSING:
        raise ValueError(f"{field.name}: has no plain default; write it in DEFAULTS")
    if default in (None, ()):
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"
