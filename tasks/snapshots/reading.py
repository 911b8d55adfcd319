"""Gives a home without a database the newest snapshot of a store: the chunks of the database that it lacks.

So `reviews sql`, reports and notebooks on any machine read the newest. It is put in place as a new published copy of
the home would be: readers of the one before are not disturbed, and a fetch that is cut off leaves it as it was.
"""

import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import BinaryIO

from data_contracts.errors import (
    ObjectDamagedError,
    ObjectMissingError,
    SourceError,
    StoreError,
    StoreUnreachableError,
    WarehouseError,
)
from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import Home
from tasks.snapshots.after_runs import name_place
from tasks.snapshots.fetching import fetch_database
from tasks.snapshots.manifests import (
    Snapshot,
    format_snapshot,
    list_numbers,
    read_snapshot,
)
from tasks.snapshots.places import Place, open_place
from tasks.warehouse.publishing import is_unchanged, replace_copy

MOST_SNAPSHOTS = 5
"""How often a snapshot may be gone, since newer ones took its place, before a fetch gives up."""
_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True)
class FetchedCopy:
    """The copy of a store in the home."""

    uri: str
    made_at: int
    """In seconds since 1970."""
    trouble: str | None = None
    """Why it may not be the newest, such as that the store did not answer."""

    def describe(self) -> str:
        """Return where the copy is from, and how old it is."""
        at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(self.made_at))
        seconds = time.time() - self.made_at
        age = f"{seconds / _HOUR:.0f} hours" if seconds < 2 * _DAY else f"{seconds / _DAY:.0f} days"
        if seconds < 2 * _HOUR:
            age = f"{seconds / 60:.0f} minutes" if seconds >= 120 else "a moment"
        text = f"From {self.uri}, published {age} ago ({at} UTC)."
        return text if self.trouble is None else f"{self.trouble}\n{text}"


def is_reader(home: Home) -> bool:
    """Return whether a home has no database, and no published copy of its own."""
    return not home.warehouse.exists() and (home.fetched.exists() or not home.published.exists())


def find_newest(home: Home, store: str | None) -> FetchedCopy | None:
    """Return the copy that a home without a database reads, the newest of a store; None for other homes.

    Without a store it is the one that was fetched before. Raises as `fetch_copy` does.
    """
    if not is_reader(home):
        return None
    if store is not None:
        return fetch_copy(home, store)
    if not (home.published.exists() and home.fetched.exists()):
        return None
    made_at = int(home.published.stat().st_mtime)
    return FetchedCopy("a store", made_at, "REVIEWS_STORE is not set, so no newer copy is looked for.")


def fetch_copy(home: Home, store: str) -> FetchedCopy:
    """Make the published copy of a home without a database that of the newest snapshot of a store.

    If that fails, for whatever reason, the copy that was fetched before stays. Where there is none, raises
    `WarehouseError` if the store has none, `StoreError` if it can't be read.
    """
    name = name_place(store)
    try:
        return FetchedCopy(name, _fetch_newest(home, open_place(name)))
    except (SourceError, StoreError, WarehouseError) as error:
        if not home.published.exists():
            raise
        return FetchedCopy(name, int(home.published.stat().st_mtime), str(error))


def _fetch_newest(home: Home, place: Place) -> int:
    """Make the published copy of a home that of the newest snapshot; return when that was made."""
    newest = _find_newest(home, place)
    if _has(home, newest):
        return newest.made_at
    home.make()
    make_folder(home.published.parent)

    def write(target: BinaryIO) -> int:
        nonlocal newest
        home.fetched.touch()  # from here on the copy is not one of the home's own
        newest = _write_newest(home, place, target)
        return newest.made_at

    def note() -> None:
        with write_whole(home.fetched) as building:
            building.write_bytes(format_snapshot(newest))

    replace_copy(home, write, note)
    return newest.made_at


def _find_newest(home: Home, place: Place) -> Snapshot:
    """Return the newest snapshot of a place; raise `WarehouseError`, or `StoreError` for a reader, if it has none."""
    for number in list_numbers(place)[:1]:
        try:
            return read_snapshot(place, number)
        except ObjectDamagedError as error:
            raise StoreError(
                f"{error} Next: find out who can write there; the next run of the home that writes there makes another."
            ) from error
    if home.published.exists():
        raise StoreError(
            f"{place.name}: has no snapshot any more. Next: ask whoever runs the home that writes there."
        )
    raise WarehouseError(
        f"{home.published}: there is no published copy, and {place.name} has no snapshot either. Next: run "
        "`reviews score` here, or set REVIEWS_PUBLISH_TO_STORE=true where the home is whose runs should publish there."
    )


def _has(home: Home, snapshot: Snapshot) -> bool:
    """Return whether the published copy of a home is that of a snapshot, unchanged."""
    try:
        is_listed = home.fetched.read_bytes() == format_snapshot(snapshot)
        size = home.published.stat().st_size
    except OSError:
        return False
    return is_listed and is_unchanged(home.published) and size == snapshot.layout.size


def _write_newest(home: Home, place: Place, target: BinaryIO) -> Snapshot:
    """Make `target` the database of the newest snapshot, which may be replaced and deleted meanwhile; return that.

    What the copy before has is not fetched.
    """
    snapshot = _find_newest(home, place)
    for _ in range(MOST_SNAPSHOTS):
        try:
            with home.published.open("rb") if is_unchanged(home.published) else nullcontext() as before:
                fetch_database(place, snapshot, target, [before] if before else [])
            return snapshot
        except (ObjectMissingError, ObjectDamagedError) as error:
            missed, snapshot = snapshot, _find_newest(home, place)
            if snapshot.number == missed.number:
                raise StoreError(
                    f"{error} Next: delete that object, if it is there; the next run uploads it again."
                ) from error
    raise StoreUnreachableError(
        f"{place.name}: its newest snapshot was replaced {MOST_SNAPSHOTS} times while it was read. Next: try again."
    )
