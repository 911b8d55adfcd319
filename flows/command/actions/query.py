"""What `reviews sql` does: answer a query from the published copy, and list the named queries."""

import sys
from collections.abc import Sequence
from functools import partial

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from tasks.queries import named_queries
from tasks.queries.run_query import list_tables, write_answer


def ask(home: Home, query: str, values: Sequence[str], form: str) -> None:
    """Print the answer of a named query or of SQL.

    `values` are parameters of a named query, each as `name=value`; `form` is table, csv or json.
    """
    named = named_queries.find_query(query, partial(list_tables, home.published))
    if named is None and values:
        raise UsageError("--param works only with a named query. `reviews sql --list` lists them.")
    parameters = named_queries.read_values(named, values) if named else None
    write_answer(home.published, named.sql if named else query, form, sys.stdout, parameters)


def describe_queries(name: str | None) -> str:
    """Return what `reviews sql --list` prints: the list of named queries, or the SQL of the one named."""
    if name is None:
        return named_queries.describe_queries()
    named = named_queries.find_query(name)
    if named is None:
        raise UsageError("--list takes the name of a query, or none.")
    return named.sql.rstrip()
