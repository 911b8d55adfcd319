"""Opens the warehouse: waits for other processes, creates it and applies migrations.

Only one process at a time can have the file open, for reading or writing, so every user of it closes it soon.
Readers that may take long open the published copy instead (`tasks/warehouse/published.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import duckdb

from data_contracts.errors import WarehouseError
from data_contracts.warehouse import list_migrations, read_views
from tasks.support.progress import show_progress
from tasks.warehouse.database.duckdb_engine import ROW_GROUPS, attach, take_turn
from tasks.warehouse.database.migrating import (
    bring_up_to_date,
    create_if_missing,
    digest_views,
    read_state,
    require_no_reader,
)

WAIT_SECONDS = 60.0
"""Longest wait for other processes."""
ANNOUNCED_BYTES = 2**27
"""Size of a database above which a migration is announced, since it takes a while."""


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
    with take_turn(path, wait_seconds), open_up_to_date(path.absolute(), write, wait_seconds) as connection:
        yield connection


@contextmanager
def open_up_to_date(path: Path, write: bool, wait_seconds: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse, created or migrated first where needed."""
    migrations, views = list_migrations(), read_views()
    if "?" in str(path):
        raise WarehouseError(
            f"{path}: DuckDB can't open a path with a question mark. Next: rename the folder that has it."
        )
    create_if_missing(path, migrations, views)
    latest = migrations[-1].version, digest_views(views)
    if not write:
        with attach(path, "READ_ONLY", wait_seconds=wait_seconds) as connection:
            if read_state(connection) == latest:
                yield connection
                return
    with attach(path, ROW_GROUPS, wait_seconds=wait_seconds) as connection:
        state = read_state(connection)
        if state != latest:
            is_long = state[0] < migrations[-1].version and path.stat().st_size > ANNOUNCED_BYTES
            with show_progress("Updating the database", None) if is_long else nullcontext():
                bring_up_to_date(connection, migrations, views)
        yield connection
