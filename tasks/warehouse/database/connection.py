"""Opens the warehouse: waits for other processes and applies migrations.

Only one process at a time can have the file open, for reading or writing, so every user of it closes it soon.
Readers that may take long open the published copy instead (`tasks/warehouse/published.py`).
"""

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

import duckdb

from data_contracts.errors import WarehouseBusyError, WarehouseError
from data_contracts.storage.durable import make_folder, remove_leftovers, write_whole
from data_contracts.storage.home import Home
from data_contracts.warehouse import Migration, list_migrations, read_views
from tasks.support.locking import hold_folder
from tasks.support.progress import show_progress
from tasks.warehouse.database.opening import MEMORY_LIMIT, connect_when_free, describe_wait, translate_errors

WAIT_SECONDS = 60.0
"""Longest wait for other processes."""
STORAGE_VERSION = "v1.4.0"
"""The oldest DuckDB version that can read the file."""
ROW_GROUP_ROWS = 16_384
"""Rows of a row group. DuckDB compresses full row groups on all cores and writes them straight to the database file.
With DuckDB's default of 122,880 most commits would fill none: DuckDB would write their rows to the log first, then
compress them on one core."""
MOST_KEPT_BYTES = 2**26
"""Most memory with which the engine goes on after use. With more it is stopped, since it keeps what it has taken."""

SPILL = ".duckdb.spill"
"""The folder beside the database for what does not fit into memory. DuckDB deletes what killed processes left in it."""
ANNOUNCED_BYTES = 2**27
"""Size of a database above which a migration is announced, since it takes a while."""

ConfigValue = str | bool | int | float | list[str]
_CONFIG: dict[str, ConfigValue] = {
    "memory_limit": MEMORY_LIMIT,
    # No query depends on the order of insertion, and keeping it for a million texts doubles the memory.
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}

_ROW_GROUPS = f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}"

# The system's file locks keep out other processes, but not other threads of this process.
_THREAD_LOCK = threading.Lock()
_ENGINES: dict[int, duckdb.DuckDBPyConnection] = {}
"""The DuckDB engine of this process, by its id. Starting an engine takes several times as long as opening a database
in it. A forked process starts its own, since it lacks the threads of its parent's engine."""
_SPILLS: dict[int, Path] = {}
"""The folder to which the engine of this process writes what does not fit into its memory, by the process's id."""


def require_warehouse(path: Path, next_step: str) -> None:
    """Raise a `WarehouseError` that ends with `next_step` if there is no database at `path` yet."""
    if not path.exists():
        require_no_reader(path)
        raise WarehouseError(f"{path}: there is no database yet. Next: {next_step}.")


@contextmanager
def open_warehouse(
    path: Path, write: bool, wait_seconds: float = WAIT_SECONDS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database at `path`, migrated to the latest version, and close it when the block ends.

    Creates a missing database. While another process has it open, retries with growing pauses for `wait_seconds`.
    Every DuckDB error, in the block too, is raised as a `WarehouseError`. The block must not open the database again.
    """
    with take_turn(path, wait_seconds), _open_up_to_date(path.absolute(), write, wait_seconds) as connection:
        yield connection


def rewrite_warehouse(path: Path, wait_seconds: float = WAIT_SECONDS) -> None:
    """Rewrite the database into a new file and replace the old one, so that no byte of deleted rows remains."""
    with (
        take_turn(path, wait_seconds),
        # No other process can open the old file while this connection has it; the next one opens the new file.
        _open_up_to_date(path.absolute(), True, wait_seconds) as connection,
        write_whole(path.absolute()) as building,
    ):
        connection.execute("CHECKPOINT")
        connection.execute(
            f"ATTACH {quote_sql(str(building))} AS rewritten (STORAGE_VERSION '{STORAGE_VERSION}', {_ROW_GROUPS})"
        )
        connection.execute("COPY FROM DATABASE warehouse TO rewritten")
        connection.execute("DETACH rewritten")
    name_rewrite_mark(path).unlink(missing_ok=True)


def name_rewrite_mark(path: Path) -> Path:
    """Return the path of the file whose presence says that the database at `path` must still be rewritten."""
    return path.with_name(f".{path.name}.to-rewrite")


def finish_rewriting(path: Path) -> bool:
    """Rewrite the database if a killed command did not finish that, and return whether it was so.

    Also removes temporary files that killed commands left beside the database.
    """
    remove_leftovers(path.parent)
    if not name_rewrite_mark(path).exists():
        return False
    rewrite_warehouse(path)
    return True


@contextmanager
def begin_transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Run the block in a transaction: commit at its end, roll back if it raises."""
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        # Some errors have ended the transaction already.
        with suppress(duckdb.Error):
            connection.rollback()
        raise


def bring_up_to_date(
    connection: duckdb.DuckDBPyConnection, migrations: Sequence[Migration], views: str
) -> None:
    """Apply the missing migrations, each in a transaction, and recreate the views if their SQL has changed.

    Raises `WarehouseError` if a newer version of this program, or another program, made the database.
    """
    version, views_sha256 = _read_state(connection)
    latest = migrations[-1].version
    if version > latest:
        raise WarehouseError(
            f"The database has tables of version {version}, this program knows {latest} at most: a newer version "
            "made them. Next: update this program, or `reviews restore` an older backup."
        )
    for migration in migrations:
        if migration.version > version:
            with begin_transaction(connection):
                connection.execute(migration.sql)
                row = [migration.version, migration.name]
                connection.execute("INSERT INTO schema_migrations VALUES (?, ?, now(), NULL)", row)
    if version < latest or views_sha256 != _digest(views):
        with begin_transaction(connection):
            connection.execute(views)
            row = [_digest(views), latest]
            connection.execute("UPDATE schema_migrations SET views_sha256 = ? WHERE version = ?", row)


def name_log(path: Path) -> Path:
    """Return the path of DuckDB's write-ahead log of the database at `path`."""
    return path.with_name(f"{path.name}.wal")


@contextmanager
def open_read_only(
    path: Path, config: dict[str, ConfigValue], wait_seconds: float
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database file at `path` read-only, as soon as no other process has locked it.

    Until the block ends, no process writes into the file, this one neither (`tasks/warehouse/publishing.py`).
    """

    def connect() -> duckdb.DuckDBPyConnection:
        return _start_engine(config, str(path), read_only=True)

    with (
        ExitStack() as until_closed,
        connect_when_free(path, connect, wait_seconds, until_closed) as connection,
    ):
        yield connection


def open_apart(
    path: Path, config: dict[str, ConfigValue], wait_seconds: float
) -> tuple[duckdb.DuckDBPyConnection, Callable[[], None]]:
    """Open the database file at `path` read-only in an engine of its own; return also what closes it.

    All other connections of a process to one path share an engine: its settings, and the file that had the path first.
    Without being closed, it stays open as long as the connection, or a relation of it, is referred to.
    """
    until_closed = ExitStack()
    connection = connect_when_free(path, lambda: _attach_alone(path, config), wait_seconds, until_closed)
    release = weakref.finalize(connection, until_closed.close)

    def close() -> None:
        connection.close()
        release()

    return connection, close


def _attach_alone(path: Path, config: dict[str, ConfigValue]) -> duckdb.DuckDBPyConnection:
    """Attach a database file to a new engine, under its own name, as if it were opened."""
    connection = _start_engine(config)
    try:
        connection.execute(f"SET temp_directory = {quote_sql(f'{path}.tmp')}")
        connection.execute(f'ATTACH {quote_sql(str(path))} AS "{path.stem}" (READ_ONLY)')
        connection.execute(f'USE "{path.stem}"')
    except duckdb.Error:
        connection.close()
        raise
    return connection


@contextmanager
def attach(path: Path, *options: str, wait_seconds: float = 0) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to the database as soon as no other process has it, and release its file when the block ends.

    The caller has its turn (`take_turn`); the database is opened as it is.
    """
    with ExitStack() as until_closed:
        try:
            with connect_when_free(
                path, lambda: _connect(path, *options), wait_seconds, until_closed
            ) as connection:
                yield connection
            memory = _find_engine().execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()
            _find_engine().execute("DETACH warehouse")
            if memory[0][0] > MOST_KEPT_BYTES:
                _stop_engine()
        except BaseException:
            # The error may have left the engine unusable, or files open in it.
            _stop_engine()
            raise


def _connect(path: Path, *options: str) -> duckdb.DuckDBPyConnection:
    """Connect to the database by `ATTACH`, since only that accepts `options`."""
    connection = _start_session(path.with_name(SPILL))
    try:
        # An attempt before this one may have attached a file that was changed meanwhile.
        connection.execute("DETACH DATABASE IF EXISTS warehouse")
        connection.execute(f"ATTACH {quote_sql(str(path))} AS warehouse ({', '.join(options)})")
        connection.execute("USE warehouse")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _start_session(spill: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection of the engine, which writes to the folder `spill` what does not fit into its memory.

    By default that would be a folder in the current one, which others may read, or nobody write.
    """
    if _SPILLS.get(os.getpid()) == spill:
        return _find_engine().cursor()
    set_spill = f"SET temp_directory = {quote_sql(str(spill))}"
    try:
        _find_engine().execute(set_spill)
    except duckdb.Error:  # the engine has written to another one
        _stop_engine()
        _find_engine().execute(set_spill)
    _SPILLS[os.getpid()] = spill
    return _find_engine().cursor()


def _find_engine() -> duckdb.DuckDBPyConnection:
    """Return the DuckDB engine of this process, started on first use."""
    process = os.getpid()
    if process not in _ENGINES:
        _ENGINES[process] = _start_engine(_CONFIG)
    return _ENGINES[process]


def _start_engine(
    config: dict[str, ConfigValue], database: str = ":memory:", *, read_only: bool = False
) -> duckdb.DuckDBPyConnection:
    """Start a DuckDB engine with a database; all its sessions have times in UTC."""
    connection = duckdb.connect(database, read_only=read_only, config=config)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    # DuckDB would draw its progress bar on standard output, amid the result of a query.
    connection.execute("SET enable_progress_bar = false")
    return connection


def _stop_engine() -> None:
    """Stop the DuckDB engine of this process; the next use starts another."""
    _SPILLS.pop(os.getpid(), None)
    engine = _ENGINES.pop(os.getpid(), None)
    if engine is not None:
        engine.close()


@contextmanager
def take_turn(path: Path, wait_seconds: float) -> Iterator[None]:
    """Keep other threads of this process out while the block runs, and translate DuckDB's errors."""
    if not _THREAD_LOCK.acquire(timeout=wait_seconds):
        raise WarehouseBusyError(describe_wait(path, wait_seconds, "another thread of this process has it"))
    try:
        with translate_errors(path):
            yield
    finally:
        _THREAD_LOCK.release()


@contextmanager
def _open_up_to_date(path: Path, write: bool, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse, created or migrated first where needed."""
    migrations, views = list_migrations(), read_views()
    if "?" in str(path):
        raise WarehouseError(
            f"{path}: DuckDB can't open a path with a question mark. Next: rename the folder that has it."
        )
    _create_if_missing(path, migrations, views)
    latest = migrations[-1].version, _digest(views)
    if not write:
        with attach(path, "READ_ONLY", wait_seconds=wait_seconds) as connection:
            if _read_state(connection) == latest:
                yield connection
                return
    with attach(path, _ROW_GROUPS, wait_seconds=wait_seconds) as connection:
        state = _read_state(connection)
        if state != latest:
            is_long = state[0] < migrations[-1].version and path.stat().st_size > ANNOUNCED_BYTES
            with show_progress("Updating the database", None) if is_long else nullcontext():
                bring_up_to_date(connection, migrations, views)
        yield connection


def require_no_reader(path: Path) -> None:
    """Raise `WarehouseError` if the home has no database at `path` and only reads the copy of a store."""
    fetched = Home(path.parent).fetched
    if fetched.exists() and not path.exists():
        raise WarehouseError(
            f"{path.parent}: only reads the copy of a store, so nothing is scored or kept here. Next: do that in the "
            "home that publishes there, or in another folder (REVIEWS_HOME). Without the folder "
            f"{fetched.parent} this one begins a database of its own."
        )


def _create_if_missing(path: Path, migrations: Sequence[Migration], views: str) -> None:
    """Create the database under a temporary name and rename it when it is complete, one process at a time."""
    if path.exists():
        return
    require_no_reader(path)
    try:
        make_folder(path.parent)
        with hold_folder(path.parent):
            if not path.exists():
                _create(path, migrations, views)
    except OSError as error:
        raise WarehouseError(
            f"{path}: can't be created ({error.strerror or error}). Next: make its folder writable."
        ) from error


def _create(path: Path, migrations: Sequence[Migration], views: str) -> None:
    """Create the warehouse by its migrations."""
    # DuckDB would apply a log that is left of an earlier database to the new one.
    name_log(path).unlink(missing_ok=True)
    with (
        write_whole(path) as building,
        attach(building, f"STORAGE_VERSION '{STORAGE_VERSION}'") as connection,
    ):
        bring_up_to_date(connection, migrations, views)


def _read_state(connection: duckdb.DuckDBPyConnection) -> tuple[int, str | None]:
    """Return the version of the last migration, 0 for an empty database, and the digest of the SQL of its views.

    Raises `WarehouseError` if another program made the database.
    """
    try:
        found = connection.execute("SELECT version, views_sha256 FROM schema_migrations").fetchall()
    except duckdb.CatalogException:
        _require_no_tables(connection)
        return 0, None
    return max(found, default=(0, None))


def _require_no_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Raise `WarehouseError` if a database without migrations has tables: it is of another program."""
    query = "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary ORDER BY ALL"
    tables = [name for (name,) in connection.execute(query).fetchall()]
    if tables:
        raise WarehouseError(
            f"The database has tables ({', '.join(tables[:5])}) but no table schema_migrations: another "
            "program made it. Next: move it elsewhere; a new one is created in its place."
        )


@cache
def _digest(views: str) -> str:
    """Return the digest of the SQL of the views, by which an opened warehouse is known to be up to date."""
    return sha256(views.encode()).hexdigest()


def quote_sql(text: str) -> str:
    """Return a text as an SQL string literal, for places that accept no parameter."""
    return "'" + text.replace("'", "''") + "'"
