"""Delivers scores to a table in PostgreSQL, each row once, however often a delivery is killed.

Each batch of files is one transaction: it copies the rows into a staging table, deletes what should not be there,
inserts or updates the rest by its key, and enters the files' states in the ledger beside the table. So what the ledger
has is delivered, and a killed delivery goes on with the next batch. Beside the table `NAME` lie `NAME_delivery`, one
row that says which home delivers and what; `NAME_files` with the state of each file that was delivered; and
`NAME_removed` with the rows that were deleted. `psycopg` is of the extra `postgres`.
"""

import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from data_contracts.errors import DestinationError, DestinationUnreachableError
from data_contracts.storage.faults import pass_fault_point
from tasks.delivery.addresses import name_variable
from tasks.delivery.changes import FileState, find_changes, group_files
from tasks.delivery.columns import KEYS, POSTGRES_TYPES, REQUIRED, list_columns
from tasks.delivery.destinations import Destination
from tasks.delivery.results import Delivered, Sender, StartProgress, require_own
from tasks.delivery.rows import choose_rows, read_rows
from tasks.support.extras import describe_missing

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

SCHEMA_VERSION = 1
"""The version of the tables; of a later one than it knows, a program delivers nothing."""
DELIVERED_AT = {"delivered_at": "timestamp with time zone NOT NULL DEFAULT now()"}
"""The column that a table has besides: when the row was written or changed."""
CONNECT_SECONDS = 10
SILENT_SECONDS = 30
"""How long a server may not answer at all before the connection counts as lost."""
TRANSACTION_SECONDS = 600
"""How long a transaction may take: a server that hangs must not hold up later runs."""
LOCK_SECONDS = 60
"""How long a delivery waits for a lock that somebody holds on the table."""

_CREATE_LEDGER = """
CREATE TABLE IF NOT EXISTS {delivery} (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    home text NOT NULL,
    home_place text NOT NULL,
    schema_version integer NOT NULL,
    rows text NOT NULL,
    columns text[] NOT NULL,
    deliveries bigint NOT NULL DEFAULT 0,
    delivered_at timestamp with time zone
);
CREATE TABLE IF NOT EXISTS {files} (
    source_sha256 text PRIMARY KEY,
    state text NOT NULL,
    delivered_at timestamp with time zone NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS {removed} (
    review uuid NOT NULL,
    source_sha256 text NOT NULL,
    row_number bigint NOT NULL,
    model_id text NOT NULL,
    removed_at timestamp with time zone NOT NULL DEFAULT now()
);
"""
_READ_DELIVERY = (
    "SELECT home, home_place, schema_version, rows, columns, deliveries FROM {delivery} FOR UPDATE"
)
_START = (
    "INSERT INTO {delivery} (home, home_place, schema_version, rows, columns) VALUES (%s, %s, %s, %s, %s)"
)
_LIST_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
_TAKE_TURN = """
UPDATE {delivery} SET deliveries = deliveries + 1, delivered_at = now() WHERE home = %s AND deliveries = %s
"""
_STAGE = "CREATE TEMP TABLE staged_rows ({columns}) ON COMMIT DROP"
_COPY = "COPY staged_rows ({columns}) FROM STDIN (FORMAT csv)"
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
ON CONFLICT ({keys}) DO UPDATE SET {updates}, delivered_at = now() WHERE ({held}) IS DISTINCT FROM ({excluded})
"""
_ENTER = """
INSERT INTO {files} (source_sha256, state) SELECT unnest(%s::text[]), unnest(%s::text[])
ON CONFLICT (source_sha256) DO UPDATE SET state = excluded.state, delivered_at = now()
"""
_LEAVE = "DELETE FROM {files} WHERE source_sha256 = ANY(%s)"
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


@dataclass(frozen=True)
class _Table:
    """The table of a destination, with a connection to its database."""

    connection: "Connection"
    destination: Destination
    names: Mapping[str, str]
    """The names of the schema, the table and those beside it, quoted, as the queries above use them."""
    columns: Mapping[str, str]
    """The type of each column that is delivered, by name."""

    def execute(self, query: str, *values: Any, **parts: str) -> "psycopg.Cursor[Any]":
        """Run a query on the tables that it names."""
        return self.connection.execute(query.format(**self.names, **parts), values or None)

    def has(self, name: str, kind: str = "regclass") -> bool:
        """Return whether the database has one of the tables or, as `regnamespace`, the schema."""
        return self.connection.execute(f"SELECT to_{kind}(%s)", [self.names[name]]).fetchone() != (None,)

    def read_states(self) -> dict[str, str]:
        """Return the state of each file that was delivered."""
        return dict(self.execute("SELECT source_sha256, state FROM {files}").fetchall())

    def list_names(self) -> str:
        """Return the columns that are delivered, as a list in SQL."""
        return ", ".join(f'"{name}"' for name in self.columns)


def deliver(
    published: duckdb.DuckDBPyConnection,
    destination: Destination,
    sender: Sender,
    states: Mapping[str, FileState],
    start_progress: StartProgress,
) -> Delivered:
    """Deliver what a table lacks of the files with these states.

    Raises `DestinationError`; what was delivered until then stays.
    """
    done = Delivered()
    with _connect(destination) as table:
        with _limit_time(table.connection):
            deliveries = _prepare(table, sender)
        known = table.read_states()
        if not (files := find_changes(states, known)):
            return done
        with start_progress(sum(file.rows for file in files)) as report:
            for number, batch in enumerate(group_files(files)):
                with _limit_time(table.connection), table.connection.transaction():
                    if table.execute(_TAKE_TURN, sender.home_id, deliveries + number).rowcount != 1:
                        raise DestinationUnreachableError(
                            f"{destination.name}: another process has delivered to {destination.place} meanwhile. "
                            "Next: see that one home delivers there, and no copy of it."
                        )
                    held = [file.source_sha256 for file in batch if file.source_sha256 in known]
                    done = done.add(_deliver_batch(published, table, batch, held))
                    pass_fault_point("postgres: inside a transaction")
                report(sum(file.rows for file in batch))
                pass_fault_point("postgres: a transaction committed")
    return done


def inspect(destination: Destination, sender: Sender) -> tuple[int, dict[str, str]]:
    """Return the rows of a table and the states of its files; whatever is prepared for that is rolled back."""
    with _connect(destination) as table, table.connection.transaction(force_rollback=True):
        _prepare(table, sender)
        [(rows,)] = table.execute("SELECT count(*) FROM {table}").fetchall()
        return int(rows), table.read_states()


@contextmanager
def _connect(destination: Destination) -> Iterator[_Table]:
    """Connect to the database of a destination; turn what goes wrong in the block into our errors."""
    try:
        import psycopg
    except ImportError:
        raise DestinationError(
            f"{destination.name}: PostgreSQL needs {describe_missing('postgres')}"
        ) from None
    schema, _, name = destination.place.partition(".")
    beside = {each: f'"{schema}"."{name}_{each}"' for each in ("delivery", "files", "removed")}
    names = {"schema": f'"{schema}"', "table": f'"{schema}"."{name}"', **beside}
    types = {name: POSTGRES_TYPES[kind] for name, kind in list_columns(destination.layout).items()}
    with _naming_errors(destination), psycopg.connect(_find_url(destination), **_OPTIONS) as connection:
        connection.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'; SET TimeZone = 'UTC'")
        yield _Table(connection, destination, names, {**types, "review": "uuid"})


@contextmanager
def _limit_time(connection: "Connection") -> Iterator[None]:
    """Cut the connection if the block takes too long, so that whoever waits for its other end does so no longer."""

    def cut() -> None:
        with socket.socket(fileno=os.dup(connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(TRANSACTION_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


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


def _prepare(table: _Table, sender: Sender) -> int:
    """Create what is missing, check what is there, and add columns; return the number of deliveries so far.

    Raises `DestinationError`, which names the table, the column and the next step, if it can't be delivered to.
    """
    destination, columns = table.destination, [*table.columns]
    with table.connection.transaction():
        table.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", f"reviews {destination.place}")
        if not table.has("schema", "regnamespace"):
            table.execute("CREATE SCHEMA {schema}")
        if not table.has("delivery"):
            for name in filter(table.has, ("table", "files", "removed")):
                shown = table.names[name].replace('"', "")
                raise DestinationError(
                    f"{destination.name}: there is a table {shown} already, which no delivery has made. Next: name "
                    "another table, or rename that one."
                )
        table.execute(_CREATE_LEDGER)
        begun = table.execute(_READ_DELIVERY).fetchone()
        if begun is None:
            begun = (sender.home_id, sender.place, SCHEMA_VERSION, destination.layout.rows, columns, 0)
            table.execute(_START, *begun[:-1])
        home, place, version, rows, known, deliveries = begun
        require_own(destination, sender, home, place, rows)
        if version > SCHEMA_VERSION:
            raise DestinationError(
                f"{destination.name}: a newer version of this program has filled {destination.place}. Next: update "
                "this one."
            )
        if not table.has("table"):
            _create(table)
        new = [name for name in columns if name not in known]
        for name in new:
            table.execute(f'ALTER TABLE {{table}} ADD COLUMN IF NOT EXISTS "{name}" {table.columns[name]}')
        _require_columns(table)
        if new or sender.repeats:
            table.execute("UPDATE {files} SET state = ''")
        change = "UPDATE {delivery} SET home = %s, home_place = %s, columns = %s"
        table.execute(change, sender.home_id, sender.place, columns)
    return int(deliveries)


def _create(table: _Table) -> None:
    """Create the table of scores; whatever was delivered before is not there."""
    rows = table.destination.layout.rows
    lines = [
        f'"{name}" {kind}{" NOT NULL" if name in REQUIRED else ""}'
        for name, kind in {**table.columns, **DELIVERED_AT}.items()
    ]
    lines.append(f"PRIMARY KEY ({', '.join(KEYS[rows])})")
    table.execute(f"CREATE TABLE {{table}} ({', '.join(lines)})")
    if rows == "current":  # else the primary key begins with it
        table.execute("CREATE INDEX ON {table} (source_sha256)")
    table.execute("DELETE FROM {files}")


def _require_columns(table: _Table) -> None:
    """Raise `DestinationError` if the table lacks a column, has one of another type, or one that it may not have.

    Columns that somebody has added are left alone.
    """
    destination, name_shown = table.destination, table.names["table"]
    found = dict(table.execute(_LIST_COLUMNS, name_shown).fetchall())
    for name, kind in {**table.columns, **DELIVERED_AT}.items():
        if found.get(name) != kind.partition(" NOT NULL")[0]:
            raise DestinationError(
                f"{destination.name}: {destination.place}: the column {name} was of type {kind}, and is "
                f"{found.get(name, 'gone')}. Nothing was delivered. Next: ALTER TABLE {name_shown} DROP COLUMN IF "
                f"EXISTS {name}, ADD COLUMN {name} {kind}; then `{destination.repeating}`."
            )
    for name, key in (("text", "texts"), ("extra", "extra")):
        if name in found.keys() - table.columns.keys():
            raise DestinationError(
                f"{destination.name}: {destination.place} has a column {name}, but {key} = false. Next: "
                f"ALTER TABLE {name_shown} DROP COLUMN {name}, or set {key} = true."
            )


def _deliver_batch(
    published: duckdb.DuckDBPyConnection, table: _Table, batch: Sequence[FileState], held: Sequence[str]
) -> Delivered:
    """Make the table agree with the published copy for the files of a batch; it may have rows of those `held`."""
    import pyarrow as pa
    from pyarrow import csv

    layout, keys, columns = table.destination.layout, KEYS[table.destination.layout.rows], table.list_names()
    wanted = {file.source_sha256: file.state for file in batch if file.state}
    reviews = []
    if held and layout.rows == "current":
        reviews = [name for (name,) in table.execute(_HOLD, held).fetchall()]
    choose_rows(published, layout, wanted, reviews)
    table.execute(_STAGE, columns=", ".join(f'"{name}" {kind}' for name, kind in table.columns.items()))
    with table.connection.cursor() as cursor, cursor.copy(_COPY.format(columns=columns)) as copy:
        for rows in read_rows(published, layout, "postgres"):
            sink = pa.BufferOutputStream()  # a null is empty, an empty text is in quotes
            csv.write_csv(rows, sink, csv.WriteOptions(include_header=False))
            copy.write(memoryview(sink.getvalue()))
    written = table.execute(
        _UPSERT,
        columns=columns,
        keys=", ".join(keys),
        updates=", ".join(f'"{name}" = excluded."{name}"' for name in table.columns),
        held=", ".join(f'held."{name}"' for name in table.columns),
        excluded=", ".join(f'excluded."{name}"' for name in table.columns),
    ).rowcount
    is_same = " AND ".join(f"staged.{key} = held.{key}" for key in keys)
    removed = table.execute(_REMOVE, held, is_same=is_same).rowcount if held else 0
    table.execute(_ENTER, list(wanted), list(wanted.values()))
    table.execute(_LEAVE, [file.source_sha256 for file in batch if not file.state])
    return Delivered(written, removed, len(batch))
