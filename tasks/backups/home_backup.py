"""Backs up and restores a home, in a folder or a store, and says what was done."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from data_contracts.storage.durable import make_folder
from data_contracts.storage.home import Home
from tasks.backups import making, restoring
from tasks.backups.forgotten_beside import note_forgotten, remember_backup
from tasks.backups.in_store import fetch_backup, upload_backup
from tasks.backups.manifests import read_manifest
from tasks.maintenance import retention
from tasks.pages.formatting import cut_name
from tasks.store.connecting import open_store
from tasks.support.lock_holders import keep_runs_out
from tasks.support.locking import hold_folder
from tasks.support.outside_targets import require_free_target
from tasks.support.wording import count, escape_controls
from tasks.warehouse.database.warehouse_connection import require_warehouse
from tasks.warehouse.publishing import publish

_ORIGIN_SHOWN = 250
"""Most characters that are printed of what a backup says of its origin."""


def back_up_home(
    home: Home, target: Path | str | None, say: Callable[[str], None], keep: int = 0, full: bool = False
) -> Path:
    """Write a backup to a new folder, by default in `backups/`, and return it; for a URI, upload what the store lacks.

    `backups/` keeps the newest `keep`; 0 keeps all. A `full` backup shares no files with others. What was forgotten is
    written into the backups that lack it, as those that were away.
    """
    store = (
        open_store(target) if isinstance(target, str) else None
    )  # a wrong URI is found before there is a backup
    folder = _make(home, target if isinstance(target, Path) else None, say, keep, full)
    lines = []
    if store is not None:
        with remember_backup(home, store.name(folder.name)):
            done = upload_backup(folder, store.uri, full)
        uploaded, all_of_it = _in_mib(done.uploaded), _in_mib(done.bytes)
        lines = [f"Uploaded {uploaded}, what the store lacked of {all_of_it}:\n  {done.uri}"]
    for line in [*(f"  {escape_controls(each)}" for each in note_forgotten(home)), *lines]:
        say(line)
    return folder


def _make(home: Home, target: Path | None, say: Callable[[str], None], keep: int, full: bool) -> Path:
    """Write a backup to `target`, or to `backups/`, which keeps the newest `keep`; return its folder."""
    if target is not None:
        require_free_target(home, target, home.backups)
        turn: AbstractContextManager[None] = nullcontext()
    else:
        require_warehouse(home.warehouse, making.NOTHING_TO_BACK_UP)
        make_folder(home.backups)
        # One process at a time, since two of one second would choose one name.
        turn = hold_folder(home.backups, lambda folder: say(f"Waiting for another backup in {folder} ..."))
    with turn:
        done = making.back_up(home, target or making.name_backup(home.backups), full)
    say(
        f"Backed up {_in_mib(done.bytes)}, the database and {count(done.bundles, 'bundle')}:\n  {done.folder}"
    )
    if done.base:
        written = _in_mib(done.bytes - done.shared)
        say(f"  {written} are new and were written; {_in_mib(done.shared)} are shared with {done.base.name}")
    if target is None:
        for path in making.list_damaged(home.backups):
            say(f"  an earlier backup is damaged and can't be restored: {path.name}. Next: delete its folder")
        for path in making.drop_older_backups(home.backups, keep):
            say(f"  deleted an older backup: {path.name}")
    return done.folder


def _in_mib(size: int) -> str:
    """Return a number of bytes in MiB, in words."""
    return f"{size / 2**20:,.1f} MiB"


def restore_home(home: Home, place: Path | str, say: Callable[[str], None]) -> None:
    """Put the backup of a folder, or of a URI, in place, move back files that it does not have, and publish."""
    with fetch_backup(home, place) if isinstance(place, str) else nullcontext(place) as folder:
        with keep_runs_out(home, say):
            replaced = restoring.restore(folder, home)
            returned = retention.bring_back(home)
            publish(home)
        manifest = read_manifest(folder)
    # Its origin is named, so that a wrong one is noticed.
    of_home = f"of {manifest.home}, " if manifest.home is not None else ""
    origin = f"{of_home}made at {str(manifest.made_at)[:16].replace('T', ' ')} UTC"
    say(f"Restored {place}\n  a backup {cut_name(origin, _ORIGIN_SHOWN)}")
    if returned:
        say(
            f"  {count(returned, 'file')} of `scored/` that the backup does not have: moved back to the inbox"
        )
    if replaced:
        say(f"  the replaced database is kept as {replaced.name}")
    rescan = "repeat what `reviews sources rescan` did since; " if [*home.sources.glob("*.toml")] else ""
    say(
        "Next: `reviews score` scores the files that arrived after the backup; "
        f"{rescan}`reviews verify` checks the database."
    )
