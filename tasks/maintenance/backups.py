"""Makes, checks and restores backups: folders with the database, the bundles and a manifest of checksums.

A backup can be made while scoring runs: the database is copied between two transactions, and bundles never change.
Its folder has a temporary name until it is complete.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from data_contracts.errors import ReviewsError, UsageError, WarehouseBusyError, WarehouseError
from data_contracts.storage.durable import build_folder, is_running, move_all, remove_leftovers, write_whole
from data_contracts.storage.home import Home
from tasks.maintenance.forgetting import forget_again, read_traces
from tasks.warehouse.connection import copy_warehouse, name_log, open_warehouse, require_warehouse

DATABASE, BUNDLES, MANIFEST = "reviews.duckdb", "bundles", "manifest.json"
FORMAT = 1
_PREFIX = "reviews-"
_MARK = ".backing-up."
"""Followed by a process id: the name of the file that says where that process is making a backup."""


@dataclass(frozen=True)
class Backup:
    """A complete backup."""

    folder: Path
    bytes: int
    bundles: int
    made_at: str


def name_backup(backups_dir: Path) -> Path:
    """Return the path of a backup made now, named by the present time in UTC."""
    return backups_dir / f"{_PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def back_up(home: Home, target: Path) -> Backup:
    """Copy the database, between two transactions, and all bundles to the new folder `target`.

    Raises `UsageError` if `target` exists, `ReviewsError` if it can't be written.
    """
    require_warehouse(home.warehouse, "`reviews score`; there is nothing to back up before")
    if target.exists():
        raise UsageError(f"{target}: exists already. Next: name a folder that does not exist.")
    try:
        _remove_unfinished(home)
        with _keep_mark(home, target), build_folder(target, mode=0o700) as building:
            return replace(_fill_backup(building, home), folder=target)
    except OSError as error:
        raise ReviewsError(
            f"{target}: can't be written ({error.strerror or error}). Next: free space there, or name another folder."
        ) from error


def _fill_backup(building: Path, home: Home) -> Backup:
    """Write a backup into an empty folder."""
    with (building / DATABASE).open("w+b") as file:
        copy_warehouse(home.warehouse, file)
    (building / BUNDLES).mkdir()
    bundles = [path for path in sorted(home.bundles.glob("*")) if path.is_dir() and path.name[0] != "."]
    for bundle in bundles:
        shutil.copytree(bundle, building / BUNDLES / bundle.name)
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    files = dict(_list_backup_files(building))
    manifest = {"format": FORMAT, "made_at": made_at, "files": files}
    (building / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")
    return Backup(building, sum(facts["bytes"] for facts in files.values()), len(bundles), made_at)


@contextmanager
def _keep_mark(home: Home, target: Path) -> Iterator[None]:
    """Keep a file in the home, while the block runs, that says where this process is making a backup."""
    mark = home.folder / f"{_MARK}{os.getpid()}"
    with write_whole(mark) as building:
        building.write_bytes(os.fsencode(target.absolute()))
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def _remove_unfinished(home: Home) -> None:
    """Remove the unfinished backups of killed processes, wherever they lie.

    If the folder of one can't be reached now, its mark stays for the next backup.
    """
    for mark in home.folder.glob(f"{_MARK}*"):
        process = mark.name.removeprefix(_MARK)
        if not process.isdecimal() or (int(process) != os.getpid() and is_running(int(process))):
            continue
        target = Path(os.fsdecode(mark.read_bytes()))
        remove_leftovers(target.parent, target.name)
        if target.parent.is_dir():
            mark.unlink(missing_ok=True)


def drop_older_backups(backups_dir: Path, keep: int, made: Path) -> list[Path]:
    """Delete unfinished backups, and all but the newest `keep` backups that are named by their time; 0 keeps all.

    `made` counts as the newest, whatever its name, since the clock may have been set back. Return the deleted backups.
    """
    remove_leftovers(backups_dir)
    complete = (path for path in backups_dir.glob(f"{_PREFIX}*T*Z") if (path / MANIFEST).is_file())
    oldest_first = sorted(complete, key=lambda path: (path == made, path.name))
    dropped = oldest_first[:-keep] if keep else []
    for path in dropped:
        shutil.rmtree(path)
    return dropped


def check_backup(folder: Path) -> dict[str, Any]:
    """Return a backup's manifest after checking every file by its checksum.

    Raises `UsageError` if `folder` is no backup, `ReviewsError` if a file is missing or has changed, or if another
    version of this program made the backup.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        files: Mapping[str, Mapping[str, Any]] = manifest["files"]
        version, has_database = manifest["format"], DATABASE in files
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder}: is no backup: it has no readable {MANIFEST}. Next: name a folder that `reviews backup` made."
        ) from error
    if version != FORMAT or not has_database:
        raise ReviewsError(
            f"{folder}: was made by another version of this program (format {version}). Next: restore it with that "
            "version."
        )
    present = dict(_list_backup_files(folder))
    for name, facts in files.items():
        if name not in present:
            raise ReviewsError(f"{folder}: is damaged: {name} is missing. Next: restore another backup.")
        if present[name]["sha256"] != facts["sha256"]:
            raise ReviewsError(f"{folder}: is damaged: {name} has changed. Next: restore another backup.")
    return manifest


def restore(folder: Path, home: Home) -> Path | None:
    """Replace the database and the bundles by those of a backup; return where the replaced database was kept, if any.

    The caller must hold the lock on the folder of parts. Rows that were forgotten after the backup stay forgotten, if
    the present database can be read. The next run scores again the files that came after the backup.
    """
    check_backup(folder)
    warehouse = home.warehouse
    traces = read_traces(warehouse) if warehouse.exists() else None
    remove_leftovers(home.folder)
    try:
        with ExitStack() as held, write_whole(warehouse) as building:
            shutil.copyfile(folder / DATABASE, building)
            with open_warehouse(building, write=True):
                pass  # opening applies migrations, and raises if a newer version made the database
            if traces is not None:
                forget_again(building, traces)
            for bundle in sorted((folder / BUNDLES).glob("*")):
                _put_bundle(bundle, home.bundles)
            # Leftover parts belong to the replaced database: the next run scores their files again.
            for part in home.parts.iterdir():
                shutil.rmtree(part, ignore_errors=True)
            return _keep_replaced(warehouse, held) if warehouse.exists() else None
    except OSError as error:
        raise ReviewsError(
            f"{warehouse}: can't be restored ({error.strerror or error}). The present database is unchanged. "
            "Next: check disk space and permissions."
        ) from error


def _put_bundle(bundle: Path, bundles_dir: Path) -> None:
    """Copy a bundle to `bundles_dir` under its name, completely or not at all, replacing an altered one."""
    target = bundles_dir / bundle.name
    if target.is_dir() and dict(_list_backup_files(target)) == dict(_list_backup_files(bundle)):
        return
    with build_folder(target, replace=True) as building:
        shutil.copytree(bundle, building, dirs_exist_ok=True)


def _keep_replaced(warehouse: Path, held: ExitStack) -> Path:
    """Link the database that a backup replaces to a second name, move its log there too, and return the name.

    The database stays open until `held` closes, so that no process writes to it before it is replaced. A damaged one
    can't be opened and is only linked.
    """
    try:
        held.enter_context(open_warehouse(warehouse, write=True)).execute("CHECKPOINT")
    except WarehouseBusyError:
        raise
    except WarehouseError:
        pass  # damaged, which may be the reason for the restore
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


def _list_backup_files(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and {sha256, bytes} of each file in `folder`, except the manifest."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != MANIFEST:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            yield name, {"sha256": digest, "bytes": path.stat().st_size}
