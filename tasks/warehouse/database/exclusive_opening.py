"""Opens a DuckDB file when no other process has it, and translates DuckDB's errors into ones with a next step.

DuckDB 2.0 reads the headers of a file, closes it, and only then opens it again and locks it. What another process
commits in between is not seen, and lost with the next commit; what comes to that path in between is read by the headers
of another file. So the headers are compared when the file is locked, and a file that was changed is opened again.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

from data_contracts.errors import WarehouseBusyError, WarehouseError
from tasks.support.locking import watch_file

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0
HEADER_BYTES, HEADERS = 4096, 3
"""The size and number of the headers of a DuckDB file, before its first block."""
MEMORY_LIMIT = "1GB"
"""Memory that DuckDB may use: enough to commit a million reviews in one transaction."""
RESTORE_ADVICE = (
    "`reviews restore BACKUP`, then `reviews score` for what came after it; or move this file away."
)
"""The next step of a user whose database is damaged."""


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


@contextmanager
def translate_errors(path: Path, when_damaged: str = RESTORE_ADVICE) -> Iterator[None]:
    """Turn DuckDB's errors into a `WarehouseError` that names the file and a next step.

    `when_damaged` is the next step if the file is damaged.
    """
    try:
        yield
    except duckdb.Error as error:
        raise WarehouseError(
            f"{path}: {shorten_error(error)}. Next: {_choose_next_step(error, when_damaged)}"
        ) from error


def shorten_error(error: Exception) -> str:
    """Return the first line of an error's text, without its final punctuation; the type's name if it has no text."""
    return str(error).strip().split("\n")[0].rstrip(".!") or type(error).__name__


def _choose_next_step(error: duckdb.Error, when_damaged: str) -> str:
    """Return the next step for an error of DuckDB, by its type or text."""
    text = str(error).lower()
    if any(
        words in text for words in ("not a valid duckdb", "corrupt", "checksum", "deserializ", "enough bytes")
    ):
        return f"the file is damaged: {when_damaged}"
    if "version number" in text:
        return (
            "the file was made by a newer DuckDB: update this program, or `reviews restore` an older backup."
        )
    if isinstance(error, duckdb.CatalogException):
        return "a table or view is missing: `reviews restore BACKUP`."
    if isinstance(error, duckdb.OutOfMemoryException):
        return (
            f"free disk space beside the database: DuckDB needed more than {MEMORY_LIMIT} of memory, and "
            "could not write the rest to disk."
        )
    return "check that the disk is not full and the folder is writable, then run the command again."


def describe_wait(path: Path, wait_seconds: float, reason: str) -> str:
    """Describe that the warehouse could not be opened since another process kept it locked."""
    return (
        f"{path}: was in use for more than {wait_seconds:g} s ({reason}). Next: close the program that has it "
        "open; programs that only read should open the published copy, and open it read-only."
    )
