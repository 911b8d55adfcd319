"""Backups in an object store: what a backup of the home has is uploaded once, and fetched to be restored.

The files lie under `objects/`, each named by its sha256, so that all backups share them. A backup is a manifest, such
as `reviews-20261124T063000Z/manifest.json`. It is written last, and only where none is: what has none is no backup.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from data_contracts.errors import ObjectMissingError, ReviewsError, UsageError
from data_contracts.storage.durable import make_folder
from data_contracts.storage.home import Home
from data_contracts.storage.store_uris import require_clear_inbox
from tasks.backups.forgotten_beside import read_in_store
from tasks.backups.manifests import MANIFEST, FileFacts, read_manifest
from tasks.store.connecting import Store, open_store
from tasks.store.object_operations import fetch, find_object, list_objects, put_if_absent, read, upload
from tasks.store.work_folders import hold_workplace
from tasks.support.checksums import compute_sha256
from tasks.support.progress import show_progress
from tasks.support.wording import escape_controls, quote_word

OBJECTS = "objects"
FETCHED_AT_ONCE = 8
NAMES_SHOWN = 3
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredBackup:
    """A backup in a store."""

    uri: str
    bytes: int
    """Of all its files."""
    uploaded: int
    """Bytes that the store lacked."""


def upload_backup(folder: Path, uri: str, full: bool = False) -> StoredBackup:
    """Upload what a store lacks of a backup on disk, or with `full` all of it, then its manifest.

    Raises `UsageError` if the store has another backup of this name, `ReviewsError` if the one on disk is damaged.
    """
    store, manifest = open_store(require_clear_inbox(uri)), read_manifest(folder)
    stored = {} if full else {each.key: each.size for each in list_objects(store, OBJECTS)}
    files = {_name_object(facts): (folder / name, facts) for name, facts in manifest.files.items()}
    missing = {key: each for key, each in files.items() if stored.get(key) != each[1].bytes}
    for path, facts in missing.values():
        # An object that is not what its name says would be shared by all later backups.
        if compute_sha256(path) != facts.sha256:
            raise ReviewsError(
                f"{path}: is damaged, so it was not uploaded. Next: reviews backup --full {quote_word(store.uri)}"
            )
    uploaded = sum(facts.bytes for _, facts in missing.values())
    with show_progress("Uploading", uploaded) as report:
        upload(store, {key: path for key, (path, _) in missing.items()}, report)
    if not put_if_absent(store, f"{folder.name}/{MANIFEST}", (folder / MANIFEST).read_bytes()):
        raise UsageError(
            f"{store.name(folder.name)}: is another home's backup. Next: name a folder of the store for this home."
        )
    return StoredBackup(store.name(folder.name), sum(facts.bytes for _, facts in files.values()), uploaded)


@contextmanager
def fetch_backup(home: Home, uri: str) -> Iterator[Path]:
    """Yield the folder with a copy of a backup of a store, every file checked by its sha256; delete it at the end.

    Raises `UsageError` if there is no such backup, `ReviewsError` if it is damaged.
    """
    place, _, name = uri.rstrip("/").rpartition("/")
    store = open_store(place)
    with hold_workplace(home, uri) as folder:
        _fetch_manifest(store, name, folder)
        files = read_manifest(folder).files
        for file in files:
            _require_inside(store, file)
            make_folder((folder / file).parent)
        with (
            show_progress("Downloading", sum(facts.bytes for facts in files.values())) as report,
            ThreadPoolExecutor(FETCHED_AT_ONCE) as pool,
        ):
            for size in pool.map(lambda file: _fetch_file(store, folder / file, files[file]), files):
                report(size)
        record = home.forgotten.name
        (folder / record).write_bytes(read_in_store(store, f"{name}/{record}"))
        yield folder


def _fetch_manifest(store: Store, name: str, folder: Path) -> None:
    """Copy the manifest of a backup; raise `UsageError`, which names the newest backups there, if there is none."""
    try:
        (folder / MANIFEST).write_bytes(read(store, f"{name}/{MANIFEST}"))
    except ObjectMissingError:
        below = (PurePosixPath(each.key) for each in list_objects(store, name))
        names = sorted((path.parent.name for path in below if path.name == MANIFEST), reverse=True)
        there = f" The newest below it: {escape_controls(', '.join(names[:NAMES_SHOWN]))}." if names else ""
        raise UsageError(
            f"{store.name(name)}: is no backup: it has no {MANIFEST}.{there} Next: name a backup that "
            "`reviews backup` wrote there."
        ) from None


def _require_inside(store: Store, file: str) -> None:
    """Raise `ReviewsError` if a manifest names a file outside the folder of its backup."""
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or not path.parts or file == MANIFEST:
        raise ReviewsError(
            f"{store.uri}: has a manifest that names {escape_controls(file)!r}, which no backup has. Next: restore "
            "another backup, and find out who can write there."
        )


def _fetch_file(store: Store, target: Path, facts: FileFacts) -> int:
    """Fetch a file of a backup and return its size; raise `ReviewsError` if it is missing or has changed."""
    key = _name_object(facts)
    try:
        fetch(store, find_object(store, key), target)
    except ObjectMissingError as error:
        raise ReviewsError(
            f"{store.name(key)}: is missing, so the backup is damaged. Next: restore another backup."
        ) from error
    if compute_sha256(target) != facts.sha256:
        raise ReviewsError(
            f"{store.name(key)}: has changed, so the backup is damaged. Next: restore another backup."
        )
    return facts.bytes


def _name_object(facts: FileFacts) -> str:
    """Return the name of a file of a backup within the store."""
    if not _SHA256.fullmatch(facts.sha256):
        raise ReviewsError(f"{ascii(facts.sha256)[:80]}: is no sha256. Next: restore another backup.")
    return f"{OBJECTS}/{facts.sha256}"
