"""Keeps a database in the folder of a backup: as packs of blocks, of which later backups share what has not changed.

A pack is written once and never changed, so later backups share it by a hard link and write a pack of only the blocks
that have changed. It has the headers of the database at that time, then whole blocks; so the pack of a database that is
written whole has the bytes of its file.

Which blocks have changed is found by their beginnings: DuckDB starts each block with a checksum of its content. So of
a block that is shared no more than some bytes are read.
"""

import hashlib
import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

from data_contracts.errors import ReviewsError
from data_contracts.storage.durable import make_durable
from data_contracts.storage.faults import pass_fault_point
from tasks.maintenance.block_index import (
    BEGINNING_BYTES,
    HEAD_BYTES,
    INDEX,
    Index,
    Place,
    read_index,
    write_index,
)
from tasks.maintenance.manifests import FileFacts, Manifest, sign_file, try_link
from tasks.warehouse.blocks import HEADER_BYTES

PACKS = "packs"
"""The folder of the packs in a backup."""
MOST_PACKS = 50
"""Packs of a backup; one that would have more is written whole."""
LEAST_USED = 0.5
"""The share of its shared packs that a backup must use; one that would use less is written whole."""
_CHUNK_BLOCKS = 4
"""Adjacent blocks that are read and written at once, at most."""
_MOST_UNHASHED = 16
"""Chunks that may wait to be hashed: a bound on the memory."""
_SYNCED_BYTES = 2**24
"""Bytes after which what is written of a pack is synced, unless the disk is still busy with those before."""


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
    """Writes a pack, while one thread hashes and another syncs what is written: so the disk works all the time."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, path.open("xb")
        self._digest, self._hasher, self._syncer = (
            hashlib.sha256(),
            ThreadPoolExecutor(1),
            ThreadPoolExecutor(1),
        )
        self._unhashed = deque[Future[None]]()
        self._synced, self._unsynced_bytes = self._syncer.submit(lambda: None), 0

    def write_all(self, chunks: Iterable[bytes]) -> None:
        """Write chunks, and close the file; some may still have to be hashed and synced."""
        with self._file:
            for chunk in chunks:
                self._hash(chunk)
                self._file.write(chunk)
                self._sync(len(chunk))
                pass_fault_point("backup: pack half written")
        self._synced = self._syncer.submit(make_durable, self._path)

    def _hash(self, chunk: bytes) -> None:
        self._unhashed.append(self._hasher.submit(self._digest.update, chunk))
        if len(self._unhashed) > _MOST_UNHASHED:
            self._unhashed.popleft().result()

    def _sync(self, written: int) -> None:
        self._unsynced_bytes += written
        if self._unsynced_bytes > _SYNCED_BYTES and self._synced.done():
            self._synced.result()
            self._synced, self._unsynced_bytes = self._syncer.submit(make_durable, self._path), 0

    def finish(self) -> FileFacts:
        """Return the facts of the pack once it is hashed and synced."""
        self._hasher.shutdown()
        facts = sign_file(self._path, self._digest.hexdigest())
        self._synced.result()
        self._syncer.shutdown()
        return facts


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
                if index.block_bytes == block_bytes and pack.read(HEADER_BYTES) == header:
                    return Base(folder, manifest, index)
    return None


def write_blocks(building: Path, source: BinaryIO, block_bytes: int, base: Base | None) -> Draft:
    """Write the open database file, which must not change meanwhile, as packs into a backup's folder.

    Blocks that `base` has are shared with it, unless too little of its packs is still in use or there is no hard link.
    """
    (building / PACKS).mkdir()
    size = os.fstat(source.fileno()).st_size
    beginnings = tuple(_read_beginnings(source, size, block_bytes))
    kept = _share_blocks(base, beginnings, building) if base else {}
    packs = sorted({pack for pack, _ in kept.values()})
    new, changed = _name_pack(packs), [number for number in range(len(beginnings)) if number not in kept]
    places = {**kept, **{number: (new, place) for place, number in enumerate(changed)}}
    in_order = tuple(map(places.__getitem__, range(len(places))))
    index = Index(size, block_bytes, (*packs, new), in_order, beginnings)
    writer = PackWriter(building / new)
    writer.write_all(_read_chunks(source, index, changed))
    return Draft(index, {pack: base.manifest.files[pack] for pack in packs} if base else {}, writer)


def finish_database(building: Path, draft: Draft) -> Written:
    """Write the index of the packs in a backup's folder, while the new pack is still hashed and synced."""
    *_, new = draft.index.packs
    index = write_index(building, draft.index)
    return Written({**draft.shared, new: draft.new.finish(), INDEX: index}, frozenset(draft.shared))


def _read_beginnings(source: BinaryIO, size: int, block_bytes: int) -> Iterator[bytes]:
    """Yield the first bytes of each block of a database file; none of a last block that is not whole."""
    descriptor, whole = source.fileno(), max(size - HEAD_BYTES, 0) // block_bytes
    for number in range(whole):
        yield os.pread(descriptor, BEGINNING_BYTES, HEAD_BYTES + number * block_bytes)
    if size > HEAD_BYTES + whole * block_bytes:
        yield b""


def _share_blocks(base: Base, beginnings: Sequence[bytes], building: Path) -> dict[int, Place]:
    """Link packs of `base` into the new backup; return the places of blocks that have not changed, by their numbers.

    Return none if that is not worth while, or if a pack can't be linked. It is not copied then: that would cost as much
    as to write the blocks of the database itself, and what is damaged in the older backup would be taken over unseen.
    """
    known = zip(beginnings, base.index.beginnings, base.index.places, strict=False)
    kept = {number: place for number, (now, then, place) in enumerate(known) if now and now == then}
    packs = {pack for pack, _ in kept.values()}
    if not _is_worth_sharing(base, packs, len(kept)):
        return {}
    if all(try_link(base.folder / pack, building / pack) for pack in packs):
        pass_fault_point("backup: packs shared")
        return kept
    for pack in packs:
        (building / pack).unlink(missing_ok=True)
    return {}


def _is_worth_sharing(base: Base, packs: Collection[str], blocks: int) -> bool:
    """Return whether the packs that hold so many blocks that have not changed are few, and hold little else."""
    stored = sum(base.manifest.files[pack].bytes for pack in packs)
    return 0 < len(packs) < MOST_PACKS and blocks * base.index.block_bytes >= LEAST_USED * stored


def _name_pack(others: Iterable[str]) -> str:
    """Return the name of a new pack, with a number higher than that of each other pack."""
    return f"{PACKS}/{1 + max((int(Path(name).stem) for name in others), default=0):06}.pack"


def _read_chunks(source: BinaryIO, index: Index, numbers: Sequence[int]) -> Iterator[bytes]:
    """Yield the headers of the open database file, then these of its blocks, adjacent ones together."""
    yield os.pread(source.fileno(), min(HEAD_BYTES, index.size), 0)
    for first, blocks in _list_runs(numbers):
        length = sum(index.measure(first + more) for more in range(blocks))
        yield os.pread(source.fileno(), length, index.find_start(first))


def _list_runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first of each run of adjacent numbers, and how many there are, at most `_CHUNK_BLOCKS`."""
    for _, run in groupby(enumerate(numbers), lambda each: each[1] - each[0]):
        adjacent = [number for _, number in run]
        for place in range(0, len(adjacent), _CHUNK_BLOCKS):
            yield adjacent[place], len(adjacent[place : place + _CHUNK_BLOCKS])


def assemble(folder: Path, index: Index, target: Path) -> None:
    """Write the database file of a backup whose files were checked by their sums."""
    with target.open("wb") as file, ExitStack() as opened:
        packs = {name: opened.enter_context((folder / name).open("rb")).fileno() for name in index.packs}
        file.write(os.pread(packs[index.packs[-1]], min(HEAD_BYTES, index.size), 0))
        for number, (pack, place) in enumerate(index.places):
            block = os.pread(packs[pack], index.measure(number), index.find_start(place))
            if not block.startswith(index.beginnings[number]):
                raise ReviewsError(
                    f"{folder}: is damaged: {pack} has another block {place} than {INDEX} says. Next: restore another "
                    "backup."
                )
            file.write(block)
