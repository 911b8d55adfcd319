"""Gives a home without a database the published copy of a store: the chunks that the one here lacks.

So `reviews sql`, reports and notebooks on any machine read the newest copy. It is put in place as a new published copy
of the home would be: readers of the one before are not disturbed, and a fetch that is cut off leaves it as it was.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import BinaryIO

from data_contracts.errors import (
    ObjectMissingError,
    SourceError,
    StoreError,
    StoreUnreachableError,
    WarehouseError,
)
from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import Home
from tasks.store.connecting import Store, open_store
from tasks.store.object_operations import MOST_CUTS, read_beginning
from tasks.store.published_chunks import (
    LATEST,
    PUBLISHED,
    Chunk,
    StoredCopy,
    find_copy,
    format_copy,
    name_chunk,
    show_transfer,
)
from tasks.warehouse.publishing import is_unchanged, replace_copy

FETCHED_AT_ONCE = 8
MOST_LISTS = 5
"""How often chunks may be gone, since a newer copy took their place, before a fetch gives up."""
_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True)
class FetchedCopy:
    """The copy of a store in the home."""

    uri: str
    published_at: int
    """In seconds since 1970."""
    trouble: str | None = None
    """Why it may not be the newest, such as that the store did not answer."""

    def describe(self) -> str:
        """Return where the copy is from, and how old it is."""
        at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(self.published_at))
        text = f"From {self.uri}, published {_describe_age(time.time() - self.published_at)} ago ({at} UTC)."
        return text if self.trouble is None else f"{self.trouble}\n{text}"


def is_reader(home: Home) -> bool:
    """Return whether a home has no database, and no published copy of its own."""
    return not home.warehouse.exists() and (home.fetched.exists() or not home.published.exists())


def find_newest(home: Home, uri: str | None) -> FetchedCopy | None:
    """Return the copy that a home without a database reads, the newest of the store at `uri`; None for other homes.

    Without a store it is the one that was fetched before. Raises as `fetch_copy` does.
    """
    if not is_reader(home):
        return None
    if uri is not None:
        return fetch_copy(home, uri)
    if not (home.published.exists() and home.fetched.exists()):
        return None
    return _describe_kept(home, "a store", "REVIEWS_STORE is not set, so no newer copy is looked for.")


def fetch_copy(home: Home, uri: str) -> FetchedCopy:
    """Make the published copy of a home without a database that of a store.

    If that fails, for whatever reason, the copy that was fetched before stays. Where there is none, raises
    `WarehouseError` if the store has none, `StoreError` if it can't be read.
    """
    name = f"{uri.rstrip('/')}/{PUBLISHED}"
    try:
        return FetchedCopy(name, _fetch_newest(home, open_store(uri)))
    except (SourceError, StoreError, WarehouseError) as error:
        if not home.published.exists():
            raise
        return _describe_kept(home, name, str(error))


def _describe_kept(home: Home, name: str, trouble: str) -> FetchedCopy:
    """Return what there is to say of the copy that was fetched before."""
    return FetchedCopy(name, int(home.published.stat().st_mtime), trouble)


def _fetch_newest(home: Home, store: Store) -> int:
    """Make the published copy of a home that of a store; return when it was published.

    Raises `WarehouseError` if the store has none, `StoreError` if it can't be read.
    """
    copy = _require_copy(home, store)
    if _has(home, copy):
        return copy.published_at
    home.make()
    make_folder(home.published.parent)
    written: list[StoredCopy] = []

    def write(target: BinaryIO) -> int:
        home.fetched.touch()  # from here on the copy is not one of the home's own
        written.append(_write_newest(home, store, target))
        return written[-1].published_at

    def note() -> None:
        with write_whole(home.fetched) as building:
            building.write_bytes(format_copy(written[-1]))

    replace_copy(home, write, note)
    return written[-1].published_at


def _require_copy(home: Home, store: Store) -> StoredCopy:
    """Return the copy in a store; raise `WarehouseError` if there is none."""
    if found := find_copy(store):
        return found[0]
    if home.published.exists():
        raise StoreError(
            f"{store.name(PUBLISHED)}: has no copy any more. Next: ask whoever runs the home that publishes there."
        )
    raise WarehouseError(
        f"{home.published}: there is no published copy, and {store.name(PUBLISHED)} has none either. Next: run "
        "`reviews score` here, or set REVIEWS_PUBLISH_TO_STORE=true where the home is whose runs should publish there."
    )


def _has(home: Home, copy: StoredCopy) -> bool:
    """Return whether the published copy of a home is this one, unchanged."""
    try:
        is_listed = home.fetched.read_bytes() == format_copy(copy)
        status = home.published.stat()
    except OSError:
        return False
    return is_listed and is_unchanged(home.published) and status.st_size == copy.layout.size


def _write_newest(home: Home, store: Store, target: BinaryIO) -> StoredCopy:
    """Make `target` the newest copy of a store, whose chunks may be replaced and deleted meanwhile; return it."""
    copy = _require_copy(home, store)
    for _ in range(MOST_LISTS):
        try:
            _write(home, store, copy, target)
            return copy
        except ObjectMissingError as error:
            before, copy = copy, _require_copy(home, store)
            if copy.chunks == before.chunks:
                raise _make_damage_error(str(error)) from error
    raise StoreUnreachableError(
        f"{store.name(LATEST)}: was replaced {MOST_LISTS} times while it was read. Next: try again."
    )


def _write(home: Home, store: Store, copy: StoredCopy, target: BinaryIO) -> None:
    """Write into `target` what it lacks of a copy: from the copy before in the home, else from the store."""
    with ExitStack() as opened:
        present = [target]
        if is_unchanged(home.published):
            present.append(opened.enter_context(home.published.open("rb")))
        missing = list(_take_over(copy, target, present))
        pool = opened.enter_context(ThreadPoolExecutor(FETCHED_AT_ONCE))
        total = sum(length for (_, length), _ in missing)
        report = opened.enter_context(show_transfer("Downloading", total))
        for length in pool.map(partial(_fetch_chunk, store, copy, target), missing):
            report(length)
    target.truncate(copy.layout.size)


def _take_over(
    copy: StoredCopy, target: BinaryIO, present: list[BinaryIO]
) -> Iterator[tuple[tuple[int, int], Chunk]]:
    """Write into `target` the chunks that a `present` file has in their place; yield those that none has."""
    for place, chunk in copy.list_chunks():
        has = next((file for file in present if copy.layout.mark(file, place) == chunk.mark), None)
        if has is None:
            yield place, chunk
        elif has is not target:
            os.pwrite(target.fileno(), os.pread(has.fileno(), place[1], place[0]), place[0])


def _fetch_chunk(
    store: Store, copy: StoredCopy, target: BinaryIO, wanted: tuple[tuple[int, int], Chunk]
) -> int:
    """Fetch a chunk into its place in `target`; return its length."""
    (start, length), chunk = wanted
    key = name_chunk(copy.home_id, chunk.name)
    content = _read_patiently(store, key, length)
    if sha256(content).hexdigest() != chunk.name:
        raise _make_damage_error(f"{store.name(key)}: is not what its name says.")
    os.pwrite(target.fileno(), content, start)
    return length


def _read_patiently(store: Store, key: str, length: int) -> bytes:
    """Read a chunk, again if it is cut off."""
    for _ in range(MOST_CUTS - 1):
        try:
            return read_beginning(store, key, length)
        except StoreUnreachableError:
            continue
    return read_beginning(store, key, length)


def _make_damage_error(problem: str) -> StoreError:
    """Return the error of a copy in a store that is not whole."""
    return StoreError(
        f"{problem.partition(' Next: ')[0]} So the copy can't be read. Next: delete that object, if it is there; the "
        "next run uploads it again."
    )


def _describe_age(seconds: float) -> str:
    """Return in words how long ago something was."""
    if seconds < 120:
        return "a moment"
    if seconds < 2 * _HOUR:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / _HOUR:.0f} hours" if seconds < 2 * _DAY else f"{seconds / _DAY:.0f} days"
