"""Named queries: a question and its SQL, one file per query in this folder, such as `worst-movies.sql`.

A file begins with comment lines: the question, then one line per parameter, `-- $limit count = 20: rows at most`.
A parameter without a default is required; the default `none` means NULL. The SQL must run on DuckDB 1.4.
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
"""The kinds of parameters, each with a description of its values."""
NONE = "none"
"""The default that means SQL's NULL."""
_PARAMETER = re.compile(rf"\$(\w+) ({'|'.join(KINDS)})(?: = ([^:]+))?: (.+)")


@dataclass(frozen=True)
class Parameter:
    """A parameter that a query file declares: `kind` is one of `KINDS`, `default` is None if a value is required."""

    name: str
    kind: str
    default: str | None
    meaning: str


@dataclass(frozen=True)
class NamedQuery:
    """The content of a query file: a question and its SQL, one statement with the named parameters `$name`."""

    name: str
    answers: str
    parameters: tuple[Parameter, ...]
    sql: str


def list_queries() -> tuple[NamedQuery, ...]:
    """Read the named queries in the order of their names."""
    return tuple(read_query(path) for path in sorted(Path(__file__).parent.glob("*.sql")))


def list_names() -> list[str]:
    """Return the names of the queries in order, without reading their files."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.sql"))


def read_named(name: str) -> NamedQuery:
    """Read the query of a name from `list_names`."""
    return read_query(Path(__file__).with_name(f"{name}.sql"))


def read_query(path: Path) -> NamedQuery:
    """Read one query file. Raises `UsageError` if its leading comment lines are invalid."""
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
    """Yield the comment lines at the start of a query file."""
    return takewhile(lambda line: line.startswith("-- "), text.splitlines())
