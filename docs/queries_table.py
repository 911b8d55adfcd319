"""Generates the table of named queries in docs/queries.md, but for those of sections of pages."""

from data_contracts.queries import list_queries
from docs.markdown import escape_cell, format_table


def make_table() -> str:
    """Return a Markdown table of the queries with what they answer and the names of their parameters."""
    rows = [
        [f"`{each.name}`", escape_cell(each.answers), ", ".join(f"`{one.name}`" for one in each.parameters)]
        for each in list_queries()
        if not each.is_of_page
    ]
    return format_table(("query", "answers", "parameters"), rows, words=3)
