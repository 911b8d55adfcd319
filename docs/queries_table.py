"""Generates the list of named queries in docs/queries.md, but for those of sections of pages."""

from data_contracts.queries import list_queries


def make_list() -> str:
    """Return a Markdown list of the queries with what they answer."""
    return "\n".join(f"- `{each.name}`: {each.answers}" for each in list_queries() if not each.is_of_page)
