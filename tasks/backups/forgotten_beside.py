"""Keeps in every backup of a home the record of what was forgotten, also of what is forgotten after it was made.

So a restore leaves that out even where the home, which has the same record, is lost.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from data_contracts.errors import ObjectMissingError, ReviewsError, UsageError
from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from data_contracts.storage.store_uris import is_store_uri
from tasks.backups.manifests import MANIFEST
from tasks.store.connecting import Store, open_store
from tasks.store.object_operations import UPLOADED_AT_ONCE, find_object, put, read
from tasks.support.locking import hold_folder


def remember_backup(home: Home, place: str) -> None:
    """Note that a backup of a home lies, or is about to lie, outside it: in a folder, or at a URI."""
    with hold_folder(home.folder):
        known = _list_remembered(home)
        if place not in known:
            _write_remembered(home, [*known, place])


def give_up_backups(home: Home, place: str) -> list[str]:
    """Remember no more the backups at or in a place that are not found there; return where they were.

    Only a person can say that a disk or a store is not merely away. Raises `UsageError` if there are none.
    """
    with hold_folder(home.folder):
        known = _list_remembered(home)
        of_place = [each for each in known if f"{each}/".startswith(f"{place.rstrip('/')}/")]
        gone = [each for each in of_place if not _is_there(each)]
        if not gone:
            others = ", ".join(known) or "none"
            raise UsageError(
                f"{place}: no backup that is gone was there. Next: name one of those known: {others}."
            )
        _write_remembered(home, [each for each in known if each not in gone])
    return gone


def _is_there(place: str) -> bool:
    """Return whether a backup is found at a place."""
    if not is_store_uri(place):
        return (Path(place) / MANIFEST).is_file()
    folder, _, name = place.rpartition("/")
    try:
        find_object(open_store(folder), f"{name}/{MANIFEST}")
    except ReviewsError:
        return False
    return True


def _write_remembered(home: Home, places: Sequence[str]) -> None:
    """Write where the backups of a home lie that are outside it."""
    with write_whole(home.backups_elsewhere) as building:
        building.write_text(json.dumps(places, indent=0), "utf-8")


def _list_remembered(home: Home) -> list[str]:
    """Return where the backups of a home lie that are outside it; raise `ReviewsError` if the list can't be read."""
    try:
        return [str(place) for place in json.loads(home.backups_elsewhere.read_text("utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise ReviewsError(
            f"{home.backups_elsewhere}: can't be read ({error}). It lists the backups outside the home, to tell them "
            "what is forgotten. Next: delete it; backups made later are listed anew."
        ) from error


def note_forgotten(home: Home) -> list[str]:
    """Write the home's record of what was forgotten into all of its backups; return what there is to say of others.

    A backup that was deleted is none any more. One whose disk or store is away is named.
    """
    if not home.forgotten.exists():
        return []
    try:
        own = [str(path) for path in list_paths(home.backups, "[!.]*") if path.is_dir()]
        places = [*own, *_list_remembered(home)]
    except (OSError, ReviewsError) as error:
        return [f"what was forgotten can't be noted in the backups: {error}"]
    with ThreadPoolExecutor(UPLOADED_AT_ONCE) as pool:
        return [trouble for trouble in pool.map(partial(_note, home), places) if trouble]


def _note(home: Home, place: str) -> str | None:
    """Write the record into one backup; return a sentence if that failed."""
    try:
        if is_store_uri(place):
            note_in_store(home.forgotten, place)
        else:
            note_in_folder(home.forgotten, Path(place))
    except (OSError, ReviewsError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return (
            f"a restore of {place} could bring back what was forgotten, if this home is lost: its record could not be "
            f"written there ({why}). If it is gone for good: `reviews backup --gone {place}`"
        )
    return None


def note_in_folder(record: Path, backup: Path) -> None:
    """Add a home's record, if it has one, to that of a backup, unless there is no such backup any more."""
    if backup.parent.is_dir() and not (backup / MANIFEST).is_file():
        return
    if record.exists():
        backup.stat()  # what is missing with its disk is not made anew
        target = backup / record.name
        while _lacks(kept := target.read_bytes() if target.exists() else b"", record):
            with write_whole(target) as building:
                building.write_bytes(_unite(kept, record.read_bytes()))


def note_in_store(record: Path, uri: str) -> None:
    """Do what `note_in_folder` does for a backup in a store."""
    if not record.exists():
        return
    place, _, name = uri.rpartition("/")
    store, key = open_store(place), f"{name}/{record.name}"
    with suppress(ObjectMissingError):
        find_object(store, f"{name}/{MANIFEST}")
        while _lacks(kept := read_in_store(store, key), record):
            put(store, key, _unite(kept, record.read_bytes()))


def read_in_store(store: Store, key: str) -> bytes:
    """Return the record of a backup in a store, as it was written; nothing if there is none."""
    try:
        return read(store, key)
    except ObjectMissingError:
        return b""


def _lacks(kept: bytes, record: Path) -> bool:
    """Return whether a backup lacks lines of the record, as when another process wrote both meanwhile."""
    return not {*record.read_bytes().splitlines()} <= {*kept.splitlines()}


def _unite(kept: bytes, record: bytes) -> bytes:
    """Return the lines of two records, each once."""
    return b"".join(line + b"\n" for line in dict.fromkeys([*kept.splitlines(), *record.splitlines()]))
