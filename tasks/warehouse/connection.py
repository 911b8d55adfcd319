"""Opens the warehouse: waits for its turn, brings the tables up to date, and leaves no raw database error.

One process at a time has the file, whether it reads or writes, so whoever opens it does little and closes at
once. Readers that may take long open the published copy instead (`tasks/warehouse/published.py`).
"""

import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import duckdb

from data_contracts.errors import WarehouseBusyError, WarehouseError
from data_contracts.storage.durable import make_folder, remove_leftovers, write_whole
from data_contracts.warehouse import Migration, list_migrations, read_views
from tasks.support.locking import hold_folder

WAIT_SECONDS = 60.0
"""How long to wait for other processes before giving up."""
MEMORY_LIMIT = "1GB"
"""What DuckDB may take: enough to commit a million reviews at once."""
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0
STORAGE_VERSION = "v1.4.0"
"""The oldest DuckDB that can read the file."""
ROW_GROUP_ROWS = 16_384
"""Rows that are written as one. Full ones are compressed on all cores and go to their place at once; with DuckDB's
own 122,880 most commits would fill none, and write their rows to the log first, then compress them on one core."""
COPY_BYTES = 2**22
SMALL_BYTES = 2**24
"""A larger database has a DuckDB of its own each time it is opened, since a DuckDB keeps the memory that it took."""

ConfigValue = str | bool | int | float | list[str]
_CONFIG: dict[str, ConfigValue] = {
    "memory_limit": MEMORY_LIMIT,
    # Rows are found by their keys: keeping the order of a million texts doubles the memory.
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}

_ROW_GROUPS = f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}"

_RESTORE = "`reviews restore BACKUP`, then `reviews score`, which scores what came after it; or move it away."
"""What to do about a damaged database."""

# The system's file locks don't hold between the threads of one process.
_ONE_AT_A_TIME = threading.Lock()
# Starting DuckDB takes several times as long as opening a file in it. A fork has to start its own, since the threads
# of its parent's are not in it.
_ENGINES: dict[int, duckdb.DuckDBPyConnection] = {}


def require_warehouse(path: Path, next_step: str) -> None:
    """Raise a `WarehouseError` that names `next_step` where there is no database yet."""
    if not path.exists():
        raise WarehouseError(f"{path}: there is no database yet. Next: {next_step}.")


@contextmanager
def open_warehouse(
    path: Path, write: bool, wait_seconds: float = WAIT_SECONDS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database at `path` with its tables up to date, and close it when the block ends.

    A missing database is made. While another process has it, waits with growing pauses up to `wait_seconds`.
    Everything that DuckDB raises, in the block too, comes out as a `WarehouseError`. The block must not open
    the database again.
    """
    with _take_turn(path, wait_seconds), _open_up_to_date(path.absolute(), write, wait_seconds) as connection:
        yield connection


def copy_warehouse(path: Path, target: BinaryIO, wait_seconds: float = WAIT_SECONDS) -> None:
    """Copy the database's bytes, everything committed in them, to `target`; no one writes meanwhile."""
    with (
        _take_turn(path, wait_seconds),
        # The system gives up the database's lock as soon as this process closes any handle of the file: the
        # handle that is read from has to outlive the connection.
        ExitStack() as after,
        _open_up_to_date(path.absolute(), True, wait_seconds) as connection,
    ):
        connection.execute("CHECKPOINT")
        shutil.copyfileobj(after.enter_context(path.open("rb")), target, COPY_BYTES)


def rewrite_warehouse(path: Path, wait_seconds: float = WAIT_SECONDS) -> None:
    """Write the database's file anew and put it in place: of what was deleted, no byte is left in it."""
    with (
        _take_turn(path, wait_seconds),
        # While this connection has the old file, no one else does; whoever comes next opens the new one.
        _open_up_to_date(path.absolute(), True, wait_seconds) as connection,
        write_whole(path.absolute()) as building,
    ):
        connection.execute("CHECKPOINT")
        connection.execute(
            f"ATTACH {quote(str(building))} AS anew (STORAGE_VERSION '{STORAGE_VERSION}', {_ROW_GROUPS})"
        )
        connection.execute("COPY FROM DATABASE warehouse TO anew")
        connection.execute("DETACH anew")
    name_rewrite_mark(path).unlink(missing_ok=True)


def name_rewrite_mark(path: Path) -> Path:
    """Name the file that says that the database at `path` is to be written anew, whatever happens meanwhile."""
    return path.with_name(f".{path.name}.to-rewrite")


def finish_rewriting(path: Path) -> bool:
    """Write the database anew if a killed command was to, and remove what it left; tell whether that was so."""
    remove_leftovers(path.parent)
    if not name_rewrite_mark(path).exists():
        return False
    rewrite_warehouse(path)
    return True


@contextmanager
def begin_transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what the block does if it ends well, else leave nothing of it."""
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException:
        # After some errors there is no transaction left to end.
        with suppress(duckdb.Error):
            connection.rollback()
        raise


def bring_up_to_date(
    connection: duckdb.DuckDBPyConnection, migrations: Sequence[Migration], views: str
) -> None:
    """Apply the migrations that the database lacks, each in a transaction, and make changed views anew.

    Raises `WarehouseError` if the database was made by a newer set of migrations, or by another program.
    """
    version, views_sha256 = _read_state(connection)
    latest = migrations[-1].version
    if version > latest:
        raise WarehouseError(
            f"The database has tables of version {version}, this program knows {latest}: a newer version made "
            "it. Next: update this program, or `reviews restore BACKUP` from before."
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
    """Name the file in which DuckDB keeps what is not in the database at `path` yet."""
    return path.with_name(f"{path.name}.wal")


def connect_read_only(
    path: Path, config: dict[str, ConfigValue], wait_seconds: float
) -> duckdb.DuckDBPyConnection:
    """Connect to a copy of the database that no one writes to, as soon as no other process keeps it."""
    return _connect_when_free(
        path, lambda: duckdb.connect(str(path), read_only=True, config=config), wait_seconds
    )


def _connect_when_free(
    path: Path, connect: Callable[[], duckdb.DuckDBPyConnection], wait_seconds: float
) -> duckdb.DuckDBPyConnection:
    """Connect as soon as no other process has the file, in UTC; the pauses grow, with jitter."""
    deadline, pause = time.monotonic() + wait_seconds, FIRST_PAUSE_SECONDS
    while True:
        try:
            connection = connect()
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                raise
            if time.monotonic() + pause > deadline:
                raise WarehouseBusyError(_describe_wait(path, wait_seconds, first_line(error))) from error
        else:
            connection.execute("SET TimeZone = 'UTC'")
            # It would go to standard output, into the midst of an answer.
            connection.execute("SET enable_progress_bar = false")
            return connection
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 (not for secrets)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


@contextmanager
def _attach(path: Path, *options: str, wait_seconds: float = 0) -> Iterator[duckdb.DuckDBPyConnection]:
    """Connect to the database as soon as no other process has it, and let go of its file when the block ends."""
    try:
        with _connect_when_free(path, lambda: _connect(path, *options), wait_seconds) as connection:
            yield connection
        _find_engine().execute("DETACH warehouse")
        if path.stat().st_size > SMALL_BYTES:
            _stop_engine()
    except BaseException:
        # What failed may have left the engine unusable, or files open in it.
        _stop_engine()
        raise


def _connect(path: Path, *options: str) -> duckdb.DuckDBPyConnection:
    """Connect to the database by `ATTACH`, which alone takes `options`."""
    connection = _find_engine().cursor()
    try:
        connection.execute(f"ATTACH {quote(str(path))} AS warehouse ({', '.join(options)})")
        connection.execute("USE warehouse")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _find_engine() -> duckdb.DuckDBPyConnection:
    """Return the DuckDB of this process, started on first use."""
    process = os.getpid()
    if process not in _ENGINES:
        _ENGINES[process] = duckdb.connect(config=_CONFIG)
    return _ENGINES[process]


def _stop_engine() -> None:
    """Stop the DuckDB of this process; the next use starts another."""
    engine = _ENGINES.pop(os.getpid(), None)
    if engine is not None:
        engine.close()


@contextmanager
def _take_turn(path: Path, wait_seconds: float) -> Iterator[None]:
    """Keep this process's other threads out while the block runs, and translate what it raises."""
    if not _ONE_AT_A_TIME.acquire(timeout=wait_seconds):
        raise WarehouseBusyError(_describe_wait(path, wait_seconds, "another thread of this process has it"))
    try:
        with translate_errors(path):
            yield
    finally:
        _ONE_AT_A_TIME.release()


@contextmanager
def _open_up_to_date(path: Path, write: bool, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
    migrations, views = list_migrations(), read_views()
    if "?" in str(path):
        raise WarehouseError(
            f"{path}: DuckDB can't keep files under a name with a question mark. Next: rename it."
        )
    _create_if_missing(path, migrations, views)
    if not write:
        with _attach(path, "READ_ONLY", wait_seconds=wait_seconds) as connection:
            if _read_state(connection) == (migrations[-1].version, _digest(views)):
                yield connection
                return
    with _attach(path, _ROW_GROUPS, wait_seconds=wait_seconds) as connection:
        bring_up_to_date(connection, migrations, views)
        yield connection


def _create_if_missing(path: Path, migrations: Sequence[Migration], views: str) -> None:
    """Make the database under another name and rename it when it is whole, one process at a time."""
    if path.exists():
        return
    try:
        make_folder(path.parent)
        with hold_folder(path.parent):
            if not path.exists():
                _create(path, migrations, views)
    except OSError as error:
        raise WarehouseError(
            f"{path}: can't be made ({error.strerror or error}). Next: see that its folder can be written."
        ) from error


def _create(path: Path, migrations: Sequence[Migration], views: str) -> None:
    # A log without its database is of no use, and would be taken for the new one's.
    name_log(path).unlink(missing_ok=True)
    with (
        write_whole(path) as building,
        _attach(building, f"STORAGE_VERSION '{STORAGE_VERSION}'") as connection,
    ):
        bring_up_to_date(connection, migrations, views)


def _read_state(connection: duckdb.DuckDBPyConnection) -> tuple[int, str | None]:
    """Give the database's version, 0 if it is empty, and the digest of the views that it has."""
    query = "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary"
    tables = {name for (name,) in connection.execute(query).fetchall()}
    if not tables:
        return 0, None
    if "schema_migrations" not in tables:
        raise WarehouseError(
            f"The database has tables but no schema_migrations ({', '.join(sorted(tables)[:5])}): another "
            "program made it. Next: move it elsewhere; a new one is made in its place."
        )
    query = "SELECT version, views_sha256 FROM schema_migrations ORDER BY version DESC LIMIT 1"
    return (connection.execute(query).fetchall() or [(0, None)])[0]


def _digest(views: str) -> str:
    return sha256(views.encode()).hexdigest()


@contextmanager
def translate_errors(path: Path, when_damaged: str = _RESTORE) -> Iterator[None]:
    """Turn what DuckDB raises into a `WarehouseError` that names the file and a next step."""
    try:
        yield
    except duckdb.Error as error:
        raise WarehouseError(
            f"{path}: {first_line(error)}. Next: {_choose_next_step(error, when_damaged)}"
        ) from error


def quote(text: str) -> str:
    """Write a text as SQL does, where no parameter can stand."""
    return "'" + text.replace("'", "''") + "'"


def first_line(error: Exception) -> str:
    """Give the first line of an error's text, without the mark at its end."""
    return str(error).strip().split("\n")[0].rstrip(".!") or type(error).__name__


def _choose_next_step(error: duckdb.Error, when_damaged: str) -> str:
    text = str(error).lower()
    if any(
        words in text for words in ("not a valid duckdb", "corrupt", "checksum", "deserializ", "enough bytes")
    ):
        return f"the file is damaged: {when_damaged}"
    if "version number" in text:
        return "the file was made by a newer DuckDB: update this program, or `reviews restore BACKUP` from before."
    if isinstance(error, duckdb.CatalogException):
        return "a table or view is missing: `reviews restore BACKUP`."
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"free disk space beside the database: more than {MEMORY_LIMIT} of memory was needed."
    return "see that the disk is not full and the folder can be written, then run the command again."


def _describe_wait(path: Path, wait_seconds: float, reason: str) -> str:
    return (
        f"{path}: is in use for more than {wait_seconds:g} s ({reason}). Next: close the program that has it "
        "open; programs that only read should open the published copy, and open it read-only."
    )
