"""Brings the database of a shared home up to date with the store, where another machine has written since.

The copy in the store is what counts. A machine notes on which copy its database is built; while that is still the
newest one, the database goes on from it, with what a killed run may have committed. Else it is replaced. What this
machine could not upload before another one went on is dropped: its files are in the store's inbox, and new again.
"""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import duckdb

from data_contracts.errors import StoreError, WarehouseBusyError, WarehouseError
from data_contracts.storage.durable import create_whole, move_all, write_whole
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import read_home_id
from tasks.maintenance.proofs import drop_checks
from tasks.store.connecting import Store, open_store
from tasks.store.copy_download import fetch_newest
from tasks.store.copy_upload import describe_place, require_own
from tasks.store.stored_copy import LATEST, StoredCopy, find_copy, is_base, note_base
from tasks.support.locking import share_file
from tasks.warehouse.connection import name_log, open_warehouse, quote_sql
from tasks.warehouse.run_log import list_going_on

_CARRIED = {
    "run_id": ("runs", "contract_results"),
    "model_id": ("models", "reference_measures", "reference_bins"),
}
"""The tables that a machine writes outside its turn, while it trains, by the column that names a run or a model."""


def join(home: Home, uri: str) -> None:
    """Give a home without an id that of the home in a store, if there is one: from now on both are one home."""
    if read_home_id(home) is None and (found := find_copy(open_store(uri))):
        home.make()
        create_whole(home.id_file, f"{found[0].home_id}\n".encode())


def follow(home: Home, uri: str) -> bool:
    """Make the database of a shared home that of the store if another machine has written; return whether it was so.

    The caller must hold the lease. Raises `SourceError` if the store has the copy of another home, and `StoreError`.
    """
    store = open_store(uri)
    found = find_copy(store)
    if found is None:
        _begin(home, store)
        return False
    require_own(home, store, found[0])
    if is_base(home, found[0]) or _was_alone(home, found[0]):
        note_base(home, found[0])
        return False
    fetch_newest(home, store)
    pass_fault_point("share: database fetched")
    _replace_database(home)
    move_all([(home.fetched, home.base)])
    return True


def _begin(home: Home, store: Store) -> None:
    """Note that a home is shared of which the store has no copy yet."""
    if home.base.exists() and home.base.stat().st_size:
        raise StoreError(
            f"{store.name(LATEST)}: is missing, though this home was shared by it. Next: find out who deleted it; to "
            f"go on with the database of this machine, delete {home.base}."
        )
    note_base(home, None)


def _was_alone(home: Home, copy: StoredCopy) -> bool:
    """Return whether this machine has published the copy of the store, before the home was shared."""
    return home.warehouse.exists() and not home.base.exists() and copy.home == describe_place(home)


def _replace_database(home: Home) -> None:
    """Put the fetched copy in place of the database, with what running processes of this machine have recorded."""
    warehouse = home.warehouse
    with write_whole(warehouse) as building, ExitStack() as held:
        with share_file(home.published) as source, building.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 24)
        with open_warehouse(building, write=True):
            pass  # opening applies migrations, and raises if a newer version made the database
        if warehouse.exists():
            _carry_over(home, building, held)
        name_log(warehouse).unlink(missing_ok=True)
        pass_fault_point("share: database replaced")
    drop_checks(home)


def _carry_over(home: Home, building: Path, held: ExitStack) -> None:
    """Add to a new database what only this machine knows: what its running processes recorded, and its new models.

    The present database is kept open until `held` ends, so nothing can be recorded there that would be lost. A damaged
    one has nothing to carry over.
    """
    try:
        connection = held.enter_context(open_warehouse(home.warehouse, write=True))
        connection.execute("CHECKPOINT")
    except WarehouseBusyError:
        raise
    except WarehouseError:
        return
    connection.execute(f"ATTACH {quote_sql(os.fspath(building))} AS newer")
    running = set(list_going_on(home))
    for column, tables in _CARRIED.items():
        lacked = [
            name
            for name in _list_lacked(connection, tables[0], column)
            if column != "run_id" or name in running
        ]
        for table in tables:
            connection.execute(
                f"INSERT INTO newer.{table} BY NAME FROM {table} WHERE {column} = ANY($names::VARCHAR[])",
                {"names": lacked},
            )
    connection.execute("DETACH newer")


def _list_lacked(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> list[str]:
    """Return the names of what the newer database does not know."""
    query = f"SELECT {column} FROM {table} EXCEPT SELECT {column} FROM newer.{table} ORDER BY ALL"  # noqa: S608
    return [name for (name,) in connection.execute(query).fetchall()]
