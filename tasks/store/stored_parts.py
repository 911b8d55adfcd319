"""Parts in a store: where the workers of an engine leave what they scored until the home commits it.

A part is named by its key, a digest of the work that makes it. Each attempt at it writes its files below
`parts/HOME/KEY/ATTEMPT/`, then creates `parts/HOME/KEY/manifest.json`, which only one of them can: the others drop what
they wrote. The home commits a part like one of its own, then deletes it here. A part that a killed run left is found by
its key when the same work is to be done again. The ledger of the home decides what is new, so a part that comes twice
adds nothing.
"""

import json
import re
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from data_contracts.errors import ObjectDamagedError, ObjectMissingError, StoreError
from data_contracts.storage.faults import pass_fault_point
from tasks.store.checked_folders import (
    CopiedFile,
    fetch_folder,
    measure_folder,
    parse_files,
    reading_manifest,
    upload_folder,
)
from tasks.store.connecting import Store
from tasks.store.object_operations import delete, drop_unfinished, list_objects, put_if_absent

PARTS = "parts"
MANIFEST = "manifest.json"
_LISTINGS = 5
"""Times that the old objects are listed and deleted at most."""
LONGEST_RUN = timedelta(days=2)
"""How long what was not committed may be of use."""
_ATTEMPT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class PartManifest:
    """What makes a part in a store complete: the attempt that it is of, and its files."""

    attempt: str
    run_id: str
    files: dict[str, CopiedFile]
    postponed: dict[str, str] = field(default_factory=dict)
    """The reason for each source file that could not be read, by its uri."""


@dataclass(frozen=True)
class StoredPart:
    """The place of a part in a store; nothing may be there yet."""

    store: Store
    home_id: str
    key: str

    @property
    def folder(self) -> str:
        """The name below which all its objects lie."""
        return f"{PARTS}/{self.home_id}/{self.key}"

    @property
    def manifest(self) -> str:
        """The name of its manifest."""
        return f"{self.folder}/{MANIFEST}"


def upload_part(
    part: StoredPart, folder: Path, run_id: str, postponed: dict[str, str] | None = None
) -> PartManifest:
    """Write a part that was made in `folder`; return the manifest of the attempt that was first, ours or another."""
    ours = PartManifest(uuid.uuid4().hex, run_id, measure_folder(folder), postponed or {})
    upload_folder(part.store, f"{part.folder}/{ours.attempt}", folder, ours.files)
    pass_fault_point("engine: files uploaded")
    if put_if_absent(part.store, part.manifest, json.dumps(asdict(ours)).encode()):
        return ours
    with suppress(StoreError):  # what stays goes with the part
        delete(part.store, [f"{part.folder}/{ours.attempt}/{name}" for name in ours.files])
    with suppress(ObjectDamagedError):
        if first := find_manifest(part):
            return first
    raise ObjectMissingError(
        f"{part.store.name(part.folder)}: was taken away or damaged while it was made. Next: run again."
    )


def find_manifest(part: StoredPart) -> PartManifest | None:
    """Return the manifest of a part; None if it is not complete.

    Raises `ObjectDamagedError`, which says what is wrong, if it can't be read.
    """
    try:
        with reading_manifest(part.store, part.manifest) as stated:
            attempt, files = str(stated["attempt"]), parse_files(stated["files"])
            if not _ATTEMPT.fullmatch(attempt):
                raise ValueError(f"its attempt is {attempt!r}")
            postponed = {str(uri): str(reason) for uri, reason in stated["postponed"].items()}
            return PartManifest(attempt, str(stated["run_id"]), files, postponed)
    except ObjectMissingError:
        return None


def drop_damaged(part: StoredPart) -> str:
    """Delete the manifest of a part if it can't be read, so that the part is made anew.

    Returns what was wrong with it, or an empty text.
    """
    try:
        find_manifest(part)
    except ObjectDamagedError as error:
        delete(part.store, [part.manifest])
        return str(error)
    return ""


def fetch_part(part: StoredPart, manifest: PartManifest, folder: Path) -> None:
    """Fetch the files of a complete part into an empty folder, each checked by its size and sha256."""
    fetch_folder(part.store, f"{part.folder}/{manifest.attempt}", manifest.files, folder)


def delete_part(part: StoredPart) -> None:
    """Delete a part with all its attempts: the manifest first, so that what a killed run leaves is not complete."""
    delete(part.store, [part.manifest])
    delete(part.store, [each.key for each in list_objects(part.store, part.folder)])


def find_end_of_use(unused_for: timedelta = LONGEST_RUN) -> int:
    """Return the time, in ns since 1970, before which parts were written that no run will commit any more."""
    return int((datetime.now(UTC) - unused_for).timestamp() * 1e9)


def collect_parts(store: Store, home_id: str, unused_for: timedelta = LONGEST_RUN) -> int:
    """Delete the parts of a home that were written so long ago that no run will commit them; count the objects."""
    before_ns, folder = find_end_of_use(unused_for), f"{PARTS}/{home_id}"
    drop_unfinished(store, folder, before_ns / 1e9)
    count = 0
    # Again, for what a worker wrote meanwhile: one that finds its texts still there leaves what it made. Not for ever,
    # since a store may list what it has deleted.
    for _ in range(_LISTINGS):
        old = [each.key for each in list_objects(store, folder) if each.modified_ns < before_ns]
        if not old:
            break
        delete(store, old)
        count += len(old)
    return count
