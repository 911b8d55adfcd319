"""Questions to the published copy: answers as text for people and programs, or as rows for the code that asks.

Asking starts quickly, and what DuckDB finds wrong with a query comes out as one message with what to do next.
"""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import duckdb

from data_contracts.errors import UsageError, WarehouseError
from tasks.queries.formats import format_answer
from tasks.support.wording import escape_controls
from tasks.warehouse.connection import shorten_error
from tasks.warehouse.published import REPUBLISH_ADVICE, open_published

FORMATS = ("table", "csv", "json")
BATCH_ROWS = 2000
"""Rows that are in memory at a time."""
Ask = Callable[..., list[dict[str, Any]]]
"""Takes SQL and its parameters by name; gives the rows by column, as Python values."""
_LONE_RETURN = re.compile(r"\r(?!\n)")
_EXPLANATIONS = {
    "read-only mode": "The published copy can only be read; rows come into it through `reviews score`.",
    "Permission Error": "A query reaches the published tables alone, no files, extensions or other databases.",
    "configuration has been locked": "Settings can't be changed here.",
    "checksum": f"The published copy is damaged. Next: {REPUBLISH_ADVICE}",
}
"""What there is to say of an error, by words in DuckDB's own message."""


def write_answer(
    path: Path, sql: str, form: str, out: TextIO, parameters: Mapping[str, Any] | None = None
) -> None:
    """Ask the published copy at `path` and write the answer to `out`, fitted to it where it is a terminal."""
    is_terminal = out.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else None
    for piece in query_published(path, sql, form, width, parameters):
        out.write(_make_harmless(piece) if is_terminal else piece)


def _make_harmless(piece: str) -> str:
    """Leave line ends alone of what a terminal would obey; a carriage return without one would overwrite its line."""
    return escape_controls(_LONE_RETURN.sub(r"\\r", piece), keep="\r\n")


def query_published(
    path: Path,
    sql: str,
    format: str = "table",
    width: int | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Iterator[str]:
    """Ask the published copy at `path` and give the answer's text piece by piece.

    `format` is 'table', 'csv' or 'json', `width` the terminal's; `parameters` are the values of `$name` in the
    query. Of several statements the last one's answer is given. Raises `UsageError` for an empty query or unknown
    format, `WarehouseError` for all else that fails.
    """
    if format not in FORMATS:
        raise UsageError(f"--format is one of {', '.join(FORMATS)}, not {format!r}.")
    with open_published(path) as connection, _explain_errors():
        connection.execute(sql, dict(parameters) if parameters else None)
        description = connection.description
        if not description:
            raise UsageError('The query is empty. Try: reviews sql "from movie_ratings limit 10"')
        columns = [(str(column[0]), str(column[1])) for column in description]
        yield from format_answer(columns, _fetch_batches(connection), format, width)


def fetch_rows(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Give the rows of a prepared query by column; `parameters` are the values of its `$name`s."""
    result = connection.execute(sql, dict(parameters))
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@contextmanager
def ask_published(path: Path) -> Iterator[Ask]:
    """Open the published copy at `path` for several questions, all of one state of it.

    For answers that fit into memory. Raises `WarehouseError` for a missing copy and for a query that fails.
    """
    with open_published(path) as connection:

        def ask(sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
            with _explain_errors():
                return fetch_rows(connection, sql, parameters or {})

        yield ask


def _fetch_batches(connection: duckdb.DuckDBPyConnection) -> Iterator[Sequence[tuple[Any, ...]]]:
    try:
        while batch := connection.fetchmany(BATCH_ROWS):
            yield batch
    except (OverflowError, ValueError) as error:
        raise WarehouseError(
            f"A value of the answer can't be shown ({error}). Next: cast it to text in the query."
        ) from error


@contextmanager
def _explain_errors() -> Iterator[None]:
    """Turn what DuckDB says of a query into one message: its first line, its hint, and what we know of it."""
    try:
        yield
    except duckdb.Error as error:
        said = str(error)
        hints = [line for line in said.split("\n")[1:] if line.startswith(("Did you mean", "Candidate"))]
        known = [words for mark, words in _EXPLANATIONS.items() if mark in said]
        lines = [f"The query failed: {shorten_error(error)}.", *hints, *known]
        raise WarehouseError("\n".join(map(escape_controls, lines))) from error
