"""Generates the tables of our own names of columns, and of the platforms whose exports are known."""

from data_contracts.sources.known_profiles import KnownProfile, load_default, load_known
from docs.markdown import format_table


def make_names() -> str:
    """Return a table of the names by which each of our columns is known."""
    columns = load_default().columns
    listed = {"text": columns.text[0], **columns.list_fields()}
    rows = [[f"`{field}`", _quote(names, ", ")] for field, names in listed.items()]
    return format_table(("what", "names of the column"), rows, words=2)


def make_platforms() -> str:
    """Return a table of the known exports, by name, with the columns that recognise them and the scale of ratings."""
    rows = [_list_cells(known) for known in sorted(load_known(), key=lambda known: known.name)]
    return format_table(("profile", "recognises", "by the columns", "ratings"), rows, words=4)


def _list_cells(known: KnownProfile) -> list[str]:
    """Return the cells of a known profile."""
    marks = ", ".join(_quote(mark, " or ") for mark in known.recognised_by)
    scale = f"{known.rating.lowest:g} to {known.rating.highest:g}" if known.rating else ""
    return [f"`{known.name}`", known.origin, marks, scale]


def _quote(names: str, between: str) -> str:
    """Return a list separated by `|` as names in code."""
    return between.join(f"`{name}`" for name in names.split("|"))
