"""Keeps a database in the folder of a backup: as packs of blocks, of which later backups share what has not changed.

A pack is written once and never changed, so later backups share it by a hard link and write a pack of only the blocks
that have changed. It has the headers of the database at that time, then whole blocks; so the pack of a database that is
written whole has the bytes of its file.

Which blocks have changed is found by their beginnings: DuckDB starts each block with a checksum of its content. So of a
block that is shared no more than some bytes are read. The blocks of the catalog, and those of a small database, are
compared whole, since that checksum does not tell of every change (`tasks/warehouse/database/block_copy.py`).
"""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ReviewsError
from data_contracts.storage.durable import make_durable
from data_contracts.storage.faults import pass_fault_point
from tasks.backups.block_index import (
    BEGINNING_BYTES,
    HEAD_BYTES,
    INDEX,
    NO_BLOCKS,
    Index,
    Layout,
    read_index,
    write_index,
)
from tasks.backups.manifests import FileFacts, Manifest, sign_file, try_link
from tasks.warehouse.database.block_copy import count_compared
from tasks.warehouse.database.waiting_for_file import HEADER_BYTES

PACKS = "packs"
"""The folder of the packs in a backup."""
MOST_PACKS = 50
"""Packs of a backup; one that would have more is written whole."""
LEAST_USED = 0.5
"""The share of its shared packs that a backup must use; one that would use less is written whole."""
_COMPARED_AT_ONCE = 512
"""Blocks of which the beginnings are read before those that have changed are written."""
_BLOCKS_AT_ONCE, _BUFFERS = 4, 8
"""Blocks that are read and written at once, and how many times that may be in memory until it is hashed."""
_SYNC_BYTES = 2**24
"""After so many bytes a pack is synced, while more is written."""


@dataclass(frozen=True)
class Base:
    """A complete backup, files of which a new one shares."""

    folder: Path
    manifest: Manifest
    index: Index


@dataclass(frozen=True)
class Written:
    """Files of a new backup by their names, and which of them it shares."""

    files: dict[str, FileFacts]
    shared: frozenset[str]


class PackWriter:
    """Writes a pack of blocks of the open database file in a thread; a second one hashes it, a third one syncs it."""

    def __init__(self, path: Path, source: BinaryIO, layout: Layout) -> None:
        self._path, self._source, self._layout = path, source.fileno(), layout
        self._writer, self._hasher, self._syncer = (ThreadPoolExecutor(1) for _ in range(3))
        self._written: list[Future[None]] = []
        self._hashed: list[Future[None]] = []
        self._synced: list[Future[None]] = []
        self._digest, self._unsynced = hashlib.sha256(), 0
        self._free = SimpleQueue[bytearray]()
        for _ in range(_BUFFERS):
            self._free.put(bytearray(_BLOCKS_AT_ONCE * layout.block_bytes))

    def __enter__(self) -> Self:
        self._file = self._path.open("xb")
        self._written.append(self._writer.submit(self._copy, 0, HEAD_BYTES))
        return self

    def add(self, numbers: NDArray[np.int64]) -> None:
        """Write these blocks after those before, in the background.

        One that is cut off is filled up, so that more may follow.
        """
        for first, blocks in _list_adjacent(numbers):
            start, length = self._layout.find_start(first), blocks * self._layout.block_bytes
            self._written.append(self._writer.submit(self._copy, start, length))

    def _copy(self, start: int, length: int) -> None:
        """Write so many bytes of the database file from this place on; have them hashed, and synced with others."""
        buffer = self._free.get()
        try:
            content = memoryview(buffer)[:length]
            read = os.preadv(self._source, [content], start)
            content[read:] = bytes(length - read)
            self._file.write(content)
            self._file.flush()
            pass_fault_point("backup: pack half written")
        except BaseException:
            self._free.put(buffer)  # else the blocks after this one would wait for it for ever
            raise
        self._hashed.append(self._hasher.submit(self._hash, buffer, length))
        self._unsynced += length
        if self._unsynced >= _SYNC_BYTES:
            self._sync()

    def _hash(self, buffer: bytearray, length: int) -> None:
        """Hash what follows in the pack, and free its memory for the next blocks."""
        self._digest.update(memoryview(buffer)[:length])
        self._free.put(buffer)

    def _sync(self) -> None:
        """Sync what is written by now, in the background."""
        self._synced.append(self._syncer.submit(make_durable, self._path))
        self._unsynced = 0

    def __exit__(self, failed: object, *error: object) -> None:
        """Wait until all blocks are read and written: the database may change afterwards."""
        self._writer.shutdown(cancel_futures=failed is not None)
        self._file.close()
        self._sync()
        self._hasher.shutdown(wait=False)
        self._syncer.shutdown(wait=False)

    def finish(self) -> FileFacts:
        """Return the facts of the pack once it is hashed and synced, for which the database is not needed."""
        for done in (*self._written, *self._hashed):
            done.result()
        facts = sign_file(self._path, self._digest.hexdigest())
        for synced in self._synced:
            synced.result()
        return facts


def _list_adjacent(numbers: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield runs of adjacent blocks, of `_BLOCKS_AT_ONCE` at most: the number of the first, and how many there are."""
    start = 0
    for place, number in enumerate(numbers.tolist(), 1):
        is_last = place == len(numbers) or numbers[place] != number + 1
        if is_last or place - start == _BLOCKS_AT_ONCE:
            yield int(numbers[start]), place - start
            start = place


@dataclass(frozen=True)
class Draft:
    """The packs of a new backup, before their index is written."""

    index: Index
    shared: dict[str, FileFacts]
    new: PackWriter
    """Of the last pack of the index."""


def find_base(earlier: Iterable[tuple[Path, Manifest]], source: BinaryIO, block_bytes: int) -> Base | None:
    """Return the first of some complete backups that is one of the open database.

    A database that was written anew, to forget rows, is another one: it has another random number in its first header.
    """
    header = os.pread(source.fileno(), HEADER_BYTES, 0)
    for folder, manifest in earlier:
        with suppress(OSError, ReviewsError):
            index = read_index(folder, manifest)
            with (folder / index.packs[-1]).open("rb") as pack:
                if index.layout.block_bytes == block_bytes and pack.read(HEADER_BYTES) == header:
                    return Base(folder, manifest, index)
    return None


def write_blocks(building: Path, source: BinaryIO, block_bytes: int, base: Base | None) -> Draft:
    """Write the open database file, which must not change meanwhile, as packs into a backup's folder.

    Blocks that `base` has are shared with it, unless too little of its packs is still in use or there is no hard link.
    """
    (building / PACKS).mkdir()
    layout = Layout(os.fstat(source.fileno()).st_size, block_bytes)
    then = base.index if base else NO_BLOCKS
    name = _name_pack(base)
    with PackWriter(building / name, source, layout) as writer:
        beginnings, changed = _write_changed(writer, source, layout, then)
        if base:
            further = _find_further(source, layout, base, _list_others(changed, layout.count_blocks()))
            writer.add(further)
            changed = np.concatenate([changed, further])
        kept = _list_others(changed, layout.count_blocks())
        shared = _share_blocks(base, kept, building) if base else kept[:0]
        not_shared = kept[len(shared) :]  # all or none
        writer.add(not_shared)
    packs, in_packs, numbers = _place_blocks(then, shared, np.concatenate([changed, not_shared]))
    index = Index(layout, (*packs, name), in_packs, numbers, beginnings)
    return Draft(index, {pack: base.manifest.files[pack] for pack in packs} if base else {}, writer)


def _write_changed(
    writer: PackWriter, source: BinaryIO, layout: Layout, then: Index
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Write the blocks that an earlier state of the file does not have; return all beginnings, and these blocks.

    They are written while others are compared, which may take as long: those that are new in any case first.
    """
    both = min(layout.count_whole_blocks(), len(then.beginnings))
    changed = [np.arange(both, layout.count_blocks())]
    writer.add(changed[0])
    beginnings = []
    for first in range(0, layout.count_whole_blocks(), _COMPARED_AT_ONCE):
        read = _read_beginnings(source, layout, first)
        known = then.beginnings[first : first + len(read)]
        found = first + np.flatnonzero((read[: len(known)] != known).any(axis=1))
        writer.add(found)
        beginnings.append(read)
        changed.append(found)
    return np.concatenate([then.beginnings[:0], *beginnings]), np.concatenate(changed)


def _find_further(
    source: BinaryIO, layout: Layout, base: Base, numbers: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return those of some blocks that are compared whole, and whose content is not that in `base`.

    Return all that are compared whole if a pack of `base` can't be read.
    """
    index, size = base.index, layout.block_bytes
    whole = [number for number in numbers.tolist() if _is_whole(source, layout, number)]

    def read(file: BinaryIO, number: int) -> bytes:
        return os.pread(file.fileno(), size, layout.find_start(number))

    with ExitStack() as opened, suppress(OSError):
        packs = [opened.enter_context((base.folder / name).open("rb")) for name in index.packs]
        whole = [
            number
            for number in whole
            if read(source, number) != read(packs[index.in_packs[number]], int(index.numbers[number]))
        ]
    return np.array(whole, np.int64)


def _is_whole(source: BinaryIO, layout: Layout, number: int) -> bool:
    """Return whether all of a block is compared."""
    place = layout.find_start(number), layout.block_bytes
    return count_compared(source, place, layout.size, layout.block_bytes) == layout.block_bytes


def _list_others(numbers: NDArray[np.int64], blocks: int) -> NDArray[np.int64]:
    """Return the numbers of all blocks but these."""
    is_other = np.ones(blocks, bool)
    is_other[numbers] = False
    return np.flatnonzero(is_other)


def _place_blocks(
    then: Index, kept: NDArray[np.int64], written: NDArray[np.int64]
) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Return the packs of an earlier backup that have the `kept` blocks, and of each block its pack and number there.

    The blocks that are `written`, in their order, have the pack after those.
    """
    used, own = np.unique(then.in_packs[kept], return_inverse=True)
    in_packs = np.full(len(kept) + len(written), len(used))
    numbers = np.zeros_like(in_packs)
    in_packs[kept], numbers[kept] = own, then.numbers[kept]
    numbers[written] = np.arange(len(written))
    return [then.packs[place] for place in used], in_packs, numbers


def finish_database(building: Path, draft: Draft) -> Written:
    """Write the index of the packs into a backup's folder, while the new pack is hashed and synced."""
    *_, new = draft.index.packs
    index = write_index(building, draft.index)
    return Written({**draft.shared, new: draft.new.finish(), INDEX: index}, frozenset(draft.shared))


def _read_beginnings(source: BinaryIO, layout: Layout, first: int) -> NDArray[np.uint8]:
    """Return the first bytes of blocks from this one on, `_COMPARED_AT_ONCE` at most, without one that is not whole."""
    descriptor, end = source.fileno(), min(first + _COMPARED_AT_ONCE, layout.count_whole_blocks())
    starts = range(layout.find_start(first), layout.find_start(end), layout.block_bytes)
    read = b"".join([os.pread(descriptor, BEGINNING_BYTES, start) for start in starts])
    return np.frombuffer(read, np.uint8).reshape(-1, BEGINNING_BYTES)


def _share_blocks(base: Base, kept: NDArray[np.int64], building: Path) -> NDArray[np.int64]:
    """Link the packs of `base` that have the blocks `kept` into the new backup, and return these blocks.

    Return none if that is not worth while, or if a pack can't be linked. It is not copied then: that would cost as much
    as to write the blocks of the database itself, and what is damaged in the older backup would be taken over unseen.
    """
    packs = {base.index.packs[place] for place in np.unique(base.index.in_packs[kept])}
    if not _is_worth_sharing(base, packs, len(kept)):
        return kept[:0]
    if all(try_link(base.folder / pack, building / pack) for pack in packs):
        pass_fault_point("backup: packs shared")
        return kept
    for pack in packs:
        (building / pack).unlink(missing_ok=True)
    return kept[:0]


def _is_worth_sharing(base: Base, packs: Collection[str], blocks: int) -> bool:
    """Return whether the packs that hold so many blocks that have not changed are few, and hold little else."""
    stored = sum(base.manifest.files[pack].bytes for pack in packs)
    return 0 < len(packs) < MOST_PACKS and blocks * base.index.layout.block_bytes >= LEAST_USED * stored


def _name_pack(base: Base | None) -> str:
    """Return the name of a new pack, with a number higher than that of each pack of `base`."""
    numbers = [int(Path(name).stem) for name in base.index.packs] if base else []
    return f"{PACKS}/{1 + max(numbers, default=0):06}.pack"


def assemble(folder: Path, index: Index, target: Path) -> None:
    """Write the database file of a backup whose files were checked by their sums."""
    with target.open("wb") as file, ExitStack() as opened:
        packs = {name: opened.enter_context((folder / name).open("rb")).fileno() for name in index.packs}
        file.write(os.pread(packs[index.packs[-1]], min(HEAD_BYTES, index.layout.size), 0))
        beginnings = [*map(bytes, index.beginnings), b""]
        for number, (pack, place) in enumerate(index.list_places()):
            block = os.pread(packs[pack], index.layout.measure(number), index.layout.find_start(place))
            if not block.startswith(beginnings[number]):
                raise ReviewsError(
                    f"{folder}: is damaged: {pack} has another block {place} than {INDEX} says. Next: restore another "
                    "backup."
                )
            file.write(block)
