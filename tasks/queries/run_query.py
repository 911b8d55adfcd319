"""Queries the published copy; returns results as text, or as rows for the code that asks.

DuckDB's errors are raised as one message with the next step. No heavy library is loaded: `reviews sql` starts fast.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

import duckdb

from data_contracts.errors import UsageError, WarehouseError
from data_contracts.queries import list_names
from data_contracts.warehouse import list_migrations
from tasks.queries.answer_formats import format_answer
from tasks.queries.named_queries import find_near
from tasks.support.wording import escape_controls
from tasks.warehouse.database.duckdb_errors import shorten_error
from tasks.warehouse.published import REPUBLISH_ADVICE, open_published

FORMATS = ("table", "csv", "json")
BATCH_ROWS = 2000
"""Rows in memory at a time."""
USUAL_MEMORY, MOST_MEMORY = "100MB", "512MB"
"""DuckDB's memory limits for the queries of a report, which runs beside a scorer that has memory of its own. Without a
limit, a report would hold whole columns of a long history."""
Ask = Callable[..., list[dict[str, Any]]]
"""Runs SQL with parameters by name; returns each row as a dict from column to Python value."""
_READ_VERSION = "SELECT max(version) AS version FROM schema_migrations"
_MISSING_TABLE = re.compile(r"Catalog Error: Table with name ([\w-]+) does not exist")
_SUGGESTED_TABLE = re.compile(r'Did you mean "(?:\w+\.)*(\w+)"')
_LONE_RETURN = re.compile(r"\r(?!\n)")
_DAMAGED = f"The published copy is damaged. Next: {REPUBLISH_ADVICE}"
_EXPLANATIONS = {
    "read-only mode": "The published copy can only be read; `reviews score` adds rows to it.",
    "Permission Error": "A query reaches the published tables alone, no files, extensions or other databases.",
    "Out of Memory Error": "SQL of yours may write nothing to disk. Next: ask for fewer rows or columns at once; "
    "`reviews export` writes all of them to files.",
    "configuration has been locked": "DuckDB's settings can't be changed here.",
    "computed checksum": _DAMAGED,
    "Could not read enough bytes": _DAMAGED,
}
"""Our explanation of an error, by words in the first line of DuckDB's message; the others quote the query."""
_CORRECT_IT = (
    'Next: correct the query; `reviews sql "show tables"` lists the tables, `reviews sql "describe NAME"` the columns '
    "of one, and `reviews sql --list` the named queries."
)
_NOT_UNDERSTOOD = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)
"""Errors of the query itself; names are of no help against those of the values that it meets."""


def write_answer(
    path: Path, sql: str, form: str, out: TextIO, parameters: Mapping[str, Any] | None = None
) -> None:
    """Query the published copy at `path` and write the result to `out`.

    If `out` is a terminal, fit tables to its width and escape control characters. See `query_published`.
    """
    is_terminal = out.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else None
    for piece in query_published(path, sql, form, width, parameters):
        # A carriage return without a line feed would overwrite its line.
        out.write(escape_controls(_LONE_RETURN.sub(r"\\r", piece), keep="\r\n") if is_terminal else piece)


def query_published(
    path: Path,
    sql: str,
    format: str = "table",
    width: int | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Query the published copy at `path` and yield the result's text piece by piece.

    `format` is one of `FORMATS`, `width` the terminal's, None for any length of line; `parameters` are the values of
    `$name` in the query. Before the last statement of `sql` there may be others, such as `CREATE TEMP TABLE`. Raises
    `UsageError` for no or several queries or an unknown format, `WarehouseError` for every other failure.
    """
    if format not in FORMATS:
        raise UsageError(f"--format is one of {', '.join(FORMATS)}, not {format!r}.")
    with open_published(path, spills=False) as connection, _explain_errors():
        _require_one_query(connection, sql)
        connection.execute(sql, dict(parameters) if parameters else None)
        description = connection.description
        if not description:
            raise UsageError('The query is empty. Try: reviews sql "from movie_ratings limit 10"')
        columns = [(str(column[0]), str(column[1])) for column in description]
        yield from format_answer(columns, _fetch_batches(connection), format, width)


def list_tables(path: Path) -> list[str]:
    """Return the names of the tables and views of the published copy; none if it can't be read."""
    with suppress(WarehouseError), open_published(path) as connection:
        return [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
    return []


_QUERIES = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.CALL)
"""Statements that are there for their answer."""


def _require_one_query(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raise `UsageError` if there are several queries: nobody would see the answers of all but the last."""
    queries = 0
    for statement in connection.extract_statements(sql):
        with suppress(ValueError):  # the client lacks the names of some types
            queries += statement.type in _QUERIES
    if queries > 1:
        raise UsageError(
            "There are several queries, and only one can be answered. Next: ask them one by one."
        )


def fetch_answer(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Run `sql` and return its answer, each row as a dict by column; `parameters` are the values of `$name` in it."""
    result = connection.execute(sql, dict(parameters))
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@contextmanager
def ask_published(path: Path, memory: str = MOST_MEMORY) -> Iterator[Ask]:
    """Open the published copy at `path` and yield a function that queries it; all queries see the same copy.

    For results that fit into `memory`. Raises `WarehouseError` for a missing copy, for one that an older version of
    this program made, with fewer columns, and for a query that fails.
    """
    with open_published(path, memory) as connection:
        ask = make_ask(connection)
        if ask(_READ_VERSION)[0]["version"] < list_migrations()[-1].version:
            raise WarehouseError(
                "The published copy is of an older version of this program. Next: run `reviews score`, which publishes "
                "a new one, then this command again."
            )
        yield ask


def make_ask(connection: duckdb.DuckDBPyConnection) -> Ask:
    """Return a function that queries an open copy; it raises a `WarehouseError` for a query that fails."""

    def ask(sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        with _explain_errors():
            return fetch_answer(connection, sql, parameters or {})

    return ask


def _fetch_batches(connection: duckdb.DuckDBPyConnection) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Yield the rows of an answer in batches."""
    try:
        while batch := connection.fetchmany(BATCH_ROWS):
            yield batch
    except (OverflowError, ValueError) as error:
        raise WarehouseError(
            f"A value of the result can't be shown ({error}). Next: cast it to text in the query."
        ) from error


@contextmanager
def _explain_errors() -> Iterator[None]:
    """Turn an error of DuckDB into a `WarehouseError`: its first line, its hints and our explanation."""
    try:
        yield
    except duckdb.Error as error:
        first, *others = str(error).split("\n")
        hints = [
            line
            for line in others
            if line.startswith(("Did you mean", "Candidate")) and _is_near(first, line)
        ]
        explanations = [text for words, text in _EXPLANATIONS.items() if words in first]
        missing = _MISSING_TABLE.match(first)
        wanted = missing[1].lower().replace("_", "-") if missing else None
        named = [f"The named query {wanted} answers that: reviews sql {wanted}"] * (wanted in list_names())
        is_wrong = isinstance(error, _NOT_UNDERSTOOD)
        steps = named or [*hints, *([_CORRECT_IT] if is_wrong and not explanations else [])]
        lines = [f"The query failed: {shorten_error(error)}.", *steps, *explanations]
        raise WarehouseError("\n".join(map(escape_controls, lines))) from error


def _is_near(error: str, hint: str) -> bool:
    """Return whether a hint suggests a name like that of the missing table: DuckDB suggests any that there is."""
    missing, suggested = _MISSING_TABLE.match(error), _SUGGESTED_TABLE.match(hint)
    return not missing or not suggested or bool(find_near(missing[1], [suggested[1]]))
