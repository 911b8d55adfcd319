"""Makes backups: folders with the database, bundles, profiles and a manifest of checksums, each whole in itself.

A backup can be made while scoring runs: the database is copied between two transactions, and bundles never change.
What an earlier backup in the same folder has is not written again: the two share those files by hard links, so each can
be moved, copied or deleted on its own. Its folder has a temporary name until it is complete.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from data_contracts.errors import ReviewsError, UsageError
from data_contracts.storage.durable import (
    build_folder,
    is_running,
    make_temporary,
    name_temporary,
    remove_leftovers,
    write_whole,
)
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from tasks.backups.forgotten_beside import note_in_folder, remember_backup, remember_beside
from tasks.backups.manifests import (
    MANIFEST,
    FileFacts,
    Manifest,
    describe_file,
    is_unchanged,
    list_complete,
    name_origin,
    read_manifest,
    read_number,
    try_link,
    write_manifest,
)
from tasks.backups.packs import Base, Written, find_base, finish_database, write_blocks
from tasks.backups.restoring import BUNDLES, PROFILES
from tasks.support.checksums import compute_sha256
from tasks.warehouse.database.block_copy import hold_still, require_opening
from tasks.warehouse.database.warehouse_connection import require_warehouse

NOTHING_TO_BACK_UP = "`reviews score`; there is nothing to back up before"
_PREFIX = "reviews-"
_MARK = ".backing-up."
"""Followed by a process id: the name of the file that says where that process is making a backup."""


@dataclass(frozen=True)
class Backup:
    """A complete backup."""

    folder: Path
    bytes: int
    bundles: int
    shared: int
    """Bytes of `bytes` that were not written, since an earlier backup has them too."""
    base: Path | None
    """That backup."""


def name_backup(backups_dir: Path) -> Path:
    """Return the unused path of a backup made now, named by the present time in UTC and perhaps a number."""
    name = f"{_PREFIX}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    paths = (backups_dir / f"{name}{ending}" for ending in chain([""], map("-{}".format, count(2))))
    return next(path for path in paths if not os.path.lexists(path))


def back_up(home: Home, target: Path, full: bool = False) -> Backup:
    """Write the database, between two transactions, all bundles and all profiles to the new folder `target`.

    Files are shared with the newest backup beside `target`, unless it is to be `full`. The caller then calls
    `note_forgotten`, since a `forget` of meanwhile did not find it. Raises `UsageError` if `target`
    exists, `ReviewsError` if it can't be written.
    """
    require_warehouse(home.warehouse, NOTHING_TO_BACK_UP)
    if target.exists():
        raise UsageError(f"{target}: exists already. Next: name a folder that does not exist.")
    _remove_unfinished(home)
    is_outside = target.parent != home.backups
    remembered = remember_backup(home, str(target.absolute())) if is_outside else nullcontext()
    with remembered, _keep_mark(home, target):
        done = _build(home, target, full)
    pass_fault_point("backup: in place")
    if is_outside:
        home.backed_up_elsewhere.touch()
        remember_beside(home, target.parent)
    return replace(done, folder=target)


def _build(home: Home, target: Path, full: bool) -> Backup:
    """Write a backup under a temporary name, and give it its own; raise `ReviewsError` if it can't be written."""
    try:
        with build_folder(target, mode=0o700) as building:
            number = 1 + max(map(read_number, target.parent.glob("[!.]*")), default=0)
            done = _fill_backup(building, home, [] if full else list_complete(target.parent), number)
            pass_fault_point("backup: before in place")
            return done
    except OSError as error:
        raise ReviewsError(
            f"{target}: can't be written ({error.strerror or error}). Next: free space there, or name another folder."
        ) from error


def _fill_backup(building: Path, home: Home, earlier: Sequence[tuple[Path, Manifest]], number: int) -> Backup:
    """Write a backup into an empty folder, and share files with the first of `earlier` that is of this database."""
    with hold_still(home.warehouse) as (source, shape), require_opening(home.warehouse):
        base = find_base(earlier, source, shape.block_bytes)
        draft = write_blocks(building, source, shape.block_bytes, base)
    database = finish_database(building, draft)
    bundles = [path for path in _list_kept(home.bundles, "[!.]*") if path.is_dir()]
    written = [database, *(_add_files(_list_files(each), building, base) for each in bundles)]
    profiles = [path for path in _list_kept(home.sources, "*.toml") if path.is_file()]
    written.append(_add_files({f"{PROFILES}/{path.name}": path for path in profiles}, building, base))
    files = {name: facts for each in written for name, facts in each.files.items()}
    shared = sum(each.files[name].bytes for each in written for name in each.shared)
    made_at = datetime.now(UTC).isoformat(timespec="microseconds")
    write_manifest(building, Manifest(made_at, files, home=name_origin(home), number=number))
    note_in_folder(home.forgotten, building)
    total = sum(facts.bytes for facts in files.values())
    return Backup(building, total, len(bundles), shared, base.folder if base and shared else None)


def _list_kept(folder: Path, pattern: str) -> list[Path]:
    """Return what a folder of the home has for a backup; raise `ReviewsError` if it can't be read."""
    try:
        return list_paths(folder, pattern)
    except OSError as error:
        raise ReviewsError(
            f"{folder}: can't be read ({error.strerror}), so a backup would lack it. Next: give yourself the right to "
            "read it."
        ) from error


def _list_files(bundle: Path) -> dict[str, Path]:
    """Return the files of a bundle by their names in a backup."""
    paths = sorted(path for path in bundle.rglob("*") if path.is_file())
    return {(Path(BUNDLES) / path.relative_to(bundle.parent)).as_posix(): path for path in paths}


def _add_files(paths: Mapping[str, Path], building: Path, base: Base | None) -> Written:
    """Add files to a new backup: each as a link to that of the earlier backup, if it is the same, or copied."""
    files, shared = dict[str, FileFacts](), set[str]()
    for name, path in paths.items():
        (building / name).parent.mkdir(parents=True, exist_ok=True)
        facts = base.manifest.files.get(name) if base else None
        if base and facts and _is_same(path, facts) and try_link(base.folder / name, building / name):
            files[name] = facts
            shared.add(name)
        else:
            shutil.copy2(path, building / name)
            files[name] = describe_file(building / name)
    return Written(files, frozenset(shared))


def _is_same(path: Path, facts: FileFacts) -> bool:
    """Return whether a file of the home is the one in a backup: by size and time, else by its content."""
    return is_unchanged(path, facts) or compute_sha256(path) == facts.sha256


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


def drop_older_backups(backups_dir: Path, keep: int) -> list[Path]:
    """Delete unfinished backups, and all but the newest `keep` backups that are named by their time; 0 keeps all.

    Return the deleted backups.
    """
    remove_leftovers(backups_dir)
    own = _list_named(backups_dir, os.R_OK | os.W_OK | os.X_OK)
    complete = (path for path in own if (path / MANIFEST).is_file())
    oldest_first = sorted(complete, key=lambda path: (read_number(path), path.name))
    dropped = oldest_first[:-keep] if keep else []
    for path in dropped:
        _drop(path)
    return dropped


def list_damaged(backups_dir: Path) -> list[Path]:
    """Return the backups named by their time that lack a file, or a part of one, or have no readable manifest.

    Only sizes are compared: bytes that have changed are found by a restore alone. Of a folder that this user may not
    read nothing is known.
    """
    return [each for each in sorted(_list_named(backups_dir, os.R_OK | os.X_OK)) if not _has_all_bytes(each)]


def _list_named(backups_dir: Path, rights: int) -> list[Path]:
    """Return the backups named by their time to whose folders this user has some rights, as `os.access` has them."""
    return [path for path in backups_dir.glob(f"{_PREFIX}*T*Z*") if os.access(path, rights)]


def _has_all_bytes(folder: Path) -> bool:
    """Return whether a backup has every file of its manifest in its size."""
    try:
        files = read_manifest(folder).files
        return all((folder / name).stat().st_size == facts.bytes for name, facts in files.items())
    except (UsageError, OSError):
        return False


def _drop(backup: Path) -> None:
    """Delete a backup; what is half deleted has a temporary name, and is no backup."""
    temporary = name_temporary(backup)
    make_temporary(backup, temporary)
    pass_fault_point("backup: older one dropped")
    shutil.rmtree(temporary)
