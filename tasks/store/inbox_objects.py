"""Finds the files in the inbox of a store, of reviews and of labels, and copies those to read into the spool.

An object whose name, size, time and ETag are known is not read again. The spool is a folder that belongs to one run:
what a killed run left there is deleted, never read.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from data_contracts.errors import (
    ObjectChangedError,
    ObjectMissingError,
    ObjectNameError,
    StoreError,
    StoreUnreachableError,
    UsageError,
)
from data_contracts.storage.home import LABELS, Home
from data_contracts.storage.store_uris import INBOX, LABELS_IN_STORE
from tasks.inbox.source_files import (
    MAX_FILE_BYTES,
    TOO_LARGE,
    FoundFile,
    SkippedFile,
    SourceFile,
    group_found_files,
    hash_file,
    is_unfinished,
    make_source_file,
)
from tasks.reading.formats import UNKNOWN, format_of
from tasks.store.connecting import Store, open_store
from tasks.store.object_operations import StoredObject, fetch, find_object, list_level, list_objects
from tasks.warehouse.file_ledger import SeenFile, read_seen_files

FETCHED_AT_ONCE = 16
TRIES = 3
"""How often an object is read anew that changes while it is read."""
FREE_BYTES = 256 << 20
"""What a download leaves free on the disk of the home."""
_NAME_BYTES = 255
MOST_LABEL_BYTES = 32 << 20
"""Larger objects of labels are not fetched: a sheet that can't be read is fetched by every run until it is mended."""
_TOO_MANY_LABELS = f"is larger than {MOST_LABEL_BYTES >> 20} MiB, the limit for labels in a store: split it"


@dataclass(frozen=True)
class Arrivals:
    """What was found in the inbox of a store."""

    files_found: int = 0
    unread: tuple[FoundFile, ...] = ()
    """The objects to read, also those that were refused, each with the path of its future copy in the spool."""
    labels: tuple[FoundFile, ...] = ()
    """The objects of labels, likewise; which of them are known, who takes them in knows."""
    seen: dict[str, SeenFile] = field(default_factory=dict)
    """What the ledger recorded of the objects, by uri."""
    skipped: tuple[SkippedFile, ...] = ()
    trouble: StoreError | None = None
    """Why the inbox could not be listed."""
    stale: tuple[SourceFile, ...] = ()
    """Known objects that the ledger is to note as seen again."""

    def list_known(self) -> list[str]:
        """Return the sha256 of each object whose content is known."""
        return [seen.source_sha256 for seen in self.seen.values() if seen.is_unchanged]


def find_arrivals(home: Home, uri: str | None, named: Sequence[str], since_ns: int | None) -> Arrivals:
    """Find the objects that may be to be read: those of the inbox, or the `named` ones, that were not scored.

    An error of the store is returned, so that files on disk can be scored. Raises `UsageError` if a named object is
    not in the inbox of the store, or no store is set.
    """
    if uri is None and named:
        raise UsageError(
            f"{named[0]}: no store is set. Next: set REVIEWS_STORE to what is before `/{INBOX}/`."
        )
    if uri is None:
        return Arrivals()
    try:
        store = open_store(uri)
        _require_inbox(store)
        listed, unlisted = (list(_list_named(store, named)), []) if named else _list_inbox(store)
    except StoreError as error:
        return Arrivals(trouble=error)
    found, skipped = _inspect_all(store, listed, home.spool)
    of_labels = store.name(f"{LABELS_IN_STORE}/")
    labels = [file for file in found if file.uri.startswith(of_labels)]
    reviews = [file for file in found if not file.uri.startswith(of_labels)]
    files = [file for file in reviews if file.mtime_ns >= (since_ns or file.mtime_ns)]
    seen = read_seen_files(home.warehouse, files)
    known = {uri: each for uri, each in seen.items() if each.is_unchanged}
    scored = {uri for uri, each in known.items() if each.status == "scored"}
    return Arrivals(
        len(files) + (len(labels) if named else 0),
        tuple(place_copy(file, home.spool) for file in files if file.uri not in scored),
        tuple(place_copy(file, home.spool) for file in labels),
        seen,
        (*unlisted, *skipped),
        stale=tuple(
            make_source_file(file, known[file.uri].source_sha256)
            for file in files
            if file.uri in known and known[file.uri].is_stale
        ),
    )


def find_labels(uri: str, spool: Path) -> tuple[list[FoundFile], list[str]]:
    """Return the objects of labels, known ones too, and the URIs of those that are not to be fetched, also hidden ones.

    Raises `StoreError` if they can't be listed.
    """
    store = open_store(uri)
    _require_inbox(store)
    listed = list(list_objects(store, LABELS_IN_STORE))
    found, _ = _inspect_all(store, listed, spool)
    others = {store.name(each.key) for each in listed if each.size} - {file.uri for file in found}
    return [place_copy(file, spool) for file in found], sorted(others)


def _require_inbox(store: Store) -> None:
    """Raise `StoreError` if a store that is a folder has no inbox: it may be on a share that is not mounted."""
    scheme, _, folder = store.uri.partition("://")
    if scheme == "file" and not Path(folder, INBOX).is_dir():
        raise StoreError(
            f"{store.name(INBOX)}: there is no such folder. Next: mount its share, or create it."
        )


def _list_inbox(store: Store) -> tuple[list[StoredObject], list[SkippedFile]]:
    """Return the objects of the inbox; where one has a name that can't be read, skip its source, list the others."""
    try:
        return list(list_objects(store, INBOX)), []
    except ObjectNameError:
        listed, sources = list_level(store, INBOX)
    unlisted = []
    for source in sources:
        try:
            listed += list_objects(store, source)
        except ObjectNameError as error:
            uri = store.name(source)
            unlisted.append(SkippedFile(uri, str(error).removeprefix(f"{uri}: ")))
    return listed, unlisted


def _list_named(store: Store, named: Sequence[str]) -> Iterator[StoredObject]:
    """Yield the named objects, and all objects in named folders, of the inbox."""
    start = f"{store.uri}/{INBOX}"
    for uri in dict.fromkeys(each.rstrip("/") for each in named):
        if uri != start and not uri.startswith(f"{start}/"):
            raise UsageError(f"{uri}: is not in the inbox of the store. Next: name an object below {start}/.")
        key = uri.removeprefix(f"{store.uri}/")
        try:
            yield find_object(store, key)
        except ObjectMissingError:
            below = list(list_objects(store, key))
            if not below:
                raise UsageError(f"Not there: {uri}. Next: check the name of the object.") from None
            yield from below


def _inspect_all(
    store: Store, listed: Sequence[StoredObject], spool: Path
) -> tuple[list[FoundFile], list[SkippedFile]]:
    """Return objects as found files, and as skipped ones, in the order of their names."""
    inspected = [_inspect(store, each, spool) for each in sorted(listed, key=lambda each: each.key)]
    return (
        [each for each in inspected if isinstance(each, FoundFile)],
        [each for each in inspected if isinstance(each, SkippedFile)],
    )


def _inspect(store: Store, found: StoredObject, spool: Path) -> FoundFile | SkippedFile | None:
    """Return an object as a found file, or as a skipped one with the reason; None for hidden or unfinished ones.

    An empty object without a known ending is how consoles show a folder, the inbox itself too.
    """
    uri, (*folders, name) = store.name(found.key), found.key.removeprefix(f"{INBOX}/").split("/")
    if found.key == INBOX or is_unfinished(name) or any(folder.startswith(".") for folder in folders):
        return None
    if found.size == 0 and format_of(PurePosixPath(name)) == UNKNOWN:
        return None
    if folders[:1] == [LABELS] and found.size > MOST_LABEL_BYTES:
        return SkippedFile(uri, _TOO_MANY_LABELS)
    if len(name.encode()) > _NAME_BYTES:
        return SkippedFile(uri, f"its name is longer than {_NAME_BYTES} bytes: rename it")
    if found.size > MAX_FILE_BYTES:
        return SkippedFile(uri, TOO_LARGE)
    return FoundFile(uri, spool, found.size, found.modified_ns, etag=found.etag)


def place_copy(found: FoundFile, spool: Path) -> FoundFile:
    """Return an object with the path of its copy: a folder of its own for each, since readers need its name."""
    folder = spool / hashlib.sha256(found.uri.encode()).hexdigest()[:32]
    return replace(found, path=folder / found.uri.rpartition("/")[2], root=folder)


def fetch_arrivals(
    uri: str, files: Sequence[FoundFile], report: Callable[[int], None] = lambda size: None
) -> list[SourceFile | SkippedFile]:
    """Copy objects into the spool, several at once, and identify them by their content; skip what can't be read.

    Raises `StoreUnreachableError` if the store does not answer: then nothing is known of any of them.
    """
    store = open_store(uri)
    with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
        return list(pool.map(partial(_fetch_file, store, report), files))


FetchGroup = Callable[[str, Sequence[FoundFile]], list[SourceFile | SkippedFile]]
"""Copies some objects of a store, as `fetch_arrivals` does."""


def fetch_by_groups(
    uri: str, files: Sequence[FoundFile], fetch_group: FetchGroup = fetch_arrivals
) -> Iterator[list[SourceFile | SkippedFile]]:
    """Yield the copies of a group of objects, likewise; they are deleted before those of the next one are fetched.

    Where the disk of the home hinders that, all of the group are skipped.
    """
    for group in group_found_files(files):
        try:
            yield fetch_group(uri, group)
        except OSError as error:
            yield [SkippedFile(file.uri, f"can't be copied: {error.strerror}") for file in group]
        finally:
            for file in group:
                shutil.rmtree(file.path.parent, ignore_errors=True)


def _fetch_file(store: Store, report: Callable[[int], None], found: FoundFile) -> SourceFile | SkippedFile:
    """Copy an object into the spool, and read it anew if it changes meanwhile."""
    key = found.uri.removeprefix(f"{store.uri}/")
    for number in range(TRIES):
        try:
            if number:
                now = find_object(store, key)
                found = replace(found, size=now.size, mtime_ns=now.modified_ns, etag=now.etag)
            if reason := _find_hindrance(store, found):
                return SkippedFile(found.uri, reason)
            shutil.rmtree(found.path.parent, ignore_errors=True)
            found.path.parent.mkdir(parents=True)
            fetch(store, StoredObject(key, found.size, found.mtime_ns, found.etag), found.path, report)
            # With its time, so that it is checked like a file of the inbox from now on.
            os.utime(found.path, ns=(found.mtime_ns, found.mtime_ns))
            return hash_file(found)
        except ObjectChangedError:
            continue
        except StoreUnreachableError:
            raise
        except ObjectMissingError:
            return SkippedFile(found.uri, "was deleted before it was read", waits=True)
        except StoreError as error:
            return SkippedFile(found.uri, str(error).removeprefix(f"{found.uri}: "))
    return SkippedFile(found.uri, "changes while it is read: next run", waits=True)


def _find_hindrance(store: Store, found: FoundFile) -> str | None:
    """Return why an object, as it is now, is not to be copied; None if nothing hinders that."""
    if found.uri.startswith(store.name(f"{LABELS_IN_STORE}/")) and found.size > MOST_LABEL_BYTES:
        return _TOO_MANY_LABELS
    existing = next(folder for folder in found.path.parents if folder.exists())
    free = shutil.disk_usage(existing).free - FREE_BYTES
    if found.size <= free:
        return None
    room = f"{max(free, 0) / 2**20:,.0f}"
    return f"has {found.size / 2**20:,.0f} MiB, and the disk of the home has room for {room}: it waits"
