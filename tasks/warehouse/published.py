"""The published copy of the warehouse: made after a run that committed, and opened by everyone who reads.

Readers never touch the warehouse itself, so none of them locks a writer out. Whoever has an older copy open
goes on reading that one. A reader's connection can't write, reach files or load extensions.
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
"""What readers see, in one row that changes with it, whatever the clock says and whatever was restored before."""
_SIZE = "SELECT 3 * 4096 + block_size * total_blocks FROM pragma_database_size()"
"""Bytes that a copy says it takes, its three headers of 4 KiB included."""
MAKE_ANEW = (
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


def publish(home: Home) -> None:
    """Put a copy of everything that was committed in the place of the published one, whole or not at all."""
    published = home.published
    try:
        make_folder(published.parent)
        with hold_folder(published.parent):
            remove_leftovers(published.parent, held=True)
            with write_whole(published) as building:
                with building.open("wb") as target:
                    copy_warehouse(home.warehouse, target)
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


def needs_publishing(home: Home) -> bool:
    """Tell whether readers of the published copy miss a file, promotion, decision, release or table; or have none.

    A run that was killed between its commit and its publishing leaves such a copy behind.
    """
    with open_warehouse(home.warehouse, write=False) as connection:
        newest = connection.execute(_STATE).fetchall()
    try:
        with open_published(home.published) as connection:
            if connection.execute(_SIZE).fetchall()[0][0] > home.published.stat().st_size:
                return True  # cut off: what is left may still answer
            return connection.execute(_STATE).fetchall() != newest
    except WarehouseError:
        return True


def require_published(path: Path) -> None:
    """Raise a `WarehouseError` where there is no published copy yet."""
    if path.is_dir():
        raise WarehouseError(f"{path}: is a folder, where the published copy should be. Next: {MAKE_ANEW}")
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
        translate_errors(path, MAKE_ANEW),
        connect_read_only(path.absolute(), _CONFIG, READER_WAIT_SECONDS) as connection,
    ):
        connection.execute("SET lock_configuration = true")
        yield connection
