"""Finds named queries, parses the values of their parameters, and describes them.

Values are passed to DuckDB as parameters of a prepared statement, never as part of the SQL.
"""

import difflib
import math
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import duckdb

from data_contracts.errors import UsageError
from data_contracts.queries import KINDS, NONE, NamedQuery, Parameter, list_names, list_queries, read_named

LARGEST_COUNT = 2**63 - 1
"""The largest BIGINT."""
_TAKEN = re.compile(r"\$(\w+)")
_ONE_WORD = re.compile(r"[\w-]+")
_LINE_CHARACTERS = 110


def find_query(text: str, list_tables: Callable[[], Sequence[str]] = tuple) -> NamedQuery | None:
    """Return the query named `text`, None if `text` is SQL.

    Raises `UsageError` if it is neither, which suggests similar names, those of `list_tables` too.
    """
    names = list_names()
    if text in {*names, *list_names(of_pages=True)}:
        return read_named(text)
    if not _ONE_WORD.fullmatch(text):
        return None
    with suppress(duckdb.Error):
        if duckdb.extract_statements(text):
            return None
    near = [
        *find_near(text.replace("_", "-"), names),
        *(f'"from {table}"' for table in find_near(text.replace("-", "_"), list_tables())),
    ]
    suggestion = f"Did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(
        f"{text!r} is neither a named query nor SQL. {suggestion}Next: `reviews sql --list` lists the named queries, "
        '`reviews sql "show tables"` the tables, and `reviews sql "from NAME"` shows one.'
    )


def find_near(name: str, names: Sequence[str]) -> list[str]:
    """Return those of some names that differ from a name by little, the nearest first; upper and lower case are one."""
    lowered = name.lower()
    return [lowered] if lowered in names else difflib.get_close_matches(lowered, names, n=3)


def embed_query(name: str) -> str:
    """Return the SQL of a named query as a table for another query, which needs values for the same parameters."""
    return f"(\n{read_named(name).sql}\n)"


def read_values(query: NamedQuery, given: Iterable[str]) -> dict[str, Any]:
    """Parse values given as `name=value`; return a value for each parameter of the query, by default its default.

    Dates become `date`, counts `int`, numbers `float`, texts `str`. Raises `UsageError`, which lists the parameters,
    for an unknown name, a name given twice, a missing value or a wrong value.
    """
    texts = _split_parameter_values(query, given)
    values = {}
    for parameter in query.parameters:
        text = texts.get(parameter.name, parameter.default)
        if text is None:
            raise UsageError(
                f"{query.name} needs --param {parameter.name}={parameter.kind}.\n{list_parameters(query)}"
            )
        is_default = parameter.name not in texts
        values[parameter.name] = (
            None if is_default and text == NONE else _parse_parameter_value(query, parameter, text)
        )
    return values


def _split_parameter_values(query: NamedQuery, given: Iterable[str]) -> Mapping[str, str]:
    """Return the value, as text, of each parameter of a named query in `given`."""
    known = {parameter.name for parameter in query.parameters}
    texts: dict[str, str] = {}
    for each in given:
        name, sign, text = each.partition("=")
        if not sign:
            raise UsageError(f"--param is written name=value, not {each!r}.\n{list_parameters(query)}")
        if name not in known:
            raise UsageError(f"{query.name} has no parameter {name!r}.\n{list_parameters(query)}")
        if name in texts:
            raise UsageError(f"{name} was given twice.\n{list_parameters(query)}")
        texts[name] = text
    return texts


def _parse_parameter_value(query: NamedQuery, parameter: Parameter, text: str) -> Any:
    """Parse the value of a parameter of a named query by its kind."""
    try:
        if parameter.kind == "date":
            return date.fromisoformat(text)
        if parameter.kind == "count" and not 0 <= int(text) <= LARGEST_COUNT:
            raise ValueError
        if parameter.kind == "number" and not math.isfinite(float(text)):
            raise ValueError
        return {"count": int, "number": float}.get(parameter.kind, str)(text)
    except ValueError:
        expected = KINDS[parameter.kind]
        raise UsageError(
            f"{parameter.name} must be {expected}, not {text!r}.\n{list_parameters(query)}"
        ) from None


def list_parameters(query: NamedQuery) -> str:
    """Return a list of the query's parameters, one line each."""
    if not query.parameters:
        return f"{query.name} takes no parameters."
    lines = [f"  {_describe_parameter(parameter)}" for parameter in query.parameters]
    return "\n".join([f"{query.name} takes:", *lines])


def _describe_parameter(parameter: Parameter) -> str:
    """Describe a parameter of a named query, with its default."""
    default = "must be given" if parameter.default is None else f"default {parameter.default}"
    return f"{parameter.name} ({parameter.kind}, {default}): {parameter.meaning}"


def fill_values(query: NamedQuery, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for each parameter that the statement of a query's own file takes: as given, else its default."""
    values = {}
    for each in query.parameters:
        if each.name in _TAKEN.findall(query.own_sql):
            is_known = each.name not in given and each.default not in (None, NONE)
            default = _parse_parameter_value(query, each, str(each.default)) if is_known else None
            values[each.name] = given.get(each.name, default)
    return values


def describe_queries() -> str:
    """Return a list of the named queries, each with the question that it answers and its parameters."""
    lines: dict[bool, list[str]] = {False: [], True: []}
    for query in list_queries():
        lines[query.is_of_page] += [
            query.name,
            *textwrap.wrap(query.answers, _LINE_CHARACTERS, initial_indent="  ", subsequent_indent="  "),
            *(f"    {_describe_parameter(parameter)}" for parameter in query.parameters),
        ]
    return "\n".join([*lines[False], "", "What the sections of pages show:", "", *lines[True]])
