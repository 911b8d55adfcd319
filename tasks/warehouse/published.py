"""Opens the published copy of the database (`tasks/warehouse/publishing.py` writes it).

Readers open only the copy, never the database itself, so they can't block a writer. A reader that has an older copy
open keeps reading that one. A reader's connection can't write, access files or load extensions. What exceeds its
memory lies in a folder of its process until it closes; what killed readers left, the next publishing deletes. DuckDB
lets SQL write and read files there, so SQL that users wrote has no such folder.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from data_contracts.errors import WarehouseError
from tasks.warehouse.database.duckdb_engine import ConfigValue, name_spill, open_apart, open_read_only
from tasks.warehouse.database.duckdb_errors import translate_errors

READER_WAIT_SECONDS = 5.0
_CONFIG: dict[str, ConfigValue] = {
    "memory_limit": "25%",
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
}
REPUBLISH_ADVICE = (
    "move it away and run `reviews score`, which publishes a new copy; the database itself is another file."
)
"""The next step of a user whose published copy is damaged."""


def require_published(path: Path) -> None:
    """Raise a `WarehouseError` if there is no published copy at `path`."""
    if path.is_dir():
        raise WarehouseError(
            f"{path}: is a folder; the published copy should be here. Next: {REPUBLISH_ADVICE}"
        )
    if not path.is_file():
        raise WarehouseError(
            f"{path}: there is no published copy. Next: run `reviews score`, which publishes one; if nothing was "
            "scored yet, put review files into the inbox first."
        )


def identify_copy(path: Path) -> tuple[int, int] | None:
    """Return what differs between two published copies that were at `path`; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_ctime_ns


@contextmanager
def open_published(
    path: Path, memory_limit: str | None = None, *, spills: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the published copy at `path` read-only, without access to files, extensions or settings.

    DuckDB takes at most `memory_limit`, such as '512MB'; None: a quarter of the machine's memory. With `spills` it
    writes to disk what does not fit; not for SQL that a user wrote. Times are in UTC. Every DuckDB error, in the block
    too, is raised as a `WarehouseError`. Pass values that come from users to queries as parameters, never as part of
    the SQL.
    """
    require_published(path)
    config = {**_CONFIG, "temp_directory": str(name_spill(path.absolute())) if spills else ""}
    if memory_limit:
        config["memory_limit"] = memory_limit
    with (
        translate_errors(path, REPUBLISH_ADVICE),
        open_read_only(path.absolute(), config, READER_WAIT_SECONDS) as connection,
    ):
        connection.execute("SET lock_configuration = true")
        yield connection


def open_published_apart(path: Path) -> tuple[duckdb.DuckDBPyConnection, Callable[[], None]]:
    """Open the published copy at `path` as `open_published` does, however often this process has it open.

    Returns also what closes it. Errors of DuckDB are raised as a `WarehouseError` here, and not later.
    """
    require_published(path)
    # An engine without access to files could not attach the copy either.
    config = {name: value for name, value in _CONFIG.items() if name != "enable_external_access"}
    config["temp_directory"] = str(name_spill(path.absolute()))
    with translate_errors(path, REPUBLISH_ADVICE):
        connection, close = open_apart(path.absolute(), config, READER_WAIT_SECONDS)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    return connection, close
