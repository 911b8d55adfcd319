"""Backs up and restores a home, in a folder or a store, and says what was done."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from data_contracts.errors import UsageError
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from tasks.maintenance import retention
from tasks.pages.formatting import cut_name
from tasks.snapshots import restoring
from tasks.snapshots.forgotten_beside import note_forgotten, remember_place
from tasks.snapshots.making import KEEP_ALL, Made, Options, make_snapshot
from tasks.snapshots.manifests import BUNDLES, name_manifest
from tasks.snapshots.ownership import OWNER, claim, make_lock
from tasks.snapshots.places import FolderPlace, Place, open_place
from tasks.support.lock_holders import keep_runs_out
from tasks.support.locking import hold_folder
from tasks.support.outside_targets import require_free_target
from tasks.support.wording import count, escape_controls
from tasks.warehouse.database.warehouse_connection import open_warehouse, require_warehouse
from tasks.warehouse.publishing import publish

NOTHING_TO_BACK_UP = "`reviews score`; there is nothing to back up before"
_ORIGIN_SHOWN = 250
"""Most characters that are printed of what a snapshot says of its origin."""


def back_up_home(
    home: Home, target: Path | str | None, say: Callable[[str], None], options: Options = KEEP_ALL
) -> str:
    """Make a snapshot in a place, by default in `backups/`, and return the path or URI of its manifest.

    What was forgotten is written into the places that lack it, as those that were away.
    """
    require_warehouse(home.warehouse, NOTHING_TO_BACK_UP)
    place = open_place(target or home.backups)
    is_own = place.name == str(home.backups)
    if isinstance(place, FolderPlace):
        require_free_target(home, place.folder, home.backups, or_itself=True)
        if not is_own:
            _require_place(place)
    with open_warehouse(home.warehouse, write=False):
        pass  # what is damaged must not be published, nor take the place of a backup
    publish(home)
    waiting = f"Waiting for another backup to {place.name} ..."
    with hold_folder(make_lock(home, place), lambda folder: say(waiting)):
        enter_place(home, place, take_over=options.take_over)
        done = make_snapshot(home, place, options)
        if not is_own:
            home.backed_up_elsewhere.touch()
    _say_made(done, say)
    for line in note_forgotten(home):
        say(f"  {escape_controls(line)}")
    return done.name


def _require_place(place: FolderPlace) -> None:
    """Raise `UsageError` if a folder has other content than snapshots, or is none."""
    try:
        names = [path.name for path in list_paths(place.folder, "[!.]*")]
    except OSError as error:
        raise UsageError(f"{place.name}: can't be used ({error.strerror}). Next: name a folder.") from error
    if names and OWNER not in names:
        raise UsageError(
            f"{place.name}: has other content, such as {names[0]}. Next: name a folder that is empty or "
            "does not exist."
        )


def enter_place(home: Home, place: Place, *, take_over: bool) -> None:
    """Make a home the one that writes to a place, which it remembers if it is outside it.

    Raises `SourceError` if another home writes there.
    """
    is_inside = place.name == str(home.backups)
    with nullcontext() if is_inside else remember_place(home, place):
        claim(home, place, take_over or is_inside)
    place.prepare()


def _say_made(done: Made, say: Callable[[str], None]) -> None:
    """Say what a backup wrote, and which were deleted or are damaged."""
    bundles = {name.split("/")[1] for name in done.snapshot.files if name.startswith(f"{BUNDLES}/")}
    say(
        f"Backed up {_in_mib(done.snapshot.bytes)}, the database and {count(len(bundles), 'bundle')}; "
        f"{_in_mib(done.written)} are new and were written:\n  {done.name}"
    )
    for problem in done.damaged:
        say(f"  {escape_controls(problem)} `reviews backup --full` mends what this backup has too.")
    for number in done.dropped:
        say(f"  deleted an older backup: {name_manifest(number)}")


def _in_mib(size: int) -> str:
    """Return a number of bytes in MiB, in words."""
    return f"{size / 2**20:,.1f} MiB"


def restore_home(home: Home, named: Path | str, say: Callable[[str], None]) -> None:
    """Put a snapshot in place, the newest of a place or that of a manifest, move back what it lacks, and publish."""
    with restoring.unpack(home, named) as found, keep_runs_out(home, say):
        replaced = restoring.restore(found, home)
        returned = retention.bring_back(home)
        publish(home)
    # Its origin is named, so that a wrong one is noticed.
    made_at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(found.made_at))
    say(
        f"Restored {found.name}\n  a backup {cut_name(f'of {found.home}, made at {made_at} UTC', _ORIGIN_SHOWN)}"
    )
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
