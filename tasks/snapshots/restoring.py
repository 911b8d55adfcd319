"""Puts the database, bundles and profiles of a snapshot into the home, once all of it was fetched and checked."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.errors import (
    ObjectDamagedError,
    ObjectMissingError,
    ReviewsError,
    UsageError,
    WarehouseBusyError,
    WarehouseError,
)
from data_contracts.storage.durable import (
    build_folder,
    make_folder,
    move_all,
    remove,
    remove_leftovers,
    write_whole,
)
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import is_store_uri
from tasks.inbox.arrival_order import read_arrivals, write_arrivals
from tasks.maintenance.forgetting import forget_again
from tasks.maintenance.forgotten_record import read_forgotten
from tasks.snapshots.fetching import fetch_database, read_chunk
from tasks.snapshots.forgotten_beside import read_record
from tasks.snapshots.making import list_damage
from tasks.snapshots.manifests import (
    BUNDLES,
    PROFILES,
    Snapshot,
    list_numbers,
    name_manifest,
    parse_number,
    read_snapshot,
)
from tasks.snapshots.old_backups import is_old_backup, unpack_old
from tasks.snapshots.places import Place, open_place
from tasks.store.work_folders import hold_workplace
from tasks.support.checksums import compute_sha256
from tasks.support.wording import quote_word
from tasks.warehouse.database.migrating import name_log
from tasks.warehouse.database.rewriting import rewrite_warehouse
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.row_names import CONTENT

_LIST_ARRIVALS = f"""
SELECT
    {CONTENT} AS content, coalesce(min(commit_number) FILTER (status = 'scored'), min(commit_number)),
    bool_or(status = 'scored')
FROM scored_files GROUP BY ALL
"""  # noqa: S608 (our own name)


@dataclass(frozen=True)
class Unpacked:
    """A snapshot as plain files, each checked: the database, bundles, profiles, and records of what was forgotten."""

    folder: Path
    name: str
    """The path or URI of its manifest."""
    home: str
    """The machine and the folder of the home that it is of."""
    made_at: int
    """In seconds since 1970."""
    records: tuple[Path, ...] = ()


@contextmanager
def unpack(home: Home, named: Path | str) -> Iterator[Unpacked]:
    """Yield the newest snapshot of a place, or that of a manifest, or a backup of version 0.1.0, as files.

    They lie in the home while the block runs. Raises `UsageError` if there is no snapshot, `ReviewsError` if it is
    damaged.
    """
    with hold_workplace(home, str(named)) as folder:
        if not is_store_uri(str(named)) and is_old_backup(old := Path(named)):
            made_at = unpack_old(old, folder)
            records = (old / home.forgotten.name, old.parent / home.forgotten.name)
            yield Unpacked(folder, str(old), "a home that it does not name", made_at, records)
            return
        place, number = find_snapshot(named)
        try:
            snapshot = read_snapshot(place, number)
            unpack_snapshot(place, snapshot, folder, home.warehouse.name)
        except (ObjectDamagedError, ObjectMissingError) as error:
            raise ReviewsError(f"{error} Next: {_name_another(place, number)}.") from error
        record = folder / home.forgotten.name
        record.write_bytes(read_record(home, place))
        name = f"{place.name}/{name_manifest(number)}"
        yield Unpacked(folder, name, snapshot.home, snapshot.made_at, (record,))


def find_snapshot(named: Path | str) -> tuple[Place, int]:
    """Return the place and the number of a snapshot: the newest in a place, or that of a manifest.

    Raises `UsageError` if there is none.
    """
    above, _, last = str(named).rstrip("/").rpartition("/")
    number = parse_number(last)
    place = open_place(named if number is None else above or ".")
    numbers = list_numbers(place)
    if (number is None and numbers) or number in numbers:
        return place, numbers[0] if number is None else number
    there = f" The newest there is {name_manifest(numbers[0])}." if numbers else ""
    raise UsageError(
        f"{named}: is no backup, and no place with backups.{there} Next: name a place that `reviews backup` wrote."
    )


def _name_another(place: Place, damaged: int) -> str:
    """Return the command that restores the newest other snapshot of a place that looks whole."""
    stored = place.list_chunks()
    for number in list_numbers(place):
        if number == damaged:
            continue
        try:
            found = read_snapshot(place, number)
        except ReviewsError:
            continue
        if not list_damage(place, found, stored):
            return f"`reviews restore {quote_word(f'{place.name}/{name_manifest(number)}')}`"
    return "restore from another place; in this one there is none that is whole"


def unpack_snapshot(place: Place, snapshot: Snapshot, folder: Path, database: str) -> None:
    """Write all files of a snapshot into a folder, every chunk checked by its name.

    Raises `ObjectMissingError` or `ObjectDamagedError` if one is not whole.
    """
    with (folder / database).open("w+b") as file:
        fetch_database(place, snapshot, file)
    for name, stored in snapshot.files.items():
        make_folder((folder / name).parent)
        with (folder / name).open("wb") as file:
            for piece, length in stored.list_pieces():
                file.write(read_chunk(place, piece, length))


def restore(found: Unpacked, home: Home) -> Path | None:
    """Replace the database and the bundles by those of a snapshot; return where the replaced database was kept, if any.

    Profiles that the home lacks are put back; those that it has stay, since they may be newer than the snapshot.
    The caller must hold the lock on the folder of parts. The next run scores again what came since the snapshot.
    If the present database can be read, it does so in the order in which they came. Rows that were forgotten after the
    snapshot stay forgotten: by the records in the home and the place, the published copy and the present database.
    """
    warehouse = home.warehouse
    forgotten = [*found.records, *read_forgotten(home)]
    arrivals = _read_present_arrivals(home) if warehouse.exists() else {}
    remove_leftovers(home.folder)
    try:
        with ExitStack() as held, write_whole(warehouse) as building:
            move_all([(found.folder / warehouse.name, building)])
            with open_warehouse(building, write=True):
                pass  # opening applies migrations, and raises if a newer version made the database
            if forget_again(building, home.forgotten, forgotten):
                rewrite_warehouse(building)
            known = {name for name, (_, is_scored) in _read_arrivals(building).items() if is_scored}
            write_arrivals(home, {name: number for name, number in arrivals.items() if name not in known})
            for bundle in sorted((found.folder / BUNDLES).glob("*")):
                _restore_bundle(bundle, home.bundles / bundle.name)
            for profile in sorted((found.folder / PROFILES).glob("*")):
                if not os.path.lexists(home.sources / profile.name):  # the one that is there may be newer
                    with write_whole(home.sources / profile.name) as copied:
                        shutil.copyfile(profile, copied)
            # Leftover parts belong to the replaced database: the next run scores their files again.
            for part in home.parts.iterdir():
                shutil.rmtree(part, ignore_errors=True)
            remove(home.verified)  # of the database that is replaced
            return _keep_replaced(warehouse, held) if warehouse.exists() else None
    except OSError as error:
        raise ReviewsError(
            f"{warehouse}: can't be restored ({error.strerror or error}). The present database is unchanged. "
            "Next: check disk space and permissions."
        ) from error


def _read_arrivals(warehouse: Path) -> dict[str, tuple[int, bool]]:
    """Return by sha256 the number of the commit that first brought each file of a database, and if it is scored.

    That of a file that was refused first is the one that scored it.
    """
    with open_warehouse(warehouse, write=False) as connection:
        found = connection.execute(_LIST_ARRIVALS).fetchall()
    return {name: (number, is_scored) for name, number, is_scored in found}


def _read_present_arrivals(home: Home) -> dict[str, int]:
    """Return the order in which the files of the present database came, then those that wait since a restore before.

    If the database is damaged, it has none.
    """
    waiting = read_arrivals(home)
    try:
        present = {name: number for name, (number, _) in _read_arrivals(home.warehouse).items()}
    except WarehouseError:
        return waiting
    last = max(present.values(), default=0)
    return {**{name: last + 1 + place for name, place in waiting.items()}, **present}


def _restore_bundle(bundle: Path, target: Path) -> None:
    """Copy a bundle, completely or not at all, in place of one that is altered."""
    if target.is_dir() and _hash_files(target) == _hash_files(bundle):
        return
    with build_folder(target, replace=True) as building:
        shutil.copytree(bundle, building, dirs_exist_ok=True)


def _keep_replaced(warehouse: Path, held: ExitStack) -> Path:
    """Keep the database that a backup replaces under another name, and return that.

    The database stays open until `held` closes, so that no process writes to it before it is replaced. A damaged one
    can't be opened and is only linked.
    """
    try:
        held.enter_context(open_warehouse(warehouse, write=True)).execute("CHECKPOINT")
    except WarehouseBusyError:
        raise
    except WarehouseError:
        pass  # damaged, which may be the reason for the restore
    kept = warehouse.with_name(
        f"{warehouse.stem}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}{warehouse.suffix}"
    )
    os.link(warehouse, kept)
    if name_log(warehouse).exists():
        move_all([(name_log(warehouse), name_log(kept))])
    return kept


def _hash_files(folder: Path) -> dict[Path, str]:
    """Return the sha256 of each file in a folder, by its relative path."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): compute_sha256(path) for path in paths}
