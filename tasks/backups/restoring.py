"""Checks and restores backups of every format: puts their database, bundles and profiles into the home."""

import os
import shutil
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path, PurePosixPath

from data_contracts.errors import ReviewsError, WarehouseBusyError, WarehouseError
from data_contracts.storage.durable import build_folder, make_folder, move_all, remove_leftovers, write_whole
from data_contracts.storage.home import Home
from tasks.backups.block_index import INDEX, read_index
from tasks.backups.manifests import FORMAT, Manifest, list_complete, read_manifest
from tasks.backups.packs import assemble
from tasks.inbox.arrival_order import read_arrivals, write_arrivals
from tasks.maintenance.forgetting import forget_again
from tasks.maintenance.forgotten_record import read_forgotten
from tasks.maintenance.verified_changes import drop_checks
from tasks.support.checksums import compute_sha256
from tasks.support.wording import quote_word
from tasks.warehouse.database.migrating import name_log
from tasks.warehouse.database.rewriting import rewrite_warehouse
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.row_names import CONTENT

BUNDLES = "bundles"
"""The folder of the bundles in a backup."""
PROFILES = "sources"
"""The folder of the profiles of sources in a backup."""
_LIST_ARRIVALS = f"""
SELECT
    {CONTENT} AS content, coalesce(min(commit_number) FILTER (status = 'scored'), min(commit_number)),
    bool_or(status = 'scored')
FROM scored_files GROUP BY ALL
"""  # noqa: S608 (our own name)
_DATABASE = {1: "reviews.duckdb", FORMAT: INDEX}
"""The file of a backup by which its database is found, by the format of the backup."""


def check_backup(folder: Path) -> Manifest:
    """Return a backup's manifest after checking every file by its checksum.

    Raises `UsageError` if `folder` is no backup, `ReviewsError` if a file is missing or has changed, or if another
    version of this program made the backup.
    """
    manifest = read_manifest(folder)
    if _DATABASE.get(manifest.format) not in manifest.files:
        raise ReviewsError(
            f"{folder}: was made by another version of this program (format {manifest.format}). Next: restore it with "
            "that version."
        )
    for name, facts in manifest.files.items():
        path = folder / name
        # Neither a link nor `..` may lead out of the backup.
        if not path.is_file() or path.resolve() != folder.resolve() / name:
            raise ReviewsError(
                f"{folder}: is damaged: {name} is missing. Next: {_name_another(folder, manifest)}."
            )
        if compute_sha256(path) != facts.sha256:
            raise ReviewsError(
                f"{folder}: is damaged: {name} has changed. Next: {_name_another(folder, manifest)}."
            )
    return manifest


def _name_another(damaged: Path, manifest: Manifest) -> str:
    """Return the command that restores the newest backup beside a damaged one whose files look unchanged.

    Both have a bundle in common: one without may be of another home. Those of the same place come first; one of another
    place is named with it, since the home may have been moved or copied.
    """
    bundles, found = _list_bundles(manifest), list_complete(damaged.parent)
    others = [each for each in found if each[0] != damaged and bundles & _list_bundles(each[1])]
    own = [each for each in others if None in (each[1].home, manifest.home) or each[1].home == manifest.home]
    for folder, other in own or others:
        place = "" if own else f", which is of {other.home}; the damaged one is of {manifest.home}"
        return f"`reviews restore {quote_word(str(folder))}`{place}"
    return f"restore another backup of {manifest.home or 'this home'}; beside it there is none that is whole"


def _list_bundles(manifest: Manifest) -> set[str]:
    """Return the names of the bundles in a backup."""
    parts = (PurePosixPath(name).parts for name in manifest.files)
    return {bundle for folder, bundle, *_ in (each for each in parts if len(each) > 2) if folder == BUNDLES}


def put_database(folder: Path, manifest: Manifest, target: Path) -> None:
    """Write the database of a backup, which was checked, to a file."""
    if manifest.format == FORMAT:
        assemble(folder, read_index(folder, manifest), target)
    else:
        shutil.copyfile(folder / _DATABASE[manifest.format], target)


def restore(folder: Path, home: Home) -> Path | None:
    """Replace the database and the bundles by those of a backup; return where the replaced database was kept, if any.

    Profiles that the home lacks are put back; those that it has stay, since they may be newer than the backup.
    The caller must hold the lock on the folder of parts. The next run scores again what came since the backup.
    If the present database can be read, it does so in the order in which they came. Rows that were forgotten after the
    backup stay forgotten: by the records in the home and the backup, the published copy and the present database.
    """
    manifest = check_backup(folder)
    warehouse = home.warehouse
    forgotten = [folder / home.forgotten.name, *read_forgotten(home)]
    arrivals = _read_present_arrivals(home) if warehouse.exists() else {}
    remove_leftovers(home.folder)
    try:
        with ExitStack() as held, write_whole(warehouse) as building:
            put_database(folder, manifest, building)
            with open_warehouse(building, write=True):
                pass  # opening applies migrations, and raises if a newer version made the database
            if forget_again(building, home.forgotten, forgotten):
                rewrite_warehouse(building)
            known = {name for name, (_, is_scored) in _read_arrivals(building).items() if is_scored}
            write_arrivals(home, {name: number for name, number in arrivals.items() if name not in known})
            for bundle in sorted(_list_bundles(manifest)):
                _restore_bundle(folder, manifest, bundle, home.bundles)
            for name in sorted(manifest.files):
                if PurePosixPath(name).parent == PurePosixPath(PROFILES):
                    _restore_profile(folder / name, home.sources)
            # Leftover parts belong to the replaced database: the next run scores their files again.
            for part in home.parts.iterdir():
                shutil.rmtree(part, ignore_errors=True)
            drop_checks(home)
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


def _restore_bundle(folder: Path, manifest: Manifest, bundle: str, bundles_dir: Path) -> None:
    """Copy what the manifest has of a bundle to `bundles_dir`, completely or not at all, replacing an altered one."""
    place, target = PurePosixPath(BUNDLES, bundle), bundles_dir / bundle
    named = {PurePosixPath(name): facts.sha256 for name, facts in manifest.files.items()}
    files = {Path(name.relative_to(place)): sum_ for name, sum_ in named.items() if place in name.parents}
    if target.is_dir() and _hash_files(target) == files:
        return
    with build_folder(target, replace=True) as building:
        for name in files:
            make_folder((building / name).parent)
            shutil.copy2(folder / place / name, building / name)


def _restore_profile(profile: Path, sources_dir: Path) -> None:
    """Copy the profile of a source to `sources_dir`, unless that source has one."""
    target = sources_dir / profile.name
    if os.path.lexists(target):
        return
    make_folder(sources_dir)
    with write_whole(target) as building:
        shutil.copyfile(profile, building)


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
    return link_replaced(warehouse)


def link_replaced(warehouse: Path) -> Path:
    """Link a database to a second name, move its log there too, and return the name."""
    kept = _name_replaced(warehouse)
    os.link(warehouse, kept)
    if name_log(warehouse).exists():
        move_all([(name_log(warehouse), name_log(kept))])
    return kept


def _name_replaced(warehouse: Path) -> Path:
    """Return an unused path for the database that a backup replaces, with the present time and perhaps a number."""
    name = f"{warehouse.stem}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    for ending in chain([""], map("-{}".format, count(2))):
        kept = warehouse.with_name(f"{name}{ending}{warehouse.suffix}")
        if not os.path.lexists(kept):
            break
    return kept


def _hash_files(folder: Path) -> dict[Path, str]:
    """Return the sha256 of each file in a folder, by its relative path."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): compute_sha256(path) for path in paths}
