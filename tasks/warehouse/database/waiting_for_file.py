"""Opens a DuckDB file as soon as no other process has it.

DuckDB 2.0 reads the headers of a file, closes it, and only then opens it again and locks it. What another process
commits in between is not seen, and lost with the next commit; what comes to that path in between is read by the headers
of another file. So the headers are compared when the file is locked, and a file that was changed is opened again.
"""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import duckdb

from data_contracts.errors import WarehouseBusyError
from tasks.support.locking import watch_file
from tasks.warehouse.database.duckdb_errors import shorten_error

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0
HEADER_BYTES, HEADERS = 4096, 3
"""The size and number of the headers of a DuckDB file, before its first block."""


class _InUseError(Exception):
    """Another process has the file, or had it while it was opened. Its text says which."""


def connect_when_free(
    path: Path, connect: Callable[[], duckdb.DuckDBPyConnection], wait_seconds: float, until_closed: ExitStack
) -> duckdb.DuckDBPyConnection:
    """Retry `connect`, with growing, random pauses, until no other process has locked the file.

    Close `until_closed` after the connection, not before. Raises `WarehouseBusyError` after `wait_seconds`.
    """
    deadline, pause = time.monotonic() + wait_seconds, FIRST_PAUSE_SECONDS
    while True:
        try:
            connection = _connect_unchanged(path, connect, until_closed)
        except _InUseError as error:
            if time.monotonic() + pause > deadline:
                raise WarehouseBusyError(describe_wait(path, wait_seconds, str(error))) from error
        else:
            return connection
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 (not for secrets)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _connect_unchanged(
    path: Path, connect: Callable[[], duckdb.DuckDBPyConnection], until_closed: ExitStack
) -> duckdb.DuckDBPyConnection:
    """Call `connect`; raise `_InUseError` if the file is locked, or was changed before it was."""
    with ExitStack() as attempt:
        has_changed = attempt.enter_context(watch_file(path, HEADERS * HEADER_BYTES))
        try:
            connection = connect()
        except duckdb.Error as error:
            if "Could not set lock" in str(error) or has_changed():
                raise _InUseError(shorten_error(error)) from error
            raise
        if has_changed():
            connection.close()
            raise _InUseError("another process changed it while it was opened")
        until_closed.push(attempt.pop_all())
    return connection


def describe_wait(path: Path, wait_seconds: float, reason: str) -> str:
    """Describe that the warehouse could not be opened since another process kept it locked."""
    return (
        f"{path}: was in use for more than {wait_seconds:g} s ({reason}). Next: close the program that has it "
        "open; programs that only read should open the published copy, and open it read-only."
    )
