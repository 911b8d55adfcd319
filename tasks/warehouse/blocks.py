"""Copies a DuckDB file block by block, and leaves out the blocks that an older copy has already.

A commit changes few blocks of a large file: those of the last rows of each table, and the headers. DuckDB starts each
block with a checksum of its content, so blocks with the same first page are taken for the same. The checksum is the
exclusive or of a product of each 8 bytes: of a block in which such words beyond that page have changed places, it would
not tell. `reviews verify` compares the rows.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from data_contracts.storage.faults import pass_fault_point

HEADER_BYTES, HEADERS = 4096, 3
"""The size and number of the headers before the first block."""
COMPARED_BYTES = 4096
"""Bytes from the start of each block that are compared: a page, since the system reads no less."""


def copy_blocks(source: BinaryIO, target: BinaryIO, block_bytes: int) -> None:
    """Make `target` equal to the DuckDB file `source`: write the blocks that differ, and cut what is beyond them.

    `source` must not change meanwhile. `target` is readable too, and empty or an older copy of the same database or of
    another one; it is broken until the function has returned.
    """
    size, copied = (os.fstat(file.fileno()).st_size for file in (source, target))
    for start, length in _list_blocks(size, block_bytes):
        if start + length > copied or _differ(source, target, start):
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


def _differ(source: BinaryIO, target: BinaryIO, start: int) -> bool:
    """Return whether the blocks of two files at this place differ in their first bytes, the checksum among them."""
    one, other = (os.pread(file.fileno(), COMPARED_BYTES, start) for file in (source, target))
    return one != other


def is_same_database(path: Path, other: Path) -> bool:
    """Return whether two files are states of one database."""
    return read_identity(path) == read_identity(other)


def read_identity(path: Path) -> bytes:
    """Return the first header of a DuckDB file, which has a random number of the database and never changes."""
    with path.open("rb") as file:
        return file.read(HEADER_BYTES)
