"""Named queries: a question and its SQL, one file per query in this folder, such as `worst-movies.sql`.

A file begins with comment lines: the question, then one line per parameter, `-- $limit count = 20: rows at most`.
A parameter without a default is required; the default `none` means NULL. The SQL must run on DuckDB 1.4. A query may
read another one as a table, by its name in quotes, `FROM "period-rows"`; then it takes the parameters of that one too.

The queries in `pages/` are what the sections of pages show.
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from pathlib import Path

from data_contracts.errors import UsageError

KINDS = {
    "date": "a day, such as 2026-11-01",
    "count": "a whole number from 0 up",
    "number": "a number",
    "text": "any text",
}
"""The kinds of parameters, each with a description of its values."""
NONE = "none"
"""The default that means SQL's NULL."""
_PAGES = Path(__file__).parent / "pages"
_QUOTED = re.compile(r'"([a-z-]+)"')
_PARAMETER = re.compile(rf"\$(\w+) ({'|'.join(KINDS)})(?: = ([^:]+))?: (.+)")


@dataclass(frozen=True)
class Parameter:
    """A parameter that a query file declares: `kind` is one of `KINDS`, `default` is None if a value is required."""

    name: str
    kind: str
    default: str | None
    meaning: str

    def __str__(self) -> str:
        """Return the parameter as the head of a query file declares it."""
        default = "" if self.default is None else f" = {self.default}"
        return f"${self.name} {self.kind}{default}: {self.meaning}"


@dataclass(frozen=True)
class NamedQuery:
    """The content of a query file: a question and its SQL, one statement with the named parameters `$name`."""

    name: str
    answers: str
    parameters: tuple[Parameter, ...]
    """Its own, then those of the queries that it reads."""
    own_sql: str
    """The statement of the file."""
    reads: tuple["NamedQuery", ...] = ()
    """The queries that it reads as tables, each after those which it reads itself."""
    is_of_page: bool = False
    """Whether a section of a page shows it; its columns may change with the page."""

    @property
    def sql(self) -> str:
        """The whole statement, with the queries that it reads, below its head."""
        head = "\n".join(["-- " + self.answers, *(f"-- {each}" for each in self.parameters)])
        if not self.reads:
            return f"{head}\n{self.own_sql}"
        tables = ",\n".join(f'"{each.name}" AS MATERIALIZED (\n{each.own_sql}\n)' for each in self.reads)
        own = self.own_sql.removeprefix("WITH ")
        return f"{head}\nWITH {tables}{' ' if own is self.own_sql else ','}\n{own}"


def list_queries() -> tuple[NamedQuery, ...]:
    """Read the named queries in the order of their names, those of pages last."""
    return tuple(read_named(name) for name in (*list_names(), *list_names(of_pages=True)))


def list_names(*, of_pages: bool = False) -> list[str]:
    """Return the names of the queries, or of those of pages, in order, without reading their files."""
    return sorted(path.stem for path in (_PAGES if of_pages else _PAGES.parent).glob("*.sql"))


@cache
def read_named(name: str) -> NamedQuery:
    """Read the query of a name from `list_names`; raise `UsageError` if its leading comment lines are invalid."""
    own = _PAGES.parent / f"{name}.sql"
    path = own if own.exists() else _PAGES / own.name
    text = path.read_text("utf-8")
    head = list(takewhile(lambda line: line.startswith("-- "), text.splitlines()))
    answers, *lines = [line.removeprefix("-- ") for line in head] or [""]
    if not answers:
        raise UsageError(
            f"{path}: begins with no line `-- What it answers`. Next: write one, or remove the file."
        )
    parameters = {}
    for line in lines:
        if not (found := _PARAMETER.fullmatch(line)):
            raise UsageError(
                f"{path}: a parameter is written `-- $name kind = default: meaning`, not {line!r}. Next: mend it."
            )
        parameters[found[1]] = Parameter(*found.groups())
    sql = "\n".join(text.splitlines()[len(head) :]).strip().removesuffix(";")
    known = {*list_names(), *list_names(of_pages=True)} - {path.stem}
    reads: dict[str, NamedQuery] = {}
    for name in dict.fromkeys(_QUOTED.findall(sql)):
        if name in known:
            reads |= {each.name: each for each in (*read_named(name).reads, read_named(name))}
    inherited = {each.name: each for query in reads.values() for each in query.parameters}
    return NamedQuery(
        path.stem,
        answers,
        tuple({**inherited, **parameters}[name] for name in {**parameters, **inherited}),
        sql,
        tuple(reads.values()),
        path.parent == _PAGES,
    )
