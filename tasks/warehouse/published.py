"""Writes and opens the published copy of the warehouse, which is replaced after every run that committed.

Readers open only the copy, never the warehouse itself, so they can't block a writer. A reader that has an older copy
open keeps reading that one. A reader's connection can't write, access files or load extensions.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from data_contracts.errors import WarehouseError
from data_contracts.storage.durable import make_folder, remove_leftovers, write_whole
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from tasks.support.locking import hold_folder
from tasks.warehouse.connection import (
    ConfigValue,
    connect_read_only,
    copy_warehouse,
    name_log,
    open_warehouse,
    translate_errors,
)

READER_WAIT_SECONDS = 5.0
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
"""SQL: one row that differs between two databases if their readers would see different data.

It depends on no timestamp of the copy, so it is also right after a clock change or the restore of a backup.
"""
_DECLARED_SIZE = "SELECT 3 * 4096 + block_size * total_blocks FROM pragma_database_size()"
"""SQL: the bytes that a database file should have by its headers, with the three headers of 4 KiB."""
REPUBLISH_ADVICE = (
    "move it away and run `reviews score`, which publishes a new copy; the database itself is another file."
)
"""The next step of a user whose published copy is damaged."""
_ADVICE_BY_ERRNO = {
    errno.ENOTEMPTY: "move that folder away",
    errno.ENOSPC: "free space on that disk",
    errno.EDQUOT: "free space on that disk",
    None: "see that its folder can be written",
}
"""The next step of a user whose copy can't be published, by the error number; None for all other numbers."""


def publish(home: Home) -> None:
    """Replace the published copy by a copy of the warehouse, completely or not at all.

    Raises `WarehouseError` if the copy can't be written or renamed.
    """
    published = home.published
    try:
        make_folder(published.parent)
        with hold_folder(published.parent):
            remove_leftovers(published.parent, held=True)
            with write_whole(published) as building:
                with building.open("wb") as target:
                    copy_warehouse(home.warehouse, target)
                _pad_to_declared_size(building)
                pass_fault_point("score: inside publishing")
                if published.is_dir() and not published.is_symlink():
                    published.rmdir()  # succeeds only for an empty folder; another one is an error
                # A log was left by a program that wrote into the old copy; it does not belong to the new one.
                name_log(published).unlink(missing_ok=True)
    except OSError as error:
        raise WarehouseError(
            f"{published}: can't be published ({error.strerror or error}). The copy before it, if any, stays. "
            f"Next: {_ADVICE_BY_ERRNO.get(error.errno, _ADVICE_BY_ERRNO[None])}; the next run publishes all."
        ) from error


def _pad_to_declared_size(copy: Path) -> None:
    """Extend the file of a copy to the size in its headers, so that a shorter file is known to be truncated.

    DuckDB may write the number of blocks first and then cut free blocks off the end of the file.
    """
    with connect_read_only(copy.absolute(), _CONFIG, READER_WAIT_SECONDS) as connection:
        [(size,)] = connection.execute(_DECLARED_SIZE).fetchall()
    os.truncate(copy, max(size, copy.stat().st_size))


def needs_publishing(home: Home) -> bool:
    """Return whether the published copy is missing, damaged, or behind the warehouse.

    A run that was killed between its commit and its publishing leaves an outdated copy behind.
    """
    with open_warehouse(home.warehouse, write=False) as connection:
        newest = connection.execute(_STATE).fetchall()
    try:
        with open_published(home.published) as connection:
            if connection.execute(_DECLARED_SIZE).fetchall()[0][0] > home.published.stat().st_size:
                return True  # a truncated file, which DuckDB may still open
            return connection.execute(_STATE).fetchall() != newest
    except WarehouseError:
        return True


def require_published(path: Path) -> None:
    """Raise a `WarehouseError` if there is no published copy at `path`."""
    if path.is_dir():
        raise WarehouseError(
            f"{path}: is a folder; the published copy should be here. Next: {REPUBLISH_ADVICE}"
        )
    if not path.is_file():
        raise WarehouseError(
            f"{path}: nothing has been published yet. Next: put review files into the inbox and run "
            "`reviews score`."
        )


@contextmanager
def open_published(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published copy at `path` read-only, without access to files, extensions or settings.

    Times are in UTC. Every DuckDB error, in the block too, is raised as a `WarehouseError`. Pass values that come from
    users to queries as parameters, never as part of the SQL.
    """
    require_published(path)
    with (
        translate_errors(path, REPUBLISH_ADVICE),
        connect_read_only(path.absolute(), _CONFIG, READER_WAIT_SECONDS) as connection,
    ):
        connection.execute("SET lock_configuration = true")
        yield connection
