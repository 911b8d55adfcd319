"""Generates the table of our own names of columns, and the list of the platforms whose exports are known."""

import textwrap

from data_contracts.sources.known_profiles import load_default, load_known
from docs.markdown import format_table


def make_names() -> str:
    """Return a table of the names by which each of our columns is known."""
    columns = load_default().columns
    listed = {"text": columns.text[0], **columns.list_fields()}
    rows = [[f"`{field}`", _quote(names)] for field, names in listed.items()]
    return format_table(("what", "names of the column"), rows, words=2)


def make_platforms() -> str:
    """Return the names of the platforms whose exports are known, as a paragraph."""
    return textwrap.fill(
        ", ".join(sorted(f"`{each.name}`" for each in load_known())), 118, break_on_hyphens=False
    )


def _quote(names: str) -> str:
    """Return a list separated by `|` as names in code."""
    return ", ".join(f"`{name}`" for name in names.split("|"))
