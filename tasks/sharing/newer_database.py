"""Brings the database of a shared home up to date with the store, where another machine has written since.

The copy in the store is what counts. A machine notes on which copy its database is built; while that is still the
newest one, the database goes on from it, with what a killed run may have committed. Else it is replaced. What this
machine could not upload before another one went on is dropped: its files are in the store's inbox, and new again.
"""

import shutil
from contextlib import ExitStack

from data_contracts.errors import StoreError, WarehouseBusyError, WarehouseError
from data_contracts.storage.durable import make_folder, move_all, remove, write_whole
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import read_home_id
from tasks.maintenance.verified_changes import drop_checks
from tasks.sharing.carried_records import carry_over
from tasks.store.connecting import Store, open_store
from tasks.store.published_chunks import LATEST, StoredCopy, find_copy, is_base, note_base
from tasks.store.published_download import fetch_newest
from tasks.store.published_upload import require_own
from tasks.support.locking import share_file
from tasks.warehouse.database.migrating import name_log
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.publishing import publish

_HAS_OWN = "SELECT EXISTS (FROM scored_files) OR EXISTS (FROM promotions)"


def join(home: Home, uri: str) -> None:
    """Give a home without scores and models of its own the id of that in a store: they are one home."""
    has_joined = home.base.exists() and home.base.stat().st_size
    if has_joined or _has_own(home):
        return
    if (found := find_copy(open_store(uri))) and found[0].home_id != read_home_id(home):
        make_folder(home.id_file.parent)
        with write_whole(home.id_file) as building:
            building.write_text(f"{found[0].home_id}\n", "utf-8")


def _has_own(home: Home) -> bool:
    """Return whether a database has scores or promotions, or can't be read, and so is not to be replaced."""
    if not home.warehouse.exists():
        return False
    try:
        with open_warehouse(home.warehouse, write=False) as connection:
            [(has_own,)] = connection.execute(_HAS_OWN).fetchall()
    except WarehouseBusyError:
        raise
    except WarehouseError:
        return True
    return bool(has_own)


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
    if _goes_on(home, found[0]):
        note_base(home, found[0])
        if home.fetched.exists():  # a reader was killed, and nobody knows with which copy
            publish(home)
        return False
    fetch_newest(home, store, even_own=True)
    pass_fault_point("share: database fetched")
    _replace_database(home)
    move_all([(home.fetched, home.base)])
    return True


def _begin(home: Home, store: Store) -> None:
    """Note that a home is shared of which the store has no copy yet."""
    if home.base.exists() and home.base.stat().st_size:
        raise StoreError(
            f"{store.name(LATEST)}: is missing, though this home was shared by it. Next: see that REVIEWS_STORE is "
            "right; if it is, find out who deleted it, and choose the machine with the newest database: to go on "
            f"with that of this machine, delete {home.base}."
        )
    note_base(home, None)


def _goes_on(home: Home, copy: StoredCopy) -> bool:
    """Return whether the database is built on the copy of a store, and can be used."""
    if not home.warehouse.exists() or not (is_base(home, copy) or _was_alone(home, copy)):
        return False
    try:
        with open_warehouse(home.warehouse, write=False):
            return True
    except WarehouseBusyError:
        raise
    except WarehouseError:
        return False


def _was_alone(home: Home, copy: StoredCopy) -> bool:
    """Return whether a home has published its copy in a store before it was shared, and now begins to share."""
    return not home.base.exists() and not copy.is_shared


def _replace_database(home: Home) -> None:
    """Put the fetched copy in place of the database, with what this machine has recorded outside its turns."""
    warehouse = home.warehouse
    with ExitStack() as held, write_whole(warehouse) as building:
        with share_file(home.published) as source, building.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 24)
        with open_warehouse(building, write=True):
            pass  # opening applies migrations, and raises if a newer version made the database
        if warehouse.exists():
            carry_over(home, building, held, keeps=not home.base.exists())
        name_log(warehouse).unlink(missing_ok=True)
        for part in home.parts.glob("*"):
            remove(part)  # it belongs to the replaced database, and its files may be scored by now
        pass_fault_point("share: database replaced")
    drop_checks(home)
