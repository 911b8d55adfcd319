"""Keeps in every backup of a home the record of what was forgotten, also of what is forgotten after it was made.

So a restore leaves that out even where the home, which has the same record, is lost. The home lists its backups outside
it, each with the size of the record that was last written there. Where that is not the present one, as after a `forget`
while a disk was away, the next command that looks writes it again.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from itertools import groupby
from pathlib import Path

from data_contracts.errors import ObjectMissingError, ReviewsError, StoreUnreachableError, UsageError
from data_contracts.storage.durable import write_whole
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from data_contracts.storage.store_uris import is_store_uri
from tasks.backups.manifests import MANIFEST, name_origin, read_manifest
from tasks.store.connecting import Store, open_store
from tasks.store.object_operations import UPLOADED_AT_ONCE, find_object, put, read
from tasks.support.locking import hold_folder
from tasks.support.wording import quote_word


@contextmanager
def remember_backup(home: Home, place: str) -> Iterator[None]:
    """Note that a backup of a home comes to lie outside it, in a folder or at a URI, while the block runs.

    It is noted before it is there, so that a kill loses none, and no more if the block fails and leaves none.
    """
    with _change_remembered(home) as known:
        is_new = place not in known
        known.setdefault(place, 0)
    try:
        yield
    except Exception as error:
        with suppress(ReviewsError):
            if is_new and (isinstance(error, UsageError) or not _is_there(place)):
                with _change_remembered(home) as known:
                    known.pop(place, None)
        raise


def remember_beside(home: Home, folder: Path) -> None:
    """Note the backups of a home that are in a folder outside it, such as those that were moved there."""
    with _change_remembered(home) as known:
        for manifest in folder.absolute().glob(f"[!.]*/{MANIFEST}"):
            if str(manifest.parent) not in known and _is_of(home, manifest.parent):
                known[str(manifest.parent)] = 0


def _is_of(home: Home, backup: Path) -> bool:
    """Return whether a backup is one of a home: others must not get its record."""
    try:
        return read_manifest(backup).home == name_origin(home)
    except UsageError:
        return False


def give_up_backups(home: Home, place: str) -> list[str]:
    """Remember no more the backups at or in a place that are not found there; return where they were.

    Only a person can say that a disk or a store is not merely away. Raises `UsageError` if there are none.
    """
    with _change_remembered(home) as known:
        of_place = [each for each in known if f"{each}/".startswith(f"{place.rstrip('/')}/")]
        gone = [each for each in of_place if _is_away(each)]
        if not gone:
            others = ", ".join(known) or "none"
            raise UsageError(
                f"{place}: no backup that is gone was there. Next: name one of those known: {others}."
            )
        for each in gone:
            del known[each]
    return gone


def _is_away(place: str) -> bool:
    """Return whether no backup is found at a place now, for whatever reason."""
    try:
        return not _is_there(place)
    except ReviewsError:
        return True


def _is_there(place: str) -> bool:
    """Return whether there is a backup at a place; raise `ReviewsError` if its store does not tell."""
    if not is_store_uri(place):
        return (Path(place) / MANIFEST).is_file()
    folder, _, name = place.rpartition("/")
    try:
        find_object(open_store(folder), f"{name}/{MANIFEST}")
    except ObjectMissingError:
        return False
    return True


@contextmanager
def _change_remembered(home: Home) -> Iterator[dict[str, int]]:
    """Yield the backups of a home outside it, with the size of the record there; keep what the block makes of them."""
    with hold_folder(home.folder):
        known = _read_remembered(home)
        before = dict(known)
        yield known
        if known != before:
            with write_whole(home.backups_elsewhere) as building:
                building.write_text(json.dumps(known, indent=0), "utf-8")


def _read_remembered(home: Home) -> dict[str, int]:
    """Return the backups of a home outside it; raise `ReviewsError` if the list can't be read.

    That of an earlier version has no sizes.
    """
    try:
        found = json.loads(home.backups_elsewhere.read_text("utf-8"))
        sizes = found if isinstance(found, dict) else dict.fromkeys(found, 0)
        return {str(place): int(size) for place, size in sizes.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise ReviewsError(
            f"{home.backups_elsewhere}: can't be read ({error}). It lists the backups outside the home, to tell them "
            "what is forgotten. Next: delete it; backups made later are listed anew."
        ) from error


def note_forgotten(home: Home) -> list[str]:
    """Write the home's record of what was forgotten into all backups that lack some of it; return what else to say.

    Backups outside the home that are not there are named, until they are given up.
    """
    if not home.forgotten.exists():
        return []
    size = home.forgotten.stat().st_size
    try:
        own = [str(path) for path in list_paths(home.backups, "[!.]*") if (path / MANIFEST).is_file()]
        behind = [place for place, told in _read_remembered(home).items() if told != size]
        groups = groupby(sorted([*own, *behind], key=_name_folder), _name_folder)
        failed = {folder: _note_in_place(home.forgotten, list(places)) for folder, places in groups}
        missed = {place for each in failed.values() for place in each}
        with _change_remembered(home) as known:
            known.update({place: size for place in behind if place in known and place not in missed})
    except (OSError, ReviewsError) as error:
        return [f"what was forgotten can't be noted in the backups: {error}"]
    return [_describe(folder, each) for folder, each in failed.items() if each]


def _name_folder(place: str) -> str:
    """Return the folder, or place in a store, that a backup lies in."""
    return place.rpartition("/")[0]


def _note_in_place(record: Path, places: Sequence[str]) -> dict[str, Exception]:
    """Write the record into the backups of one folder, or place in a store; return why not, by those that lack it.

    A store that does not answer for one is not asked for the others.
    """
    first = _note(record, places[0])
    if isinstance(first, StoreUnreachableError):
        return dict.fromkeys(places, first)
    with ThreadPoolExecutor(UPLOADED_AT_ONCE) as pool:
        errors = [first, *pool.map(partial(_note, record), places[1:])]
    return {place: error for place, error in zip(places, errors, strict=True) if error}


def _note(record: Path, place: str) -> Exception | None:
    """Write the record into one backup; return why that failed."""
    try:
        if is_store_uri(place):
            _note_in_store(record, place)
        else:
            note_in_folder(record, Path(place))
    except (OSError, ReviewsError) as error:
        return error
    return None


def _describe(folder: str, failed: Mapping[str, Exception]) -> str:
    """Say which backups of a folder, or place in a store, could not be written to, and what to do."""
    first, *others = failed
    error = failed[first]
    why = error.strerror if isinstance(error, OSError) else str(error).partition(" Next: ")[0].rstrip(".")
    more = f" and {len(others):,} more there" if others else ""
    return (
        f"a restore of {first}{more} could bring back what was forgotten, if this home is lost: its record could not "
        f"be written there ({why}). Next: once it is there again, `reviews verify` writes it; if it is gone for good: "
        f"`reviews backup --gone {quote_word(folder if others else first)}`"
    )


def note_in_folder(record: Path, backup: Path) -> None:
    """Add a home's record, if it has one, to that of a backup; raise `OSError` if there is no such backup."""
    (backup / MANIFEST).stat()
    if record.exists():
        target = backup / record.name
        while _lacks(kept := target.read_bytes() if target.exists() else b"", record):
            with write_whole(target) as building:
                building.write_bytes(_unite(kept, record.read_bytes()))


def _note_in_store(record: Path, uri: str) -> None:
    """Do what `note_in_folder` does for a backup in a store."""
    place, _, name = uri.rpartition("/")
    store, key = open_store(place), f"{name}/{record.name}"
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
