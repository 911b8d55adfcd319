"""The published copy of the warehouse: made after a run that committed, and asked by everyone who reads.

Readers never touch the warehouse itself, so none of them locks a writer out. Whoever has an older copy open
goes on reading that one. Asking starts quickly and can't write, reach files or load extensions.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import duckdb

from data_contracts.durable import make_folder, remove_leftovers, write_whole
from data_contracts.errors import UsageError, WarehouseError
from data_contracts.faults import pass_fault_point
from tasks.queries.formats import escape_controls, format_answer
from tasks.support.locking import hold_folder
from tasks.warehouse.connection import (
    ConfigValue,
    connect_read_only,
    copy_warehouse,
    first_line,
    name_log,
    open_warehouse,
    translate_errors,
)

FORMATS = ("table", "csv", "json")
BATCH_ROWS = 2000
"""Rows that are in memory at a time."""
READER_WAIT_SECONDS = 5.0
Ask = Callable[..., list[dict[str, Any]]]
"""Takes SQL and its parameters by name; gives the rows by column, as Python values."""
_CONFIG: dict[str, ConfigValue] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
}
_STATE = """
SELECT
    (SELECT bit_xor(hash(scored_files)) FROM scored_files),
    (SELECT bit_xor(hash(promotions)) FROM promotions),
    (SELECT bit_xor(hash(gate_checks)) FROM gate_checks),
    (SELECT (count(released_at), max(released_at)) FROM quarantined_rows)::VARCHAR,
    (SELECT count(*) FROM forgotten_rows),
    (SELECT arg_max((version, views_sha256), version) FROM schema_migrations)::VARCHAR
"""
"""What readers see, in one row that changes with it, whatever the clock says and whatever was restored before."""
_SIZE = "SELECT 3 * 4096 + block_size * total_blocks FROM pragma_database_size()"
"""Bytes that a copy says it takes, its three headers of 4 KiB included."""
_LONE_RETURN = re.compile(r"\r(?!\n)")
_MAKE_ANEW = (
    "move it away and run `reviews score`, which publishes a new copy; the database itself is another file."
)
"""What to do about a published copy that is damaged."""
_ADVICE = {
    errno.ENOTEMPTY: "move that folder away",
    errno.ENOSPC: "free space on that disk",
    errno.EDQUOT: "free space on that disk",
    None: "see that its folder can be written",
}
"""What to do where a copy can't be put in place, by the system's number of the error."""
_EXPLANATIONS = {
    "read-only mode": "The published copy can only be read; rows come into it through `reviews score`.",
    "Permission Error": "A query reaches the published tables alone, no files, extensions or other databases.",
    "configuration has been locked": "Settings can't be changed here.",
    "checksum": f"The published copy is damaged. Next: {_MAKE_ANEW}",
}
"""What there is to say of an error, by words in DuckDB's own message."""


def publish(warehouse: Path, published: Path) -> None:
    """Put a copy of everything that was committed in the place of the published one, whole or not at all."""
    try:
        make_folder(published.parent)
        with hold_folder(published.parent):
            remove_leftovers(published.parent, held=True)
            with write_whole(published) as building:
                with building.open("wb") as target:
                    copy_warehouse(warehouse, target)
                _fill_up(building)
                pass_fault_point("score: inside publishing")
                if published.is_dir() and not published.is_symlink():
                    published.rmdir()  # an empty one; others stay, and are named below
                # Left by someone who wrote into the old copy: it does not belong to the new one.
                name_log(published).unlink(missing_ok=True)
    except OSError as error:
        raise WarehouseError(
            f"{published}: can't be published ({error.strerror or error}). The copy before it, if any, stays. "
            f"Next: {_ADVICE.get(error.errno, _ADVICE[None])}; the next run publishes all."
        ) from error


def _fill_up(copy: Path) -> None:
    """Make a copy as long as it says that it is, so that one that is shorter is known to have been cut off.

    DuckDB cuts free blocks off the end of a database after it has written how many blocks there are.
    """
    with connect_read_only(copy.absolute(), _CONFIG, READER_WAIT_SECONDS) as connection:
        [(size,)] = connection.execute(_SIZE).fetchall()
    os.truncate(copy, max(size, copy.stat().st_size))


def needs_publishing(warehouse: Path, published: Path) -> bool:
    """Tell whether readers of the published copy miss a file, promotion, decision, release or table; or have none.

    A run that was killed between its commit and its publishing leaves such a copy behind.
    """
    with open_warehouse(warehouse, write=False) as connection:
        newest = connection.execute(_STATE).fetchall()
    try:
        with open_published(published) as connection:
            if connection.execute(_SIZE).fetchall()[0][0] > published.stat().st_size:
                return True  # cut off: what is left may still answer
            return connection.execute(_STATE).fetchall() != newest
    except WarehouseError:
        return True


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


def require_published(path: Path) -> None:
    """Raise a `WarehouseError` where there is no published copy yet."""
    if path.is_dir():
        raise WarehouseError(f"{path}: is a folder, where the published copy should be. Next: {_MAKE_ANEW}")
    if not path.is_file():
        raise WarehouseError(
            f"{path}: nothing has been published yet. Next: put review files into the inbox and run "
            "`reviews score`."
        )


@contextmanager
def open_published(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published copy at `path` to read it: no files, extensions or settings are within its reach.

    It is in UTC, and everything that DuckDB raises, in the block too, comes out as a `WarehouseError`.
    What comes from users goes into its queries as parameters, never as text.
    """
    require_published(path)
    with (
        translate_errors(path, _MAKE_ANEW),
        connect_read_only(path.absolute(), _CONFIG, READER_WAIT_SECONDS) as connection,
    ):
        connection.execute("SET lock_configuration = true")
        yield connection


@contextmanager
def _explain_errors() -> Iterator[None]:
    """Turn what DuckDB says of a query into one message: its first line, its hint, and what we know of it."""
    try:
        yield
    except duckdb.Error as error:
        said = str(error)
        hints = [line for line in said.split("\n")[1:] if line.startswith(("Did you mean", "Candidate"))]
        known = [words for mark, words in _EXPLANATIONS.items() if mark in said]
        lines = [f"The query failed: {first_line(error)}.", *hints, *known]
        raise WarehouseError("\n".join(map(escape_controls, lines))) from error
