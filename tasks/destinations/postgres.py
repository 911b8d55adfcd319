"""Delivers scores to a table in PostgreSQL, each row once, however often a delivery is killed.

Each batch of files is one transaction: it copies the rows into a staging table, deletes what should not be there,
inserts or updates the rest by its key, and enters the files' states in the ledger beside the table. So what the ledger
has is delivered, and a killed delivery goes on with the next batch. Rows of new files whose review has no other row are
copied into the table itself, which takes half the time; if one is there all the same, the key refuses it, and the batch
is done again by the staging table. `psycopg` is of the extra `postgres`.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import duckdb

from data_contracts.errors import DestinationError, DestinationUnreachableError
from data_contracts.storage.faults import pass_fault_point
from tasks.destinations.addresses import name_variable
from tasks.destinations.changes import Batch, FileState, find_changes
from tasks.destinations.columns import KEYS, Layout, list_columns
from tasks.destinations.configuration import Destination
from tasks.destinations.postgres_schema import DELIVERED_AT, name_tables, prepare
from tasks.destinations.results_and_errors import Delivered, Sender, StartProgress
from tasks.destinations.rows import choose_rows, read_rows
from tasks.support.extras import name_install

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

    Connection = psycopg.Connection[Any]

CONNECT_SECONDS = 10
SILENT_SECONDS = 30
"""How long a server may not answer at all before the connection counts as lost."""
TRANSACTION_SECONDS = 600
"""How long a transaction may take: a server that hangs must not hold up later runs."""
LOCK_SECONDS = 60
"""How long a delivery waits for a lock that somebody holds on the table."""

_TAKE_TURN = """
UPDATE {delivery} SET deliveries = deliveries + 1, delivered_at = now() WHERE home = %s AND deliveries = %s
"""
_STAGE = "CREATE TEMP TABLE staged_rows ({columns}) ON COMMIT DROP"
_COPY = "COPY {target} ({columns}) FROM STDIN (FORMAT csv)"
_HOLD = "SELECT DISTINCT review::text FROM {table} WHERE source_sha256 = ANY(%s)"
_REMOVE = """
WITH gone AS (
    DELETE FROM {table} AS held WHERE source_sha256 = ANY(%s)
    AND NOT EXISTS (SELECT 1 FROM staged_rows AS staged WHERE {is_same})
    RETURNING review, source_sha256, row_number, model_id
)
INSERT INTO {removed} (review, source_sha256, row_number, model_id) SELECT * FROM gone
"""
_UPSERT = """
INSERT INTO {table} AS held ({columns}) SELECT {columns} FROM staged_rows
ON CONFLICT ({keys}) DO UPDATE SET {updates}, {delivered_at} = now() WHERE ({held}) IS DISTINCT FROM ({excluded})
"""
_ENTER = """
INSERT INTO {files} (source_sha256, state) SELECT unnest(%s::text[]), unnest(%s::text[])
ON CONFLICT (source_sha256) DO UPDATE SET state = excluded.state, delivered_at = now()
"""


def deliver(
    published: duckdb.DuckDBPyConnection,
    destination: Destination,
    sender: Sender,
    states: dict[str, FileState],
    start_progress: StartProgress,
) -> Delivered:
    """Deliver what a table lacks of the files with these states.

    Raises `DestinationError`; what was delivered until then stays.
    """
    with connect(destination) as connection:
        with _limit_time(connection):
            deliveries = prepare(connection, destination, sender)
        names = name_tables(destination).name_all()
        known = dict(connection.execute(f"SELECT source_sha256, state FROM {names['files']}").fetchall())  # noqa: S608
        batches, done = find_changes(states, known), Delivered()
        if not batches:
            return done
        with start_progress(sum(batch.rows for batch in batches)) as report:
            for number, batch in enumerate(batches):
                with _limit_time(connection):
                    turn = partial(_take_turn, connection, destination, sender, deliveries + number)
                    done = done.add(_deliver_whole(published, connection, destination, batch, turn))
                report(batch.rows)
                pass_fault_point("deliver: a transaction committed")
    return done


@contextmanager
def connect(destination: Destination) -> Iterator["Connection"]:
    """Connect to the database of a destination; turn what goes wrong in the block into our errors."""
    try:
        import psycopg
    except ImportError:
        raise DestinationError(
            f"{destination.name}: PostgreSQL needs the extra `postgres`, which is not installed. Next: "
            f"{name_install('psycopg[binary]>=3.2')}"
        ) from None
    with _naming_errors(destination), psycopg.connect(_find_url(destination), **_OPTIONS) as connection:
        connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'; SET TimeZone = 'UTC'")
        if connection.info.parameter_status("server_encoding") != "UTF8":
            raise DestinationError(
                f"{destination.name}: its database is not in UTF-8, so it can't hold all names. Next: create one with "
                "ENCODING 'UTF8'."
            )
        yield connection


_OPTIONS: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": CONNECT_SECONDS,
    "client_encoding": "UTF8",
    "application_name": "reviews",
    # A cut network is noticed while we wait for an answer, and while we send.
    "keepalives_idle": SILENT_SECONDS // 2,
    "keepalives_interval": SILENT_SECONDS // 6,
    "keepalives_count": 3,
    "tcp_user_timeout": SILENT_SECONDS * 1000,
}


@contextmanager
def _limit_time(connection: "Connection") -> Iterator[None]:
    """Cut the connection if the block takes too long."""
    timer = threading.Timer(TRANSACTION_SECONDS, _cut, [connection.fileno()])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(descriptor: int) -> None:
    """End a connection, so that whoever waits for its other end does so no longer."""
    with socket.socket(fileno=os.dup(descriptor)) as line:
        line.shutdown(socket.SHUT_RDWR)


def _find_url(destination: Destination) -> str:
    """Return the address of a destination's database; raise `DestinationError`, which does not repeat it, if wrong."""
    variable = name_variable(destination.name)
    if not destination.url:
        raise DestinationError(
            f"{destination.name}: {variable} is not set. Next: set it to the address of the database, such as "
            f"postgresql://user:password@host:5432/name, or {variable}_FILE to a file with it."
        )
    login = destination.url.partition("://")[2].rpartition("@")[0]
    # An unescaped character would make a part of the password the host, which messages name.
    if not destination.url.startswith(("postgresql://", "postgres://")) or {"@", "/"} & {*login}:
        raise DestinationError(
            f"{variable} must be like postgresql://user:password@host:5432/name, with %40 for @ and %2F for / in the "
            "password."
        )
    return destination.url


@contextmanager
def _naming_errors(destination: Destination) -> Iterator[None]:
    """Turn the errors of psycopg in the block into ours, which name the destination and the next step."""
    import psycopg

    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise DestinationError(
            f"{destination.name}: {destination.place}: {_shorten(error)}. Next: let its user create and change the "
            "tables in that schema."
        ) from None
    except psycopg.OperationalError as error:
        raise DestinationUnreachableError(
            f"{destination.name}: {_shorten(error)}. Next: check the server, the network and "
            f"{name_variable(destination.name)}."
        ) from None
    except psycopg.Error as error:
        # Without a state it is no error of the server, and its text would repeat the address.
        if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
            raise DestinationError(
                f"{name_variable(destination.name)} can't be understood. Next: write it like "
                "postgresql://user:password@host:5432/name."
            ) from None
        raise DestinationError(
            f"{destination.name}: {destination.place}: {_shorten(error)}. Nothing more was delivered. Next: look at "
            f"what was changed there, then `reviews destinations check {destination.name}`."
        ) from None


def _shorten(error: Exception) -> str:
    """Return the first line of an error's text, safe on a terminal; psycopg puts no password into it."""
    line = str(error).strip().partition("\n")[0].rstrip(".")
    return ascii(line[:200])[1:-1] or type(error).__name__


def _take_turn(connection: "Connection", destination: Destination, sender: Sender, deliveries: int) -> None:
    """Lock the ledger for this transaction; raise `DestinationError` if somebody else has delivered meanwhile."""
    names = name_tables(destination).name_all()
    if connection.execute(_TAKE_TURN.format(**names), [sender.home_id, deliveries]).rowcount != 1:
        raise DestinationUnreachableError(
            f"{destination.name}: another process has delivered to {destination.place} meanwhile. Next: see that one "
            "home delivers there, and no copy of it."
        )


def _deliver_whole(
    published: duckdb.DuckDBPyConnection,
    connection: "Connection",
    destination: Destination,
    batch: Batch,
    take_turn: Callable[[], None],
) -> Delivered:
    """Deliver a batch in a transaction, completely or not at all."""
    import psycopg

    if not batch.held:
        with suppress(psycopg.errors.UniqueViolation), connection.transaction():
            take_turn()
            done = _add_batch(published, connection, destination, batch)
            pass_fault_point("deliver: inside a transaction")
            return done
    with connection.transaction():
        take_turn()
        done = _deliver_batch(published, connection, destination, batch)
        pass_fault_point("deliver: inside a staged transaction")
        return done


def _add_batch(
    published: duckdb.DuckDBPyConnection, connection: "Connection", destination: Destination, batch: Batch
) -> Delivered:
    """Add the rows of new files to a table, within a transaction; psycopg raises `UniqueViolation` if one is there."""
    layout, names = destination.layout, name_tables(destination).name_all()
    choose_rows(published, layout, batch.sources)
    written = _copy(
        connection, layout, names["table"], read_rows(published, layout, for_postgres=True, only=True)
    )
    if layout.rows == "current":
        written += _merge(
            connection, destination, read_rows(published, layout, for_postgres=True, only=False)
        )
    _enter(connection, batch, names)
    return Delivered(written, 0, len(batch.files))


def _merge(connection: "Connection", destination: Destination, rows: Iterable["pa.Table"]) -> int:
    """Stage rows, then insert or update them by their key; return the number of those that were written."""
    columns = list_columns(destination.layout)
    stage = ", ".join(f'"{column.name}" {column.postgres}' for column in columns)
    connection.execute(_STAGE.format(columns=stage))
    _copy(connection, destination.layout, "staged_rows", rows)
    return connection.execute(_build_upsert(destination)).rowcount


def _copy(connection: "Connection", layout: Layout, target: str, rows: Iterable["pa.Table"]) -> int:
    """Copy rows into a table; return their number."""
    columns = ", ".join(f'"{column.name}"' for column in list_columns(layout))
    with connection.cursor() as cursor:
        with cursor.copy(_COPY.format(target=target, columns=columns)) as copy:
            for piece in _read_ahead(iter(rows)):
                copy.write(piece)
        return cursor.rowcount


def _read_ahead(rows: Iterator["pa.Table"]) -> Iterator[memoryview]:
    """Yield tables as CSV, and read the next one meanwhile."""

    def format_next() -> memoryview | None:
        table = next(rows, None)
        return None if table is None else _format_csv(table)

    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(format_next)
        while (piece := following.result()) is not None:
            following = reader.submit(format_next)
            yield piece


def _enter(connection: "Connection", batch: Batch, names: Mapping[str, str]) -> None:
    """Enter the states of the files of a batch in the ledger."""
    states = [file.state for file in batch.files]
    connection.execute(_ENTER.format(**names), [batch.sources, states])
    if batch.gone:
        query = f"DELETE FROM {names['files']} WHERE source_sha256 = ANY(%s)"  # noqa: S608 (our own names)
        connection.execute(query, [list(batch.gone)])


def _deliver_batch(
    published: duckdb.DuckDBPyConnection, connection: "Connection", destination: Destination, batch: Batch
) -> Delivered:
    """Make the table agree with the published copy for the files of a batch, within a transaction."""
    layout, names = destination.layout, name_tables(destination).name_all()
    held = list(batch.held)
    reviews = []
    if held and layout.rows == "current":
        reviews = [name for (name,) in connection.execute(_HOLD.format(**names), [held]).fetchall()]
    choose_rows(published, layout, batch.sources, reviews)
    written = _merge(connection, destination, read_rows(published, layout, for_postgres=True))
    removed = 0
    if held:
        is_same = " AND ".join(f"staged.{key} = held.{key}" for key in KEYS[layout.rows])
        removed = connection.execute(_REMOVE.format(is_same=is_same, **names), [held]).rowcount
    _enter(connection, batch, names)
    return Delivered(written, removed, len(batch.files) + len(batch.gone))


def _build_upsert(destination: Destination) -> str:
    """Return the statement that inserts the staged rows, and updates those that differ."""
    columns = [f'"{column.name}"' for column in list_columns(destination.layout)]
    return _UPSERT.format(
        columns=", ".join(columns),
        keys=", ".join(KEYS[destination.layout.rows]),
        updates=", ".join(f"{name} = excluded.{name}" for name in columns),
        held=", ".join(f"held.{name}" for name in columns),
        excluded=", ".join(f"excluded.{name}" for name in columns),
        delivered_at=DELIVERED_AT,
        **name_tables(destination).name_all(),
    )


def _format_csv(rows: "pa.Table") -> memoryview:
    """Return rows as CSV without a header; a null is empty, an empty text is in quotes."""
    import pyarrow as pa
    from pyarrow import csv

    sink = pa.BufferOutputStream()
    csv.write_csv(rows, sink, csv.WriteOptions(include_header=False))
    return memoryview(sink.getvalue())
