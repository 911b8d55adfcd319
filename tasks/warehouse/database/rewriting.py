"""Rewrites the database into a new file, so that no byte of deleted rows remains."""

from pathlib import Path

from data_contracts.storage.durable import remove_leftovers, write_whole
from tasks.warehouse.database.duckdb_engine import (
    ROW_GROUPS,
    STORAGE_VERSION,
    drop_spilled,
    quote_sql,
    take_turn,
)
from tasks.warehouse.database.warehouse_connection import WAIT_SECONDS, open_up_to_date


def rewrite_warehouse(path: Path) -> None:
    """Rewrite the database into a new file and replace the old one, so that no byte of deleted rows remains."""
    with (
        take_turn(path, WAIT_SECONDS),
        # No other process can open the old file while this connection has it; the next one opens the new file.
        open_up_to_date(path.absolute(), True, WAIT_SECONDS) as connection,
        write_whole(path.absolute()) as building,
    ):
        connection.execute("CHECKPOINT")
        connection.execute(
            f"ATTACH {quote_sql(str(building))} AS rewritten (STORAGE_VERSION '{STORAGE_VERSION}', {ROW_GROUPS})"
        )
        connection.execute("COPY FROM DATABASE warehouse TO rewritten")
        connection.execute("DETACH rewritten")
    drop_spilled(path)
    if name_rewrite_mark(path).exists():
        name_renewal_mark(path).touch()
        name_rewrite_mark(path).unlink(missing_ok=True)


def name_rewrite_mark(path: Path) -> Path:
    """Return the path of the file whose presence says that the database at `path` must still be rewritten."""
    return path.with_name(f".{path.name}.to-rewrite")


def name_renewal_mark(path: Path) -> Path:
    """Return the path of the file whose presence says that exports may still have what the database at `path` had."""
    return path.with_name(f".{path.name}.to-renew")


def finish_rewriting(path: Path) -> bool:
    """Rewrite the database if a killed command did not finish that, and return whether it was so.

    Also removes temporary files that killed commands left beside the database.
    """
    remove_leftovers(path.parent)
    drop_spilled(path)
    if not name_rewrite_mark(path).exists():
        return False
    rewrite_warehouse(path)
    return True
