"""Makes snapshots: writes the chunks that a place lacks, then the manifest; deletes old manifests, then their chunks.

The database is read from the published copy, which nobody writes into, so scoring goes on meanwhile. A kill at any
moment leaves the snapshots before it whole, and at most some chunks that no manifest names, which the next one uses or
deletes.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import chain, repeat
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from data_contracts.errors import ObjectDamagedError, ReviewsError, SourceError, WarehouseError
from data_contracts.storage.faults import pass_fault_point
from data_contracts.storage.home import Home
from data_contracts.storage.listing import list_paths
from tasks.snapshots.fetching import show_transfer
from tasks.snapshots.manifests import (
    BUNDLES,
    PIECE_BYTES,
    PROFILES,
    Chunk,
    Layout,
    Snapshot,
    StoredFile,
    format_snapshot,
    list_numbers,
    name_manifest,
    read_snapshot,
)
from tasks.snapshots.ownership import describe_home, make_lock, require_own
from tasks.snapshots.places import AT_ONCE, CHUNKS, Place
from tasks.support.locking import share_file
from tasks.warehouse.database.block_copy import read_shape
from tasks.warehouse.database.waiting_for_file import HEADER_BYTES
from tasks.warehouse.published import REPUBLISH_ADVICE

_LOCK = Lock()


@dataclass(frozen=True)
class Options:
    """How a snapshot is made."""

    keep: int = 0
    """How many of the newest stay in the place; 0 keeps all."""
    full: bool = False
    """Write all chunks again, also those that are there, which may be damaged."""
    take_over: bool = False
    """Write also where another home did."""
    only_changed: bool = False
    """Make none if it would be like the newest one."""
    drop_rewritten: bool = False
    """Delete the snapshots of before the database was rewritten to forget rows."""


KEEP_ALL = Options()


@dataclass(frozen=True)
class Made:
    """A snapshot, and what it cost."""

    place: Place
    snapshot: Snapshot
    written: int
    """Bytes that the place lacked."""
    dropped: tuple[int, ...] = ()
    """The numbers of older snapshots that were deleted."""
    damaged: tuple[str, ...] = ()
    """What is wrong with snapshots that stay."""

    @property
    def name(self) -> str:
        """The path or URI of the manifest."""
        return f"{self.place.name}/{name_manifest(self.snapshot.number)}"


def make_snapshot(home: Home, place: Place, options: Options) -> Made:
    """Make a snapshot of the published copy, the bundles and the profiles of a home, which has claimed the place.

    The caller holds the place. Raises `SourceError` if another home has taken the place over meanwhile,
    `WarehouseError` if there is no whole published copy.
    """
    numbers = list_numbers(place)
    base = None
    for number in numbers:
        with suppress(ObjectDamagedError):
            base = read_snapshot(place, number)
            break
    draft = _Draft(place, {}, None) if options.full else _Draft(place, place.list_unchanged(), base)
    with open_copy(home) as file:
        owner, made_at = describe_home(home), int(os.fstat(file.fileno()).st_mtime)
        database = sha256(os.pread(file.fileno(), HEADER_BYTES, 0)).hexdigest()
        number = 1 + max(numbers, default=0)
        new = Snapshot(number, made_at, owner.home_id, owner.home, database, read_layout(file), (), {})
        chunks = draft.add_database(file, new)
    new = replace(new, chunks=chunks, files=draft.add_files(_list_files(home)))
    place.finish()
    written = sum(draft.written.values())
    untidy = make_lock(home, place) / "untidy"
    if base and options.only_changed and base.number == numbers[0] and not untidy.exists():
        content = [(each.home_id, each.chunks, each.files) for each in (base, new)]
        if content[0] == content[1]:
            return Made(place, base, written)
    pass_fault_point("snapshot: chunks written")
    require_own(home, place)
    untidy.touch()  # so that the next run, though nothing is new, does what this one may not come to
    if not place.create(name_manifest(new.number), format_snapshot(new)):
        raise SourceError(
            f"{place.name}/{name_manifest(new.number)}: another process wrote this snapshot meanwhile. Next: try again."
        )
    pass_fault_point("snapshot: in place")
    made = replace(_tidy_up(place, new, numbers, options), written=written)
    untidy.unlink(missing_ok=True)
    return made


@contextmanager
def open_copy(home: Home) -> Iterator[BinaryIO]:
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


def read_layout(file: BinaryIO) -> Layout:
    """Return the layout of an open database file."""
    return Layout(os.fstat(file.fileno()).st_size, read_shape(file).block_bytes)


@dataclass(frozen=True)
class _Draft:
    """A snapshot in the making: its place, and what need not be written."""

    place: Place
    stored: Mapping[str, int]
    """The bytes of each chunk in the place, by its name."""
    base: Snapshot | None
    written: dict[str, int] = field(default_factory=dict)
    """The bytes of each chunk that was written, by its name."""

    def add_database(self, file: BinaryIO, new: Snapshot) -> tuple[Chunk, ...]:
        """Write what is new of an open database file; return its chunks."""
        is_same = self.base and (self.base.database, self.base.layout.block_bytes) == (
            new.database,
            new.layout.block_bytes,
        )
        before = self.base.chunks if self.base and is_same else ()

        def add(place: tuple[int, int], known: Chunk | None) -> Chunk:
            mark = new.layout.mark(file, place)
            if known and known.mark == mark and self.stored.get(known.name) == place[1]:
                return known
            return Chunk(self._put(os.pread(file.fileno(), place[1], place[0])), mark)

        places = list(new.layout.list_places())
        shown = 0 if before else new.layout.size  # what is new later is little
        with show_transfer("Writing the database", shown) as report, ThreadPoolExecutor(AT_ONCE) as pool:
            chunks = list[Chunk]()
            for chunk in pool.map(add, places, chain(before, repeat(None))):
                report(places[len(chunks)][1])
                chunks.append(chunk)
        return tuple(chunks)

    def add_files(self, paths: Mapping[str, Path]) -> dict[str, StoredFile]:
        """Write what is new of bundles and profiles; return what a manifest says of them."""
        return {name: self._add_file(name, path) for name, path in paths.items()}

    def _add_file(self, name: str, path: Path) -> StoredFile:
        """Write a file in pieces, unless the snapshot before has it with the same size and time, and all pieces."""
        known = self.base.files.get(name) if self.base else None
        pieces, length = list[str](), 0
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            modified = found.st_mtime_ns
            is_same = known and (known.bytes, known.modified) == (found.st_size, modified)
            if (
                known
                and is_same
                and all(self.stored.get(piece) == size for piece, size in known.list_pieces())
            ):
                return known
            while piece := file.read(PIECE_BYTES):
                pieces.append(self._put(piece))
                length += len(piece)
        return StoredFile(length, modified, tuple(pieces))

    def _put(self, content: bytes) -> str:
        """Write a chunk, unless it is there; return its name."""
        name = sha256(content).hexdigest()
        if self.stored.get(name) == len(content):
            return name
        with _LOCK:  # of two threads that have the same chunk, one writes it
            is_first = name not in self.written
            self.written[name] = len(content)
        if is_first:
            self.place.write_chunk(name, content)
            pass_fault_point("snapshot: chunk written")
        return name


def _list_files(home: Home) -> dict[str, Path]:
    """Return the bundles' files and the profiles of a home, by their names in a snapshot.

    Raises `ReviewsError` if one of their folders can't be read.
    """
    found = dict[str, Path]()
    for folder, pattern, name in ((home.bundles, "[!.]*", BUNDLES), (home.sources, "*.toml", PROFILES)):
        try:
            paths = list_paths(folder, pattern)
        except OSError as error:
            raise ReviewsError(
                f"{folder}: can't be read ({error.strerror}), so a snapshot would lack it. Next: give yourself the "
                "right to read it."
            ) from error
        files = [each for path in paths for each in (path.rglob("*") if name == BUNDLES else [path])]
        found |= {f"{name}/{each.relative_to(folder).as_posix()}": each for each in files if each.is_file()}
    return dict(sorted(found.items()))


def _tidy_up(place: Place, new: Snapshot, older: Sequence[int], options: Options) -> Made:
    """Delete the snapshots that are not to stay, then the chunks that none names; say which of the others are damaged.

    If all are to stay, none is looked at.
    """
    if not (options.keep or options.drop_rewritten):
        return Made(place, new, 0)
    kept, broken = {new.number: new}, list[str]()
    for number in older[: options.keep - 1] if options.keep else older:
        try:
            kept[number] = read_snapshot(place, number)
        except ObjectDamagedError as error:
            broken.append(str(error))
    if options.drop_rewritten:
        kept = {number: each for number, each in kept.items() if each.database == new.database}
    unread = older[: options.keep - 1] if options.keep and not options.drop_rewritten else []
    dropped = tuple(number for number in older if number not in {*kept, *unread})
    place.delete([name_manifest(number) for number in dropped])
    pass_fault_point("snapshot: older one dropped")
    stored = place.list_chunks()
    named = {name for each in kept.values() for name, _ in each.list_chunks()}
    place.delete([f"{CHUNKS}/{name}" for name in stored if name not in named])
    broken += [problem for each in kept.values() for problem in list_damage(place, each, stored)[:1]]
    return Made(place, new, 0, dropped, tuple(broken))


def list_damage(place: Place, snapshot: Snapshot, stored: Mapping[str, int]) -> list[str]:
    """Return what is wrong with the chunks of a snapshot, by the bytes of those that its place has.

    Nothing is read: bytes that have changed are found by a restore alone.
    """
    missing = {name for name, length in snapshot.list_chunks() if stored.get(name) != length}
    manifest = f"{place.name}/{name_manifest(snapshot.number)}"
    return [f"{manifest}: is damaged: {CHUNKS}/{name} is missing or cut off." for name in sorted(missing)]
