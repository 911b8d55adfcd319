"""The table in docs/settings.md: every setting with its default and meaning, from the classes that hold them.

The docstring under a field is what the table says of it. It begins with the name of the variable; where it does not,
the variable has the name of the field.
"""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from itertools import pairwise
from typing import Any

from data_contracts.archive import PUBLISHED_URL
from data_contracts.limits import RowLimits
from deployments.settings import Settings
from docs.markdown import escape_cell, format_table

COLUMNS = ("setting", "default", "meaning")
DEFAULTS = {
    "home": "`data/` in the project's folder",
    "archive": f"[Stanford's address]({PUBLISHED_URL})",
    "password": "`reviews up` makes one",
}
"""The defaults that are no plain values, by field."""
_NAMED = re.compile(r"([A-Z_]{5,}): (.*)", re.DOTALL)


def make_table() -> str:
    """Make the table; the fields of `RowLimits` stand where `Settings` has its limits."""
    return format_table(COLUMNS, list(_list_rows(Settings)), words=len(COLUMNS))


def _list_rows(kind: type) -> Iterator[list[str]]:
    meanings = _read_meanings(kind)
    for each in fields(kind):
        if each.name == "limits":
            yield from _list_rows(RowLimits)
        else:
            name, meaning = _read_name(each.name, meanings[each.name])
            yield [f"`{name}`", _format_default(each), escape_cell(meaning)]


def _read_name(field: str, docstring: str) -> tuple[str, str]:
    """Split a field's docstring into the variable's name and its meaning, which begins with a capital."""
    found = _NAMED.fullmatch(docstring)
    name, meaning = (found[1], found[2]) if found else (f"REVIEWS_{field.upper()}", docstring)
    return name, meaning[0].upper() + meaning[1:]


def _read_meanings(kind: type) -> dict[str, str]:
    """Read the docstring under each field of a class, each on one line."""
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
