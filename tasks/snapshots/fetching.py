"""Fetches the chunks of a snapshot: each is checked by its name, and what is in a file already is not fetched."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from typing import BinaryIO

from data_contracts.errors import ObjectDamagedError, ObjectMissingError
from tasks.snapshots.manifests import Chunk, Snapshot
from tasks.snapshots.places import AT_ONCE, CHUNKS, Place
from tasks.support.progress import show_progress

SHOWN_BYTES = 32 << 20
"""Bytes of a transfer whose progress is shown."""


@contextmanager
def show_transfer(description: str, size: int) -> Iterator[Callable[[int], None]]:
    """Show the progress of a transfer that takes a while; yield a function that advances it by a number of bytes."""
    with (
        show_progress(description, size) if size > SHOWN_BYTES else nullcontext(lambda amount: None) as report
    ):
        yield report


def read_chunk(place: Place, chunk: str, length: int) -> bytes:
    """Return a chunk of a place; raise `StoreError` if it is missing or not what its name says."""
    name = f"{CHUNKS}/{chunk}"
    try:
        content = place.read(name, length)
    except ObjectMissingError:
        raise ObjectMissingError(f"{place.name}/{name}: is missing, so the snapshot is damaged.") from None
    if len(content) != length or sha256(content).hexdigest() != chunk:
        raise ObjectDamagedError(
            f"{place.name}/{name}: is not what its name says, so the snapshot is damaged."
        )
    return content


def fetch_database(
    place: Place, snapshot: Snapshot, target: BinaryIO, present: Sequence[BinaryIO] = ()
) -> None:
    """Write into `target` what it lacks of the database of a snapshot: from a `present` file, else from the place.

    Raises `ObjectMissingError` or `ObjectDamagedError` if a chunk is not whole.
    """

    def fetch(wanted: tuple[tuple[int, int], Chunk]) -> int:
        (start, length), chunk = wanted
        os.pwrite(target.fileno(), read_chunk(place, chunk.name, length), start)
        return length

    missing = list[tuple[tuple[int, int], Chunk]]()
    for located, chunk in snapshot.list_places():
        files = (target, *present)
        has = next((file for file in files if snapshot.layout.mark(file, located) == chunk.mark), None)
        if has is None:
            missing.append((located, chunk))
        elif has is not target:
            start, length = located
            os.pwrite(target.fileno(), os.pread(has.fileno(), length, start), start)
    total = sum(length for (_, length), _ in missing)
    with show_transfer("Fetching the database", total) as report, ThreadPoolExecutor(AT_ONCE) as pool:
        for length in pool.map(fetch, missing):
            report(length)
    target.truncate(snapshot.layout.size)
