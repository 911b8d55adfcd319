"""Brings the copy in a store up to date with the published copy of the home: uploads the chunks that are new.

What the list no longer names stays for an hour, so that a reader that is fetching it is not disturbed. Once rows were
forgotten, nothing of the older copy stays. What a killed upload left was never in a list, and goes with the next one.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, BinaryIO

from data_contracts.errors import ObjectChangedError, SourceError, WarehouseError
from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import Home
from data_contracts.storage.home_id import ensure_home_id, read_home_id
from tasks.store.connecting import Store, open_store
from tasks.store.object_operations import UPLOADED_AT_ONCE, delete, drop_unfinished, list_objects, put, swap
from tasks.store.published_chunks import (
    LATEST,
    PUBLISHED,
    Chunk,
    Layout,
    StoredCopy,
    describe_place,
    find_copy,
    format_copy,
    name_chunk,
    show_transfer,
)
from tasks.support.locking import hold_folder, share_file
from tasks.warehouse.database.block_copy import read_shape
from tasks.warehouse.database.waiting_for_file import HEADER_BYTES
from tasks.warehouse.published import REPUBLISH_ADVICE

GRACE_SECONDS = 3600
"""How long chunks stay that are in the list no more."""


@dataclass(frozen=True)
class UploadedCopy:
    """The copy in a store, and what it cost to bring it up to date."""

    uri: str
    bytes: int
    """Of the whole copy."""
    uploaded: int
    """Bytes that the store lacked."""


def upload_copy(home: Home, uri: str) -> UploadedCopy:
    """Make the copy in a store that of the home; if nothing has changed, look whether all is there and no more.

    Raises `SourceError` if another home publishes there, `StoreError`, and `WarehouseError` if the home has no copy.
    """
    store, home_id = open_store(uri), ensure_home_id(home)
    with _hold_uploads(home), _open_published(home) as file:
        remember_store(home, uri)
        before, marks = _find_own(home, store) or (None, None)
        layout, seen = _look_at(file)
        stored = _list_stored(store, home_id)
        if before and _is_current(before, seen, stored):
            return UploadedCopy(store.name(PUBLISHED), layout.size, 0)
        known = {chunk.mark: chunk.name for chunk in before.chunks} if before else {}
        drop_unfinished(store, f"{PUBLISHED}/{home_id}")
        upload = _Upload(store, home_id, file, stored, known)
        chunks, sent = _complete(upload, layout, seen)
        new = _describe(home, file, layout, chunks)
        new = replace(new, retired=_retire(before, new, upload.stored))
        _swap(store, new, marks)
        _delete_gone(store, new, upload.stored)
    return UploadedCopy(store.name(PUBLISHED), layout.size, sent)


def renew_copy(home: Home, uri: str) -> UploadedCopy | None:
    """Bring the copy of a home in a store up to date if there is one; else delete what a killed upload left there.

    For commands that must leave no forgotten row in the store, whatever the settings are.
    """
    store, home_id = open_store(uri), read_home_id(home)
    if home_id is None:
        return None
    found = find_copy(store)
    if found and found[0].home_id == home_id:
        return upload_copy(home, uri)
    with _hold_uploads(home):
        drop_unfinished(store, f"{PUBLISHED}/{home_id}")
        delete(store, [name_chunk(home_id, name) for name in _list_stored(store, home_id)])
    return None


def find_faults(home: Home, uri: str) -> list[str]:
    """Return what is wrong with the copy in a store: it is missing, another home's, outdated or lacks chunks."""
    store = open_store(uri)
    found = find_copy(store)
    if found is None:
        return [f"{store.name(LATEST)}: is missing; the next run uploads the copy"]
    copy, stored = found[0], _list_stored(store, found[0].home_id)
    if copy.home_id != read_home_id(home):
        return [_describe_other(store, copy)]
    with _open_published(home) as file:
        _, seen = _look_at(file)
    faults = [
        f"{store.name(name_chunk(copy.home_id, chunk.name))}: is missing or damaged"
        for (_, length), chunk in copy.list_chunks()
        if stored.get(chunk.name) != length
    ]
    if seen != [chunk.mark for chunk in copy.chunks]:
        faults.append(f"{store.name(LATEST)}: is not up to date; the next run uploads what is new")
    return faults


def list_remembered(home: Home) -> list[str]:
    """Return the URIs of the stores that have got rows of a home, whatever is set now.

    Raises `SourceError` if the list can't be read.
    """
    path = home.stores_with_rows
    try:
        return [str(uri) for uri in json.loads(path.read_text("utf-8"))]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise SourceError(
            f"{path}: can't be read ({error}). It lists the stores that may have rows. Next: delete it; runs that "
            "upload write it anew."
        ) from error


def remember_store(home: Home, uri: str) -> None:
    """Note that a store gets rows of a home, before anything is uploaded: its copy, or the work of its workers."""
    if uri not in (known := list_remembered(home)):
        with write_whole(home.stores_with_rows) as building:
            building.write_text(json.dumps([*known, uri]), "utf-8")


@contextmanager
def _hold_uploads(home: Home) -> Iterator[None]:
    """Let one process of the home at a time change its copy in a store, so that an older one never comes last."""
    home.make()
    place = home.uploads / PUBLISHED
    make_folder(place)
    with hold_folder(place):
        yield


@contextmanager
def _open_published(home: Home) -> Iterator[BinaryIO]:
    """Yield the published copy, open to be read, and not written into meanwhile.

    Raises `WarehouseError` if it is missing or damaged.
    """
    try:
        with share_file(home.published) as file:
            if os.fstat(file.fileno()).st_size < read_shape(file).size:
                raise WarehouseError(f"{home.published}: is damaged. Next: {REPUBLISH_ADVICE}")
            yield file
    except FileNotFoundError:
        raise WarehouseError(
            f"{home.published}: there is no published copy. Next: `reviews score`."
        ) from None


def _look_at(file: BinaryIO) -> tuple[Layout, list[str]]:
    """Return the layout of an open copy, and the marks of its chunks."""
    layout = Layout(os.fstat(file.fileno()).st_size, read_shape(file).block_bytes)
    return layout, [layout.mark(file, place) for place in layout.list_places()]


def _find_own(home: Home, store: Store) -> tuple[StoredCopy, Any] | None:
    """Return the copy in a store that a newer one of the home may replace; raise `SourceError` if another has it."""
    found = find_copy(store)
    if found:
        _require_own(home, store, found[0])
    return found


def _require_own(home: Home, store: Store, copy: StoredCopy) -> None:
    """Raise `SourceError` if the copy in a store is of another home."""
    if copy.home_id != ensure_home_id(home):
        raise SourceError(_describe_other(store, copy))


def _describe_other(store: Store, copy: StoredCopy) -> str:
    """Return the error of a place in which another home publishes."""
    return (
        f"{store.name(LATEST)}: another home publishes there ({copy.home}). Next: give each home a store of its own "
        "(REVIEWS_STORE); if that home is gone, delete this object."
    )


def _is_current(copy: StoredCopy, seen: list[str], stored: Mapping[str, int]) -> bool:
    """Return whether a copy has the chunks with these marks, all are there, and none waits to be deleted."""
    is_due = any(_has_expired(at) for at in copy.retired.values())
    is_whole = all(stored.get(chunk.name) == length for (_, length), chunk in copy.list_chunks())
    return not is_due and is_whole and seen == [chunk.mark for chunk in copy.chunks]


def _has_expired(retired_at: int) -> bool:
    """Return whether a chunk left the list so long ago that it may go."""
    return retired_at < time.time() - GRACE_SECONDS


def _list_stored(store: Store, home_id: str) -> dict[str, int]:
    """Return the size of each chunk of a home in a store, by its name."""
    found = list_objects(store, f"{PUBLISHED}/{home_id}")
    return {each.key.rpartition("/")[2]: each.size for each in found}


@dataclass(frozen=True)
class _Upload:
    """What it takes to complete a copy in a store: its open file, and what the store has already."""

    store: Store
    home_id: str
    file: BinaryIO
    stored: Mapping[str, int]
    """The size of each chunk, by its name."""
    known: Mapping[str, str]
    """The name of each chunk of the copy before, by its mark."""

    def settle(self, place: tuple[int, int], mark: str) -> tuple[Chunk, int]:
        """Return the chunk in a place, and how many bytes were sent so that the store has it."""
        start, length = place
        if self.stored.get(self.known.get(mark, "")) == length:
            return Chunk(self.known[mark], mark), 0
        content = os.pread(self.file.fileno(), length, start)
        name = sha256(content).hexdigest()
        if self.stored.get(name) == length:
            return Chunk(name, mark), 0
        put(self.store, name_chunk(self.home_id, name), content)
        return Chunk(name, mark), length


def _complete(upload: _Upload, layout: Layout, seen: Sequence[str]) -> tuple[tuple[Chunk, ...], int]:
    """Upload what a store lacks of a copy whose marks are `seen`; return its chunks, and how many bytes were sent."""
    places = list(layout.list_places())
    new = sum(length for (_, length), mark in zip(places, seen, strict=True) if mark not in upload.known)
    done: list[tuple[Chunk, int]] = []
    with show_transfer("Uploading", new) as report, ThreadPoolExecutor(UPLOADED_AT_ONCE) as pool:
        for chunk, sent in pool.map(upload.settle, places, seen):
            done.append((chunk, sent))
            report(sent)
    return tuple(chunk for chunk, _ in done), sum(sent for _, sent in done)


def _describe(home: Home, file: BinaryIO, layout: Layout, chunks: tuple[Chunk, ...]) -> StoredCopy:
    """Return the new copy, which retires nothing yet."""
    identity = sha256(os.pread(file.fileno(), HEADER_BYTES, 0)).hexdigest()
    published_at = int(os.fstat(file.fileno()).st_mtime)
    return StoredCopy(ensure_home_id(home), describe_place(home), published_at, identity, layout, chunks)


def _retire(before: StoredCopy | None, new: StoredCopy, stored: Mapping[str, int]) -> dict[str, int]:
    """Return the chunks of older copies that may stay for a while; of a database with rows forgotten since, none."""
    if before is None:
        return {}
    now = int(time.time()) if before.database == new.database else 0
    left = {chunk.name: now for chunk in before.chunks}
    retired = {name: min(at, now) for name, at in before.retired.items()}
    kept = {chunk.name for chunk in new.chunks}
    return {name: at for name, at in {**left, **retired}.items() if name in stored and name not in kept}


def _swap(store: Store, new: StoredCopy, marks: Any) -> None:
    """Replace the list in a store; raise `SourceError` if another home has done so meanwhile."""
    try:
        swap(store, LATEST, format_copy(new), marks)
    except ObjectChangedError as error:
        found = find_copy(store)
        if found and found[0].home_id != new.home_id:
            raise SourceError(_describe_other(store, found[0])) from error
        raise


def _delete_gone(store: Store, new: StoredCopy, stored: Mapping[str, int]) -> None:
    """Delete the stored chunks that are neither in the new copy nor wait for readers."""
    kept = {chunk.name for chunk in new.chunks}
    kept |= {name for name, at in new.retired.items() if not _has_expired(at)}
    delete(store, [name_chunk(new.home_id, name) for name in stored if name not in kept])
