"""The DuckDB engine of this process, and the database files that are attached to it or opened apart from it."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import duckdb

from data_contracts.errors import WarehouseBusyError
from data_contracts.storage.durable import is_running, remove
from data_contracts.storage.listing import list_paths
from tasks.warehouse.database.duckdb_errors import MEMORY_LIMIT, translate_errors
from tasks.warehouse.database.waiting_for_file import connect_when_free, describe_wait

STORAGE_VERSION = "v1.4.0"
"""The oldest DuckDB version that can read the file."""
ROW_GROUP_ROWS = 16_384
"""Rows of a row group. DuckDB compresses full row groups on all cores and writes them straight to the database file.
With DuckDB's default of 122,880 most commits would fill none: DuckDB would write their rows to the log first, then
compress them on one core."""
MOST_KEPT_BYTES = 2**26
"""Most memory with which the engine goes on after use. With more it is stopped, since it keeps what it has taken."""
_SPILL = ".duckdb.spill"
"""Begins the names of folders beside a database, one a process, for what does not fit into its memory."""
ConfigValue = str | bool | int | float | list[str]
_CONFIG: dict[str, ConfigValue] = {
    "memory_limit": MEMORY_LIMIT,
    # No query depends on the order of insertion, and keeping it for a million texts doubles the memory.
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}
ROW_GROUPS = f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
"""The option by which a database is attached to be written."""
# Planned once, since that takes longer than the query.
_PREPARE_MEASURE = "PREPARE measure_memory AS SELECT sum(memory_usage_bytes) FROM duckdb_memory()"
# The system's file locks keep out other processes, but not other threads of this process.
_THREAD_LOCK = threading.Lock()
_ENGINES: dict[int, duckdb.DuckDBPyConnection] = {}
"""The DuckDB engine of this process, by its id. Starting an engine takes several times as long as opening a database
in it. A forked process starts its own, since it lacks the threads of its parent's engine."""
_SPILLS: dict[int, Path] = {}
"""The folder to which the engine of this process writes what does not fit into its memory, by the process's id."""


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
            [(used,)] = _find_engine().execute("EXECUTE measure_memory").fetchall()
            if not _detach() or used > MOST_KEPT_BYTES:
                _stop_engine()
        except BaseException:
            # The error may have left the engine unusable, or files open in it.
            _stop_engine()
            raise


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
        connection.execute(f'ATTACH {quote_sql(str(path))} AS "{path.stem}" (READ_ONLY)')
        connection.execute(f'USE "{path.stem}"')
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _connect(path: Path, *options: str) -> duckdb.DuckDBPyConnection:
    """Connect to the database by `ATTACH`, since only that accepts `options`."""
    connection = _start_session(name_spill(path))
    try:
        # An attempt before this one may have attached a file that was changed meanwhile.
        connection.execute("DETACH DATABASE IF EXISTS warehouse")
        connection.execute(f"ATTACH {quote_sql(str(path))} AS warehouse ({', '.join(options)})")
        connection.execute("USE warehouse")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _detach() -> bool:
    """Release the database's file; return False if what was committed could not be brought from the log into it.

    It stays committed: the log lies beside the file, and who opens or publishes the database next has it from there.
    """
    try:
        _find_engine().execute("DETACH warehouse")
    except duckdb.IOException:  # a full disk
        return False
    return True


def name_spill(path: Path) -> Path:
    """Return the folder for what does not fit into the memory with which this process reads or writes a database.

    DuckDB makes it when it needs it, and deletes it. By default of a writer it would be in the current folder, which
    others may read, or nobody write.
    """
    return path.with_name(f"{_SPILL}.{os.getpid()}")


def drop_spilled(path: Path) -> None:
    """Delete what killed processes, also of earlier versions, left of a database that did not fit into their memory."""
    for left in list_paths(path.parent, f"{_SPILL}*"):
        process = left.suffix.removeprefix(".")
        if not (process.isdecimal() and is_running(int(process))):
            remove(left)
    remove(path.with_name(f"{path.name}.tmp"))


def _start_session(spill: Path) -> duckdb.DuckDBPyConnection:
    """Return a connection of the engine, which writes to the folder `spill` what does not fit into its memory."""
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
        _ENGINES[process].execute(_PREPARE_MEASURE)
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


@contextmanager
def stream_first(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let DuckDB read the first table of each join row by row, and hold the others in memory.

    By itself it holds the one that it takes for the smaller one, and takes texts to be as short as other values.
    """
    connection.execute("SET disabled_optimizers = 'join_order, build_side_probe_side'")
    yield  # after an error the engine is stopped
    connection.execute("RESET disabled_optimizers")


def quote_sql(text: str) -> str:
    """Return a text as an SQL string literal, for places that accept no parameter."""
    return "'" + text.replace("'", "''") + "'"
