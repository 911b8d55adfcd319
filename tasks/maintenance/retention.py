"""What does not stay for ever: scored files that leave the inbox, and the bytes of rows set aside long ago.

Both are asked for in the settings. Whatever a killed run left undone, the next one does.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from data_contracts.storage.durable import make_folder, move_all, sync_after_renames
from data_contracts.storage.home import Home
from tasks.inbox.opening import open_folder_of
from tasks.inbox.source_files import SkippedFile, SourceFile, hash_file, look_into
from tasks.warehouse.connection import open_warehouse
from tasks.warehouse.ledger import read_seen_files, read_statuses

_DROP_BYTES = """
UPDATE quarantined_rows SET raw = NULL, raw_is_text = false
WHERE raw IS NOT NULL AND quarantined_at < now() - to_seconds(?)
"""
_DAY_SECONDS = 86_400
_NAME_BYTES = 255
"""Of a file's name at most, on the usual file systems."""


def move_scored(home: Home) -> list[SkippedFile]:
    """Move the inbox's files that some model has scored, unchanged since, to a folder of the day.

    Gives those that can't be moved: they stay, and the next run tries again.
    """
    files = look_into(home.inbox).files if home.inbox.is_dir() else ()
    known = read_seen_files(home.warehouse, files)
    done = [
        file
        for file in files
        if (seen := known.get(file.uri)) and seen.is_unchanged and seen.status == "scored"
    ]
    day, stay = home.scored / f"{datetime.now(UTC):%Y-%m-%d}", []
    with sync_after_renames() as rename:
        for file in done:
            try:
                target = _find_place(day / file.uri, known[file.uri].source_sha256)
                # Whoever puts a link in the place of a folder of the inbox moves nothing from elsewhere.
                with open_folder_of(file.path, file.root) as folder:
                    rename(file.path, target, folder)
            except OSError as error:
                stay.append(SkippedFile(file.uri, f"can't be moved to {home.scored}: {error.strerror}"))
    return stay


def bring_back(home: Home) -> int:
    """Move what no model has scored, since an older database was restored, back to the inbox; give how many."""
    moved: dict[str, list[tuple[Path, Path]]] = {}
    for day in sorted(path for path in home.scored.glob("*") if path.is_dir()):
        for file in look_into(day).files:
            found = hash_file(file)
            if isinstance(found, SourceFile):
                moved.setdefault(found.source_sha256, []).append((file.path, home.inbox / file.uri))
    statuses = read_statuses(home.warehouse, list(moved))
    unscored = [source for source in moved if statuses.get(source) != "scored"]
    move_all((path, _find_place(target, source)) for source in unscored for path, target in moved[source])
    return len(unscored)


def _find_place(target: Path, source_sha256: str) -> Path:
    """Give where a file may go, in a folder that is made: its own name, or one beside it where that is taken."""
    make_folder(target.parent)
    return _name_beside(target, source_sha256) if os.path.lexists(target) else target


def _name_beside(target: Path, source_sha256: str) -> Path:
    """Give a name with digits of the content's sha256 before it, the file's own cut where it would be too long."""
    prefix = f"{source_sha256[:12]}-"
    name = target.name.encode()[-(_NAME_BYTES - len(prefix)) :].decode(errors="ignore")
    return target.with_name(prefix + name)


def drop_old_bytes(warehouse: Path, days: float) -> int:
    """Drop the bytes of rows that were set aside longer ago than `days`; that they were stays. Give how many."""
    with open_warehouse(warehouse, write=True) as connection:
        (row,) = connection.execute(_DROP_BYTES, [days * _DAY_SECONDS]).fetchall()
    return int(row[0])
