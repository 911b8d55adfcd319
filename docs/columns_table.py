"""Generates the tables of our own names of columns, and of the platforms whose exports are known."""

from data_contracts.sources.known_profiles import load_default, load_known
from docs.markdown import format_table


def make_names() -> str:
    """Return a table of the names by which each of our columns is known."""
    columns = load_default().columns
    listed = {"text": columns.text[0], **columns.list_fields()}
    rows = [[f"`{field}`", _quote(names, ", ")] for field, names in listed.items()]
    return format_table(("what", "names of the column"), rows, words=2)


def make_platforms() -> str:
    """Return a table of the known exports, by name, with the columns that recognise them."""
    known = sorted(load_known(), key=lambda each: each.name)
    rows = [
        [f"`{each.name}`", ", ".join(_quote(mark, " or ") for mark in each.recognised_by)] for each in known
    ]
    return format_table(("profile", "recognised by the columns"), rows, words=2)


def _quote(names: str, between: str) -> str:
    """Return a list separated by `|` as names in code."""
    return between.join(f"`{name}`" for name in names.split("|"))
