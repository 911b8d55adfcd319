"""Backups: the database and the bundles that its scores need, as a folder with a manifest; and the way back.

A backup is made while scoring runs: the database is copied between two transactions, and bundles never change.
It is a folder under a temporary name until it is whole.
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
"""With the number of a process: the file that says where it makes a backup."""


@dataclass(frozen=True)
class Backup:
    """A backup that is whole."""

    folder: Path
    bytes: int
    bundles: int
    made_at: str


def name_backup(backups_dir: Path) -> Path:
    """Name a backup by the present moment, in UTC."""
    return backups_dir / f"{_PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def back_up(home: Home, target: Path) -> Backup:
    """Copy the database as it stands between two transactions, and the bundles of its models, to a new folder."""
    require_warehouse(home.warehouse, "`reviews score`; there is nothing to back up before")
    if target.exists():
        raise UsageError(f"{target}: is there already. Next: name a folder that is not.")
    try:
        _remove_killed(home)
        with _keep_mark(home, target), build_folder(target, mode=0o700) as building:
            return replace(_fill(building, home), folder=target)
    except OSError as error:
        raise ReviewsError(
            f"{target}: can't be written ({error.strerror or error}). Next: free space there, or name another folder."
        ) from error


def _fill(building: Path, home: Home) -> Backup:
    """Write a backup into an empty folder."""
    with (building / DATABASE).open("wb") as file:
        copy_warehouse(home.warehouse, file)
    (building / BUNDLES).mkdir()
    bundles = [path for path in sorted(home.bundles.glob("*")) if path.is_dir() and path.name[0] != "."]
    for bundle in bundles:
        shutil.copytree(bundle, building / BUNDLES / bundle.name)
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    files = dict(_list_files(building))
    manifest = {"format": FORMAT, "made_at": made_at, "files": files}
    (building / MANIFEST).write_text(json.dumps(manifest, indent=1), "utf-8")
    return Backup(building, sum(facts["bytes"] for facts in files.values()), len(bundles), made_at)


@contextmanager
def _keep_mark(home: Home, target: Path) -> Iterator[None]:
    """Keep a file beside the database, while the block runs, that says where this process makes a backup."""
    mark = home.folder / f"{_MARK}{os.getpid()}"
    with write_whole(mark) as building:
        building.write_bytes(os.fsencode(target.absolute()))
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def _remove_killed(home: Home) -> None:
    """Remove what backups left half made that were killed, wherever they were to go.

    Where that folder is not to be had now, the mark stays for the next backup.
    """
    for mark in home.folder.glob(f"{_MARK}*"):
        process = mark.name.removeprefix(_MARK)
        if not process.isdecimal() or (int(process) != os.getpid() and is_running(int(process))):
            continue
        target = Path(os.fsdecode(mark.read_bytes()))
        remove_leftovers(target.parent, target.name)
        if target.parent.is_dir():
            mark.unlink(missing_ok=True)


def drop_older(backups_dir: Path, keep: int, made: Path) -> list[Path]:
    """Remove half made backups, and all but the newest `keep` of those named by their moment; 0 keeps all.

    `made` is the newest, whatever its name: the clock may have been set back.
    """
    remove_leftovers(backups_dir)
    whole = (path for path in backups_dir.glob(f"{_PREFIX}*T*Z") if (path / MANIFEST).is_file())
    found = sorted(whole, key=lambda path: (path == made, path.name))
    dropped = found[:-keep] if keep else []
    for path in dropped:
        shutil.rmtree(path)
    return dropped


def check_backup(folder: Path) -> dict[str, Any]:
    """Give a backup's manifest; raises `ReviewsError` if a file of it is missing or has changed."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("utf-8"))
        files: Mapping[str, Mapping[str, Any]] = manifest["files"]
        version, has_database = manifest["format"], DATABASE in files
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder}: is no backup: it has no {MANIFEST} that can be read.") from error
    if version != FORMAT or not has_database:
        raise ReviewsError(f"{folder}: was made by another version of this program (format {version}).")
    found = dict(_list_files(folder))
    for name, facts in files.items():
        if name not in found:
            raise ReviewsError(f"{folder}: is damaged: {name} is missing. Next: restore another backup.")
        if found[name]["sha256"] != facts["sha256"]:
            raise ReviewsError(f"{folder}: is damaged: {name} has changed. Next: restore another backup.")
    return manifest


def restore(folder: Path, home: Home) -> Path | None:
    """Put a backup's database and bundles in place; give where the database before it was kept, if there was one.

    The caller holds the folder of parts. What was forgotten since stays forgotten, as far as the present database can
    be read. What came in after the backup is scored anew by the next run.
    """
    check_backup(folder)
    warehouse = home.warehouse
    traces = read_traces(warehouse) if warehouse.exists() else None
    remove_leftovers(home.folder)
    try:
        with ExitStack() as held, write_whole(warehouse) as building:
            shutil.copyfile(folder / DATABASE, building)
            with open_warehouse(building, write=True):
                pass  # a database of a newer version is refused here, an older one brought up to date
            if traces is not None:
                forget_again(building, traces)
            for bundle in sorted((folder / BUNDLES).glob("*")):
                _put_bundle(bundle, home.bundles)
            # Parts that wait were scored by the database that goes: their files are scored anew.
            for part in home.parts.iterdir():
                shutil.rmtree(part, ignore_errors=True)
            return _keep(warehouse, held) if warehouse.exists() else None
    except OSError as error:
        raise ReviewsError(
            f"{warehouse}: can't be restored ({error.strerror or error}). The database before it is untouched. "
            "Next: see to space and permissions."
        ) from error


def _put_bundle(bundle: Path, bundles_dir: Path) -> None:
    """Put a bundle in place under its name, whole or not at all; an altered one of that name makes room."""
    target = bundles_dir / bundle.name
    if target.is_dir() and dict(_list_files(target)) == dict(_list_files(bundle)):
        return
    with build_folder(target, replace=True) as building:
        shutil.copytree(bundle, building, dirs_exist_ok=True)


def _keep(warehouse: Path, held: ExitStack) -> Path:
    """Give the present database a second name, and its log with it.

    It is held as long as `held` is open, so that nobody writes into what is about to go; a damaged one can't be.
    """
    try:
        held.enter_context(open_warehouse(warehouse, write=True)).execute("CHECKPOINT")
    except WarehouseBusyError:
        raise
    except WarehouseError:
        pass  # it is damaged, which may be why a backup is wanted
    kept = _name_kept(warehouse)
    os.link(warehouse, kept)
    if name_log(warehouse).exists():
        move_all([(name_log(warehouse), name_log(kept))])
    return kept


def _name_kept(warehouse: Path) -> Path:
    """Name the database that makes room by the present moment; a number tells those of one moment apart."""
    name = f"{warehouse.stem}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    for more in chain([""], map("-{}".format, count(2))):
        kept = warehouse.with_name(f"{name}{more}{warehouse.suffix}")
        if not os.path.lexists(kept):
            break
    return kept


def _list_files(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give each file's name, size and sha256, the manifest apart."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != MANIFEST:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            yield name, {"sha256": digest, "bytes": path.stat().st_size}
