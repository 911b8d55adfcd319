"""What `reviews backup` and `reviews restore` do: copy the database and the bundles, and put a copy back."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from data_contracts.storage.durable import make_folder
from data_contracts.storage.home import Home
from flows.command.actions.home_protection import keep_runs_out
from tasks.backups import making, restoring
from tasks.backups.forgotten_beside import give_up_backups, note_forgotten, remember_backup
from tasks.backups.in_store import fetch_backup, upload_backup
from tasks.backups.manifests import Manifest, read_manifest
from tasks.maintenance import retention
from tasks.pages.formatting import cut_name
from tasks.store.connecting import open_store
from tasks.support.locking import hold_folder
from tasks.support.outside_targets import require_free_target
from tasks.support.wording import count, escape_controls
from tasks.warehouse.publishing import publish

_ORIGIN_SHOWN = 250
"""Most characters that are printed of what a backup says of its origin."""


def back_up(
    home: Home, target: Path | None, echo: Callable[[str], None], keep: int = 0, full: bool = False
) -> Path:
    """Do what `reviews backup` does: write it to `target`, by default to `backups/`, which keeps the newest `keep`.

    A `keep` of 0 keeps all. A `full` backup shares no files with others. Return its folder.
    """
    folder = _make(home, target, echo, keep, full)
    _tell_backups(home, echo)
    return folder


def _tell_backups(home: Home, echo: Callable[[str], None]) -> None:
    """Write into the backups what is forgotten that they lack, as those that were away; name those that still are."""
    for line in note_forgotten(home):
        echo(f"  {escape_controls(line)}")


def _make(home: Home, target: Path | None, echo: Callable[[str], None], keep: int, full: bool) -> Path:
    """Write a backup to `target`, or to `backups/`, which keeps the newest `keep`; return its folder."""
    if target:
        require_free_target(home, target, home.backups)
    with _take_turn(home, echo) if target is None and home.warehouse.exists() else nullcontext():
        done = making.back_up(home, target or making.name_backup(home.backups), full)
    echo(
        f"Backed up {_in_mib(done.bytes)}, the database and {count(done.bundles, 'bundle')}:\n  {done.folder}"
    )
    if done.base:
        written = _in_mib(done.bytes - done.shared)
        echo(f"  {written} are new and were written; {_in_mib(done.shared)} are shared with {done.base.name}")
    if target is None:
        for path in making.list_damaged(home.backups):
            echo(
                f"  an earlier backup is damaged and can't be restored: {path.name}. Next: delete its folder"
            )
        for path in making.drop_older_backups(home.backups, keep, done.folder):
            echo(f"  deleted an older backup: {path.name}")
    return done.folder


@contextmanager
def _take_turn(home: Home, echo: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time write into `backups/`, since two of one second would choose one name."""
    make_folder(home.backups)
    with hold_folder(home.backups, lambda folder: echo(f"Waiting for another backup in {folder} ...")):
        yield


def back_up_to_store(
    home: Home, uri: str, echo: Callable[[str], None], keep: int = 0, full: bool = False
) -> None:
    """Do what `reviews backup URI` does: make a backup in `backups/`, and upload what the store lacks of it."""
    store = open_store(uri)  # a wrong URI is found before there is a backup
    folder = _make(home, None, echo, keep, full)
    with remember_backup(home, store.name(folder.name)):
        done = upload_backup(folder, uri, full)
    _tell_backups(home, echo)
    echo(f"Uploaded {_in_mib(done.uploaded)}, what the store lacked of {_in_mib(done.bytes)}:\n  {done.uri}")


def give_up(home: Home, place: str, echo: Callable[[str], None]) -> None:
    """Do what `reviews backup --gone` does: backups that are gone for good are not told any more what is forgotten."""
    for each in give_up_backups(home, place):
        echo(f"Not told any more what is forgotten: {each}")


def _in_mib(size: int) -> str:
    """Return a number of bytes in MiB, in words."""
    return f"{size / 2**20:,.1f} MiB"


def _describe_origin(manifest: Manifest) -> str:
    """Return in words of which home a backup is, and when it was made, so that a wrong one is noticed."""
    home = "" if manifest.home is None else f"of {manifest.home}, "
    return cut_name(f"{home}made at {str(manifest.made_at)[:16].replace('T', ' ')} UTC", _ORIGIN_SHOWN)


def restore_from_store(home: Home, uri: str, echo: Callable[[str], None]) -> None:
    """Do what `reviews restore URI` does: fetch the backup, check it, and put it in place."""
    with fetch_backup(home, uri) as folder:
        restore(home, folder, echo, uri)


def restore(home: Home, folder: Path, echo: Callable[[str], None], uri: str | None = None) -> None:
    """Do what `reviews restore` does: put the backup in place, move back files that it does not have, and publish.

    `uri`: where the backup came from, if its folder is a copy.
    """
    with keep_runs_out(home, echo):
        replaced = restoring.restore(folder, home)
        returned = retention.bring_back(home)
        publish(home)
    echo(f"Restored {uri or folder}\n  a backup {_describe_origin(read_manifest(folder))}")
    if returned:
        echo(
            f"  {count(returned, 'file')} of `scored/` that the backup does not have: moved back to the inbox"
        )
    if replaced:
        echo(f"  the replaced database is kept as {replaced.name}")
    rescan = "repeat what `reviews sources rescan` did since; " if [*home.sources.glob("*.toml")] else ""
    echo(
        "Next: `reviews score` scores the files that arrived after the backup; "
        f"{rescan}`reviews verify` checks the database."
    )
