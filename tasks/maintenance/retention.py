"""Moves scored files out of the inbox and deletes the bytes of old quarantined rows, if the settings ask for it.

Also deletes the checkpoints of trainings that were stopped long ago.

The next run completes what a killed run did not finish.
"""

import os
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.errors import SourceError
from data_contracts.storage.durable import make_folder, move_all, remove, sync_after_renames
from data_contracts.storage.home import Home
from tasks.inbox.opening import open_folder_of
from tasks.inbox.source_files import SkippedFile, SourceFile, hash_file, look_into
from tasks.support.locking import hold_folder, refuse_to_wait
from tasks.warehouse.database.warehouse_connection import open_warehouse
from tasks.warehouse.file_ledger import look_up, read_seen_files
from tasks.warehouse.row_names import DIGITS_SHOWN

_DROP_BYTES = """
UPDATE quarantined_rows SET raw = NULL, raw_is_text = false
WHERE raw IS NOT NULL AND quarantined_at < now() - to_seconds(?)
"""
_DAY_SECONDS = 86_400
TRAINING_DAYS = 7
"""After how many days the checkpoints of a training that was stopped are deleted."""
_NAME_BYTES = 255
"""Longest file name, in bytes, on common file systems."""


def move_scored(home: Home) -> list[SkippedFile]:
    """Move, as retention asks, the unchanged files of the inbox that are scored to a folder named by today's date.

    Return the files that can't be moved. They stay in the inbox, and the next run tries again.
    """
    files = look_into(home.inbox).files if home.inbox.is_dir() else ()
    known = read_seen_files(home.warehouse, files)
    scored = [
        file
        for file in files
        if (seen := known.get(file.uri)) and seen.is_unchanged and seen.status == "scored"
    ]
    day, unmoved = home.scored / f"{datetime.now(UTC):%Y-%m-%d}", []
    with sync_after_renames() as rename:
        for file in scored:
            try:
                target = _choose_free_path(day / file.uri, known[file.uri].source_sha256)
                # Opened without following links, so that a link in place of a folder can't move files from elsewhere.
                with open_folder_of(file.path, file.root) as folder:
                    rename(file.path, target, folder)
            except OSError as error:
                unmoved.append(SkippedFile(file.uri, f"can't be moved to {home.scored}: {error.strerror}"))
    return unmoved


def bring_back(home: Home) -> int:
    """Undo the retention of files that no model has scored, after a restore of an older database: back to the inbox.

    Return the number of different contents moved.
    """
    moved: dict[str, list[tuple[Path, Path]]] = {}
    for day in sorted(path for path in home.scored.glob("*") if path.is_dir()):
        for file in look_into(day).files:
            hashed = hash_file(file)
            if isinstance(hashed, SourceFile):
                moved.setdefault(hashed.source_sha256, []).append((file.path, home.inbox / file.uri))
    statuses = look_up(home.warehouse, list(moved)).statuses
    unscored = [source for source in moved if statuses.get(source) != "scored"]
    move_all(
        (path, _choose_free_path(target, source)) for source in unscored for path, target in moved[source]
    )
    return len(unscored)


def _choose_free_path(target: Path, source_sha256: str) -> Path:
    """Return `target`, or if it is taken, with digits of the content's sha256 before its name; create the folder.

    The start of a name that gets too long is cut.
    """
    make_folder(target.parent)
    if not os.path.lexists(target):
        return target
    prefix = f"{source_sha256[:DIGITS_SHOWN]}-"
    name = target.name.encode()[-(_NAME_BYTES - len(prefix)) :].decode(errors="ignore")
    return target.with_name(prefix + name)


def drop_old_bytes(warehouse: Path, days: float) -> int:
    """Delete the bytes of rows quarantined longer ago than their retention of `days`, not the rows; return how many."""
    with open_warehouse(warehouse, write=True) as connection:
        (row,) = connection.execute(_DROP_BYTES, [days * _DAY_SECONDS]).fetchall()
    return int(row[0])


def drop_old_trainings(home: Home) -> list[str]:
    """Delete the checkpoints of trainings that were given up; return the names of their folders.

    A training that goes on at this moment keeps them.
    """
    dropped = []
    for folder in sorted(path for path in home.trainings.glob("*") if path.is_dir()):
        with suppress(SourceError), hold_folder(folder, refuse_to_wait):
            changed = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            if changed < time.time() - TRAINING_DAYS * _DAY_SECONDS:
                remove(folder)
                dropped.append(folder.name)
    return dropped
