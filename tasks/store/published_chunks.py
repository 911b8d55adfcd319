"""The published copy in a store: chunks of the file that are named by their content, and the list that makes the copy.

The chunks lie below `published/HOME/`, each named by its sha256. `published/latest.json` lists those of the newest
copy; only who knows the list that is there replaces it. So a copy costs its new chunks, and no reader sees half of one.

Beside its sha256 the list has a mark of each chunk: a digest of what is compared of its blocks
(`tasks/warehouse/database/block_copy.py`), of a large copy mostly their beginnings. So whoever has an older copy, the
home or a reader, reads no more of it to know what is new.
"""

import json
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO

from data_contracts.errors import ObjectDamagedError, ObjectMissingError, StoreError, StoreUnreachableError
from data_contracts.storage.home import Home
from tasks.store.connecting import Store
from tasks.store.object_operations import find_object, read_marked
from tasks.support.progress import show_progress
from tasks.support.wording import escape_controls
from tasks.warehouse.database.block_copy import BLOCK_SIZES, count_compared
from tasks.warehouse.database.waiting_for_file import HEADER_BYTES, HEADERS

PUBLISHED = "published"
LATEST = f"{PUBLISHED}/latest.json"
_QUOTED = 80
"""Most characters of what was found instead of a list that a message quotes."""
CHUNK_BLOCKS = 4
"""Blocks of a chunk: a run that adds a few reviews changes a dozen blocks, far from each other (docs/scale.md)."""
MOST_CHUNKS = 1_000_000
SHOWN_BYTES = 32 << 20
"""Bytes of a transfer whose progress is shown."""
_HEAD_BYTES = HEADER_BYTES * HEADERS
_MARK_DIGITS = 16
_HOME_ID = re.compile(r"[0-9a-f]{1,32}")
_NAME = re.compile(r"[0-9a-f]{64}")
_CHUNK = re.compile(rf"(?P<name>[0-9a-f]{{64}}) (?P<mark>[0-9a-f]{{{_MARK_DIGITS}}})")


@dataclass(frozen=True)
class Layout:
    """Where the chunks of a copy lie in its file: the headers first, then some blocks each."""

    size: int
    """Bytes of the file."""
    block_bytes: int

    def list_places(self) -> Iterator[tuple[int, int]]:
        """Yield the start and the length of each chunk."""
        length = CHUNK_BLOCKS * self.block_bytes
        yield 0, min(_HEAD_BYTES, self.size)
        for start in range(_HEAD_BYTES, self.size, length):
            yield start, min(length, self.size - start)

    def mark(self, file: BinaryIO, place: tuple[int, int]) -> str:
        """Return the mark of what a file has in the place of a chunk."""
        start, length = place
        step = self.block_bytes if start else HEADER_BYTES
        blocks = [(block, min(step, start + length - block)) for block in range(start, start + length, step)]
        compared = (
            os.pread(file.fileno(), count_compared(file, block, self.size, self.block_bytes), block[0])
            for block in blocks
        )
        return sha256(b"".join((b"%d:" % length, *compared))).hexdigest()[:_MARK_DIGITS]


@dataclass(frozen=True)
class Chunk:
    """A chunk of a copy."""

    name: str
    """Its sha256."""
    mark: str


@dataclass(frozen=True)
class StoredCopy:
    """What `latest.json` says."""

    home_id: str
    home: str
    """The machine and the folder of the home, for people."""
    published_at: int
    """When the home published the copy, in seconds since 1970."""
    database: str
    """The sha256 of the first header, which is another one once the database was rewritten to forget rows."""
    layout: Layout
    chunks: tuple[Chunk, ...]
    retired: dict[str, int] = field(default_factory=dict)
    """When each chunk left the list that readers may still fetch, in seconds since 1970; 0 if it must go at once."""

    def list_chunks(self) -> Iterator[tuple[tuple[int, int], Chunk]]:
        """Yield each chunk, with its place in the file."""
        return zip(self.layout.list_places(), self.chunks, strict=True)


def describe_place(home: Home) -> str:
    """Return the machine and the folder of a home, for people."""
    return f"{socket.gethostname()}:{home.folder}"


def name_chunk(home_id: str, name: str) -> str:
    """Return the name of the object that has a chunk of a home."""
    return f"{PUBLISHED}/{home_id}/{name}"


@contextmanager
def show_transfer(description: str, size: int) -> Iterator[Callable[[int], None]]:
    """Show the progress of a transfer that takes a while; yield a function that advances it by a number of bytes."""
    with (
        show_progress(description, size) if size > SHOWN_BYTES else nullcontext(lambda amount: None) as report
    ):
        yield report


def format_copy(copy: StoredCopy) -> bytes:
    """Return the content of `latest.json`."""
    chunks = [f"{each.name} {each.mark}" for each in copy.chunks]
    return json.dumps({**asdict(copy), "chunks": chunks}, indent=0).encode()


def find_copy(store: Store) -> tuple[StoredCopy, Any] | None:
    """Return the copy in a store, with the marks of its list; None if there is none.

    Raises `StoreError` if the list can't be read.
    """
    try:
        content, marks = read_marked(store, LATEST)
    except ObjectMissingError:
        return None
    except StoreUnreachableError as error:
        raise _describe_unread(store, error) from error
    try:
        with _parsing_manifest(store, LATEST, content) as stated:
            return _parse(stated), marks
    except ObjectDamagedError as error:
        raise StoreError(
            f"{error} Next: delete this object, and find out who can write there; the next run of the home that "
            "publishes there writes it anew."
        ) from error


@contextmanager
def _parsing_manifest(store: Store, key: str, content: bytes) -> Iterator[Any]:
    """Yield the content of a manifest, parsed, to a block that takes it apart.

    Raises `ObjectDamagedError`, which says what is wrong, if it can't be read.
    """
    try:
        yield json.loads(content)
    except KeyError as error:
        raise ObjectDamagedError(f"{store.name(key)}: is no manifest (it lacks {error}).") from None
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        reason = ascii(str(error)[:_QUOTED])[1:-1]
        raise ObjectDamagedError(f"{store.name(key)}: is no manifest ({reason}).") from None


def _describe_unread(store: Store, error: StoreUnreachableError) -> StoreUnreachableError:
    """Return the error of a list that can't be read: the store may have lost its content alone."""
    try:
        find_object(store, LATEST)
    except StoreError:
        return error
    return StoreUnreachableError(
        f"{store.name(LATEST)}: is there, but its content can't be read. Next: try again; if it stays so, the store "
        "has lost it: delete this object, and the next run of the home that publishes there writes it anew."
    )


def _parse(stated: Any) -> StoredCopy:
    """Return what a parsed `latest.json` says; raise `ValueError` for what no home writes."""
    layout = Layout(int(stated["layout"]["size"]), int(stated["layout"]["block_bytes"]))
    chunks = [_CHUNK.fullmatch(each) for each in stated["chunks"]]
    retired = {str(name): int(at) for name, at in stated["retired"].items()}
    copy = StoredCopy(
        str(stated["home_id"]),
        escape_controls(str(stated["home"])),
        int(stated["published_at"]),
        str(stated["database"]),
        layout,
        tuple(Chunk(found["name"], found["mark"]) for found in chunks if found),
        retired,
    )
    if not _HOME_ID.fullmatch(copy.home_id) or not all(map(_NAME.fullmatch, retired)):
        raise ValueError("it names objects that no home writes")
    if layout.block_bytes not in BLOCK_SIZES or not 0 < len(chunks) <= MOST_CHUNKS:
        raise ValueError("its layout is none of a database")
    if not all(chunks) or layout.size <= 0 or _count_places(layout) != len(chunks):
        raise ValueError("its chunks don't make the file")
    if not 0 <= copy.published_at < 2**36:
        raise ValueError("its time is none")
    return copy


def _count_places(layout: Layout) -> int:
    """Return how many chunks make a file."""
    return 1 + max(0, -(-(layout.size - _HEAD_BYTES) // (CHUNK_BLOCKS * layout.block_bytes)))
