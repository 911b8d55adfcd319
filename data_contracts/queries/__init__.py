"""Named queries: a question and its SQL in a file beside this one, `worst-movies.sql` and so on.

A file begins with comment lines: what it answers, then a line a parameter, `-- $limit count = 20: rows at most`.
Without a default a value must be given; the default `none` is SQL's NULL. Nothing in them is newer than DuckDB 1.4.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from data_contracts.errors import UsageError

KINDS = {
    "date": "a day, such as 2026-11-01",
    "count": "a whole number from 0 up",
    "number": "a number",
    "text": "any text",
}
"""What the value of a parameter may be."""
NONE = "none"
"""The default that stands for SQL's NULL."""
_PARAMETER = re.compile(rf"\$(\w+) ({'|'.join(KINDS)})(?: = ([^:]+))?: (.+)")


@dataclass(frozen=True)
class Parameter:
    """What a query takes: `kind` is one of `KINDS`, `default` None where a value must be given."""

    name: str
    kind: str
    default: str | None
    meaning: str


@dataclass(frozen=True)
class NamedQuery:
    """A question with its SQL, one prepared statement with the named parameters `$name`."""

    name: str
    answers: str
    parameters: tuple[Parameter, ...]
    sql: str


def list_queries() -> tuple[NamedQuery, ...]:
    """Read the named queries in the order of their names."""
    return tuple(read_query(path) for path in sorted(Path(__file__).parent.glob("*.sql")))


def list_names() -> list[str]:
    """Give the names alone, without reading the queries."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.sql"))


def read_named(name: str) -> NamedQuery:
    """Read the query of a name that `list_names` gives."""
    return read_query(Path(__file__).with_name(f"{name}.sql"))


def read_query(path: Path) -> NamedQuery:
    """Read one file; raises `UsageError` where its head is not as it should be."""
    text = path.read_text("utf-8")
    answers, *lines = [line.removeprefix("-- ") for line in _read_head(text)] or [""]
    if not answers:
        raise UsageError(
            f"{path}: begins with no line `-- What it answers`. Next: write one, or remove the file."
        )
    parameters = []
    for line in lines:
        if not (found := _PARAMETER.fullmatch(line)):
            raise UsageError(
                f"{path}: a parameter is written `-- $name kind = default: meaning`, not {line!r}. Next: mend it."
            )
        parameters.append(Parameter(*found.groups()))
    return NamedQuery(path.stem, answers, tuple(parameters), text)


def _read_head(text: str) -> Iterator[str]:
    return takewhile(lambda line: line.startswith("-- "), text.splitlines())
