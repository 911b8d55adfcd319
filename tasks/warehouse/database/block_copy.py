"""Copies the file of the database block by block, unopened, and leaves out the blocks that a copy has already.

DuckDB locks a file as long as it has it open, and leaves no log beside it if it closes it well. So who shares that lock
and finds no log has all that was committed.

A commit changes few blocks of a large file: those of the last rows of each table, of the catalog, and the headers.
DuckDB starts each block with a checksum of its content, so of a large file, blocks with the same first page are taken
for the same. The checksum is the exclusive or of a product of each 8 bytes: it does not tell if beyond that page such
words have changed places, or two that are equal have changed alike. In blocks of the catalog they do, since it refers
to one place from several others. So these are compared whole, and so is all of a file of at most `WHOLE_BYTES`.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from data_contracts.errors import WarehouseError
from data_contracts.storage.faults import pass_fault_point
from tasks.support.locking import is_at
from tasks.warehouse.database.duckdb_engine import take_turn
from tasks.warehouse.database.duckdb_errors import RESTORE_ADVICE
from tasks.warehouse.database.migrating import name_log
from tasks.warehouse.database.waiting_for_file import HEADER_BYTES, HEADERS
from tasks.warehouse.database.warehouse_connection import WAIT_SECONDS, open_warehouse

COMPARED_BYTES = 4096
"""Bytes from the start of each block of a large file that are compared: a page, since the system reads no less."""
WHOLE_BYTES = 2**28
"""Files of at most so many bytes are compared whole: to read two takes some 0.1 s."""
_MARK, _MARK_START = b"DUCK", 8
"""What the first header of a DuckDB file has, and where."""
_STATE = struct.Struct("<8xQ16xQQ")
"""Of the second and third header: a number that grows with each checkpoint, the number of blocks, and their size."""
BLOCK_SIZES = tuple(2**power for power in range(14, 19))
"""The bytes that a block may have."""
_PARTS, _WORD = 64, 8
"""The parts of a block of the catalog, and the bytes with which each starts: the place of the part that follows it."""
_LAST_PART = b"\xff" * _WORD


@dataclass(frozen=True)
class Shape:
    """What the headers of a DuckDB file say of its size."""

    blocks: int
    block_bytes: int

    @property
    def size(self) -> int:
        """The bytes that the file should have; some more are free blocks that were not cut off yet."""
        return HEADERS * HEADER_BYTES + self.blocks * self.block_bytes


def read_shape(file: BinaryIO) -> Shape:
    """Return the shape of an open DuckDB file, by the header that the last checkpoint wrote.

    Raises `WarehouseError` if its headers are none of DuckDB's.
    """
    headers = os.pread(file.fileno(), HEADERS * HEADER_BYTES, 0)
    if len(headers) == HEADERS * HEADER_BYTES and headers.startswith(_MARK, _MARK_START):
        states = (_STATE.unpack_from(headers, number * HEADER_BYTES) for number in range(1, HEADERS))
        _, blocks, block_bytes = max(states)
        if block_bytes in BLOCK_SIZES:
            return Shape(blocks, block_bytes)
    raise WarehouseError(
        f"{file.name}: is damaged: its headers are none of a database. Next: {RESTORE_ADVICE}"
    )


def copy_warehouse(path: Path, target: BinaryIO) -> None:
    """Make `target` a copy of the database file with everything committed; writers wait in the meantime.

    Blocks that an older copy in `target` has already are not written again. `target` gets the size that its headers
    say, so that a shorter file is known to be truncated: DuckDB may write the number of blocks first and then cut free
    blocks off the end of the file.
    """
    with hold_still(path) as (source, shape):
        copy_blocks(source, target, shape.block_bytes)
    target.truncate(max(shape.size, target.seek(0, 2)))


@contextmanager
def hold_still(path: Path, wait_seconds: float = WAIT_SECONDS) -> Iterator[tuple[BinaryIO, Shape]]:
    """Yield the database file with everything committed, open to be read, and its shape.

    Writers wait until the block ends. A missing database is created.
    """
    while True:
        with take_turn(path, wait_seconds), _share_lock(path) as file:
            if file is not None:
                yield file, read_shape(file)
                return
        # Waits for other processes, and brings into the file what DuckDB has only in its log.
        with open_warehouse(path, write=True, wait_seconds=wait_seconds) as connection:
            connection.execute("CHECKPOINT")


@contextmanager
def _share_lock(path: Path) -> Iterator[BinaryIO | None]:
    """Yield the database file, open to be read and locked against writers; None if one has it, or has left a log.

    The system frees the lock when this process closes any handle of the file.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with file:
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # as DuckDB's readers lock it
            is_still = is_at(path, file.fileno()) and not name_log(path).exists()
        except (BlockingIOError, PermissionError):
            is_still = False
        yield file if is_still else None


def copy_blocks(source: BinaryIO, target: BinaryIO, block_bytes: int) -> None:
    """Make `target` equal to the DuckDB file `source`: write the blocks that differ, and cut what is beyond them.

    `source` must not change meanwhile. `target` is readable too, and empty or an older copy of the same database or of
    another one; it is broken until the function has returned.
    """
    size, copied = (os.fstat(file.fileno()).st_size for file in (source, target))
    for start, length in _list_blocks(size, block_bytes):
        compared = count_compared(source, (start, length), size, block_bytes)
        if start + length > copied or _differ(source, target, start, compared):
            target.seek(start)
            target.write(os.pread(source.fileno(), length, start))
            pass_fault_point("score: copy half written")
    target.truncate(size)


def _list_blocks(size: int, block_bytes: int) -> Iterator[tuple[int, int]]:
    """Yield the place and the length, in bytes, of each header and block of a file of `size` bytes."""
    start = 0
    while start < size:
        length = HEADER_BYTES if start < HEADERS * HEADER_BYTES else block_bytes
        yield start, min(length, size - start)
        start += length


def count_compared(file: BinaryIO, place: tuple[int, int], size: int, block_bytes: int) -> int:
    """Return how many bytes are compared of a header or block, by its start and length, in a file of `size` bytes."""
    start, length = place
    is_whole = (
        size <= WHOLE_BYTES or length <= COMPARED_BYTES or _may_be_catalog(file, start, size, block_bytes)
    )
    return length if is_whole else COMPARED_BYTES


def _may_be_catalog(file: BinaryIO, start: int, size: int, block_bytes: int) -> bool:
    """Return whether each part of a block starts as those of the catalog do; unused parts are zero."""
    blocks, part = size // block_bytes, (block_bytes - _WORD) // _PARTS // _WORD * _WORD
    words = (os.pread(file.fileno(), _WORD, start + _WORD + number * part) for number in range(_PARTS))
    # A place in the catalog is a block, and in the last byte a part of it.
    return all(
        word == _LAST_PART
        or (word[_WORD - 1 :] < bytes([_PARTS]) and int.from_bytes(word[:-1], "little") <= blocks)
        for word in words
    )


def _differ(source: BinaryIO, target: BinaryIO, start: int, length: int) -> bool:
    """Return whether two files differ in so many bytes from this place on."""
    one, other = (os.pread(file.fileno(), length, start) for file in (source, target))
    return one != other


def is_truncated(path: Path) -> bool:
    """Return whether a DuckDB file is shorter than its headers say."""
    with path.open("rb") as file:
        return os.fstat(file.fileno()).st_size < read_shape(file).size


def is_same_database(path: Path, other: Path) -> bool:
    """Return whether two files are states of one database: its first header has a random number and never changes."""
    with path.open("rb") as one, other.open("rb") as another:
        return one.read(HEADER_BYTES) == another.read(HEADER_BYTES)
