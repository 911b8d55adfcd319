"""Keeps a database in the folder of a backup: as packs of blocks, of which later backups share what has not changed.

A pack is written once and never changed, so later backups share it by a hard link and write a pack of only the blocks
that have changed. It has the headers of the database at that time, then whole blocks; so the pack of a database that is
written whole has the bytes of its file.

Which blocks have changed is found by their beginnings: DuckDB starts each block with a checksum of its content. So of
a block that is shared no more than some bytes are read. The checksum is the exclusive or of a product of each 8 bytes:
it would not tell a block from one in which such words have changed places.
"""

import hashlib
import os
from collections.abc import Collection, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import ReviewsError
from data_contracts.storage.durable import make_durable
from data_contracts.storage.faults import pass_fault_point
from tasks.maintenance.block_index import (
    BEGINNING_BYTES,
    HEAD_BYTES,
    INDEX,
    NO_BLOCKS,
    Index,
    Layout,
    read_index,
    write_index,
)
from tasks.maintenance.manifests import FileFacts, Manifest, sign_file, try_link
from tasks.warehouse.opening import HEADER_BYTES

PACKS = "packs"
"""The folder of the packs in a backup."""
MOST_PACKS = 50
"""Packs of a backup; one that would have more is written whole."""
LEAST_USED = 0.5
"""The share of its shared packs that a backup must use; one that would use less is written whole."""
_READ_BYTES = 2**18
_PAUSE_SECONDS = 0.002
"""How long a thread waits that hashes a pack faster than it is written."""


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
    """Writes a pack of blocks of the open database file; one thread hashes and another syncs what is written."""

    def __init__(self, path: Path, source: BinaryIO, layout: Layout) -> None:
        self._path, self._source, self._layout = path, source.fileno(), layout
        self._is_written, self._threads = Event(), ThreadPoolExecutor(2)
        self._synced: list[Future[None]] = []

    def __enter__(self) -> Self:
        self._file = self._path.open("xb")
        self._write(os.pread(self._source, HEAD_BYTES, 0))
        self._hashed = self._threads.submit(_hash_growing, self._path, self._is_written)
        return self

    def add(self, numbers: Iterable[int]) -> None:
        """Write these blocks after those before, and begin to sync them.

        One that is cut off is filled up, so that more may follow.
        """
        length = self._layout.block_bytes
        for number in numbers:
            block = os.pread(self._source, length, self._layout.find_start(number))
            self._write(block.ljust(length, b"\0"))
        self._file.flush()
        self._synced.append(self._threads.submit(make_durable, self._path))

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        pass_fault_point("backup: pack half written")

    def __exit__(self, *error: object) -> None:
        self._file.close()
        self._is_written.set()
        self._threads.shutdown(wait=False)

    def finish(self) -> FileFacts:
        """Return the facts of the pack once it is hashed and synced, for which the database is not needed."""
        facts = sign_file(self._path, self._hashed.result())
        for synced in self._synced:
            synced.result()
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
    known, blocks, name = len(then.numbers), layout.count_blocks(), _name_pack(base)
    # The blocks that are new in any case come first: they are hashed and synced while the others are compared.
    added = np.arange(known, blocks)
    with PackWriter(building / name, source, layout) as writer:
        writer.add(added.tolist())
        beginnings = _read_beginnings(source, layout)
        kept = _share_blocks(base, beginnings, building) if base else added[:0]
        is_changed = np.ones(min(known, blocks), bool)
        is_changed[kept] = False
        changed = np.flatnonzero(is_changed)
        writer.add(changed.tolist())
    packs, in_packs, numbers = _place_blocks(then, kept, np.concatenate([added, changed]))
    index = Index(layout, (*packs, name), in_packs, numbers, beginnings)
    return Draft(index, {pack: base.manifest.files[pack] for pack in packs} if base else {}, writer)


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


def _read_beginnings(source: BinaryIO, layout: Layout) -> NDArray[np.uint8]:
    """Return the first bytes of each block of a database file, but for a last block that is not whole."""
    descriptor, starts = source.fileno(), map(layout.find_start, range(layout.count_whole_blocks()))
    read = b"".join([os.pread(descriptor, BEGINNING_BYTES, start) for start in starts])
    return np.frombuffer(read, np.uint8).reshape(-1, BEGINNING_BYTES)


def _share_blocks(base: Base, beginnings: NDArray[np.uint8], building: Path) -> NDArray[np.int64]:
    """Link packs of `base` into the new backup, and return the numbers of the blocks that have not changed.

    Return none if that is not worth while, or if a pack can't be linked. It is not copied then: that would cost as much
    as to write the blocks of the database itself, and what is damaged in the older backup would be taken over unseen.
    """
    both = min(len(beginnings), len(base.index.beginnings))
    kept = np.flatnonzero((beginnings[:both] == base.index.beginnings[:both]).all(axis=1))
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


def _hash_growing(path: Path, is_written: Event) -> str:
    """Return the sha256 of a file that is still written until `is_written` is set."""
    digest, buffer = hashlib.sha256(), memoryview(bytearray(_READ_BYTES))
    with path.open("rb", buffering=0) as file:
        while True:
            was_written = is_written.is_set()
            if length := file.readinto(buffer):
                digest.update(buffer[:length])
            elif was_written:
                return digest.hexdigest()
            else:
                is_written.wait(_PAUSE_SECONDS)


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
