"""Sections of pages: each has a title, a named query, a sentence made from its rows, and a table or a chart of them.

A reader of the page finds the command of the query in the section, and can ask it too.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from data_contracts.queries import NamedQuery, read_named
from tasks.pages.cells import Place
from tasks.queries.named_queries import fill_values
from tasks.queries.run_query import Ask
from tasks.support.wording import quote_word

Row = Mapping[str, Any]
Rows = Sequence[Row]
Words = str | Callable[[Rows], str]
"""A sentence, or what makes it from the rows. What stands in backticks is code."""
CHARTS = ("bars", "lying bars", "lines", "shares", "curve")
"""The looks that are charts."""
_HEADINGS = {"low": "1 to 10 stars", "high": "between", "psi": "PSI"}


@dataclass(frozen=True)
class Section:
    """A section of a page. Sections with charts that follow each other stand side by side."""

    title: str
    query: str
    """The name of a query."""
    words: Words = ""
    """'' for the question that the query answers."""
    look: "str | Callable[[Part, Place], Markup]" = "table"
    """One of `CHARTS`, of the looks in `tasks/pages/looks.py`, or a function."""
    columns: str = ""
    """The columns shown, `name, name=heading`; '' for all. Of a chart the first has its labels or x values."""
    given: Mapping[str, Any] = field(default_factory=dict)
    """Values of the query's parameters beside those of the page."""
    empty: str = ""
    """What stands there if the query has no rows; without it the section is left out."""
    unit: str = ""
    """What the values of a chart are."""


@dataclass(frozen=True)
class Part:
    """A section with the rows of its query."""

    section: Section
    rows: Rows
    command: str
    """Asks for the same rows."""

    @property
    def words(self) -> str:
        """The sentence."""
        if not self.rows:
            return self.section.empty
        if callable(self.section.words):
            return self.section.words(self.rows)
        return self.section.words or read_named(self.section.query).answers

    @property
    def columns(self) -> list[tuple[str, str]]:
        """The columns shown, with their headings."""
        names = (
            self.section.columns.split(", ") if self.section.columns else [*self.rows[0]] if self.rows else []
        )
        split = (name.partition("=") for name in names)
        return [(name, heading or make_heading(name)) for name, _, heading in split]


@dataclass(frozen=True)
class Answers:
    """Asks the named queries of one page. What several read as a table is computed once, no question asked twice."""

    ask: Ask
    given: Mapping[str, Any] = field(default_factory=dict)
    """The values of parameters that all queries of the page have."""
    kept: set[str] = field(default_factory=set)
    answered: dict[tuple[Any, ...], list[dict[str, Any]]] = field(default_factory=dict, compare=False)

    def read(self, section: Section, given: Mapping[str, Any] | None = None) -> Part:
        """Return a section with its rows; `given` are values beside those of the page and of the section."""
        query, given = read_named(section.query), {**self.given, **(given or {}), **section.given}
        rows = self.find(section.query, given)
        return Part(section, rows, name_command(query, given))

    def find(self, name: str, given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Return the rows of a query."""
        query, given = read_named(name), self.given if given is None else given
        for each in query.reads:
            if each.name not in self.kept:
                self.keep(each.name, each.own_sql, fill_values(each, given))
        values = fill_values(query, given)
        question = (name, *values.items())
        if question not in self.answered:
            self.answered[question] = self.ask(query.own_sql, values)
        return self.answered[question]

    def keep(self, name: str, sql: str, values: Mapping[str, Any] | None = None) -> None:
        """Compute a table once, under the name by which the queries of this connection read it."""
        self.ask(f'CREATE TEMP TABLE "{name}" AS {sql}', values)
        self.kept.add(name)
        self.answered.clear()


def name_command(query: NamedQuery, given: Mapping[str, Any]) -> str:
    """Return the command that asks a query with these values."""
    taken = [each.name for each in query.parameters if given.get(each.name) is not None]
    values = (f" --param {quote_word(f'{name}={given[name]}')}" for name in taken)
    return f"reviews sql {query.name}{''.join(values)}"


def make_heading(column: str) -> str:
    """Return the heading of a column by its name, such as `positive` of `share_positive`."""
    if column in _HEADINGS:
        return _HEADINGS[column]
    return re.sub("^(share|mean|is)_|_(id|at)$", "", column).replace("_", " ")
