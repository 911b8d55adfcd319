"""Keeps snapshots of a home in the store of its settings: each run makes one if something is new.

They lie in `snapshots/` of the store, where readers on other machines find the newest, and another home can go on from.
Once rows were forgotten, nothing of older ones stays.
"""

from data_contracts.errors import ReviewsError, SourceError, StoreError
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import read_home_id
from data_contracts.storage.store_uris import is_store_uri
from tasks.snapshots.forgotten_beside import read_remembered
from tasks.snapshots.home_backup import enter_place
from tasks.snapshots.making import Made, Options, list_damage, make_snapshot, open_copy, read_layout
from tasks.snapshots.manifests import list_numbers, read_snapshot
from tasks.snapshots.ownership import describe_other, is_own, make_lock, read_owner
from tasks.snapshots.places import open_place
from tasks.support.locking import hold_folder

SNAPSHOTS = "snapshots"


def name_place(store: str) -> str:
    """Return the URI of the place of snapshots in a store."""
    return f"{store.rstrip('/')}/{SNAPSHOTS}"


def list_stores(home: Home) -> list[str]:
    """Return the URIs of the stores in which runs of a home have kept snapshots, whatever is set now.

    Raises `ReviewsError` if the list can't be read.
    """
    ending = f"/{SNAPSHOTS}"
    places = [name for name in read_remembered(home) if is_store_uri(name) and name.endswith(ending)]
    return [name.removesuffix(ending) for name in places]


def snapshot_after_run(home: Home, store: str, keep: int) -> Made:
    """Make a snapshot of a home in its store, if something is new; write again what is missing there of the newest one.

    Raises `SourceError` if another home writes there, `StoreError`, and `WarehouseError` if there is no published copy.
    """
    return _make(home, store, Options(keep, only_changed=True, drop_rewritten=True))


def renew_snapshot(home: Home, store: str) -> Made | None:
    """Make a snapshot of a home in a store that has some, and delete all others; for what must leave no forgotten row.

    Whatever the settings are now.
    """
    if read_home_id(home) is None or not is_own(home, open_place(name_place(store))):
        return None
    return _make(home, store, Options(keep=1))


def _make(home: Home, store: str, options: Options) -> Made:
    """Make a snapshot of a home in a store."""
    place = open_place(name_place(store))
    with open_copy(home):
        pass  # before anything is written there
    with hold_folder(make_lock(home, place)):
        enter_place(home, place, take_over=False)
        made = make_snapshot(home, place, options)
    home.backed_up_elsewhere.touch()
    return made


def require_not_taken_over(home: Home, store: str) -> None:
    """Raise `SourceError` if another home writes the snapshots in a store; one that is away tells nothing."""
    try:
        place = open_place(name_place(store))
        owner = read_owner(place)
    except StoreError:
        return
    if owner and owner.home_id != read_home_id(home):
        raise SourceError(describe_other(place, owner))


def find_faults(home: Home, store: str) -> list[str]:
    """Return what is wrong with the newest snapshot in a store: it is missing, another home's, outdated or damaged."""
    place = open_place(name_place(store))
    numbers, owner = list_numbers(place), read_owner(place)
    if owner and owner.home_id != read_home_id(home):
        return [describe_other(place, owner)]
    if not numbers:
        return [f"{place.name}: has no snapshot; the next run makes one"]
    try:
        newest = read_snapshot(place, numbers[0])
    except ReviewsError as error:
        return [str(error)]
    faults = list_damage(place, newest, place.list_chunks())
    with open_copy(home) as file:
        layout = read_layout(file)
        if [layout.mark(file, each) for each in layout.list_places()] != [
            chunk.mark for chunk in newest.chunks
        ]:
            faults.append(f"{place.name}: is not up to date; the next run makes a snapshot of what is new")
    return faults
