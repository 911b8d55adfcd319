"""Generates the list of named queries in docs/queries.md, but for those of sections of pages."""

from data_contracts.queries import NamedQuery, list_queries


def make_list() -> str:
    """Return a Markdown list of the queries with what they answer and the names of their parameters."""
    return "\n".join(_describe(each) for each in list_queries() if not each.is_of_page)


def _describe(query: NamedQuery) -> str:
    taken = ", ".join(f"`{each.name}`" for each in query.parameters)
    return f"- `{query.name}`: {query.answers}" + (f" ({taken})" if taken else "")
