"""Streams of byte chunks: read from disk, decompressed, counted against a limit, or held where they must be.

Everything is an iterator of chunks, so memory does not grow with a file's size. Gzip may have several members
and zstd several frames; whatever follows the last one, zeros too, refuses the file.
"""

import io
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar

import pyarrow as pa

from tasks.inbox.opening import open_regular
from tasks.support.refusals import refusal, refusing

CHUNK_BYTES = 1 << 20
HELD_IN_MEMORY_BYTES = 64 << 20

Item = TypeVar("Item")

_CODECS = {"gz": "gzip", "zst": "zstd"}


def open_file(path: Path, root: Path | None = None) -> io.BufferedReader:
    """Open a file of the disk, following no link below `root`; raises `FileRefusedError` (file_unreadable)."""
    with refusing("file_unreadable", lambda: "the file can't be opened"):
        return open_regular(path, root)


def read_chunks(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Give the first `size` bytes of a file, which may grow meanwhile; raises `FileRefusedError` (file_unreadable)."""
    done = 0
    with refusing("file_unreadable", lambda: f"the disk gave no more after {done:,} bytes"):
        while chunk := file.read(min(CHUNK_BYTES, size - done)):
            done += len(chunk)
            yield chunk


def decompress(chunks: Iterator[bytes], compression: str) -> Iterator[bytes]:
    """Undo 'gz' or 'zst' and check its checksums; raises `FileRefusedError` (compression_broken)."""
    codec, done = _CODECS[compression], 0
    with refusing(
        "compression_broken", lambda: f"the {codec} data is not valid somewhere after {done:,} unpacked bytes"
    ):
        stream = pa.CompressedInputStream(pa.PythonFile(open_stream(chunks), mode="r"), codec)
        while chunk := stream.read(CHUNK_BYTES):
            done += len(chunk)
            yield chunk


def gunzip_padded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Undo gzip as `decompress` does, but let zeros follow: some tapes and mirrors pad a file with them."""
    unzip, packed = zlib.decompressobj(wbits=31), 0
    with refusing(
        "compression_broken", lambda: f"the gzip data is damaged within its first {packed:,} bytes"
    ):
        for chunk in chunks:
            packed += len(chunk)
            left = chunk
            while left:
                if unzip.eof:
                    left = left.lstrip(b"\0")
                    if not left:
                        break
                    unzip = zlib.decompressobj(wbits=31)
                if piece := unzip.decompress(left, CHUNK_BYTES):
                    yield piece
                left = unzip.unconsumed_tail or unzip.unused_data
    if not unzip.eof:
        raise refusal("compression_broken", f"the gzip data is cut off after {packed:,} bytes")


def count_bytes(allowed: int, what: str) -> Callable[[int], None]:
    """Make the function that is told of unpacked bytes and refuses (bomb_suspected) too many of them."""
    used = 0

    def spend(amount: int) -> None:
        nonlocal used
        used += amount
        if used > allowed:
            raise refusal("bomb_suspected", f"{what} unpacks to more than {allowed:,} bytes, the limit here")

    return spend


def meter(chunks: Iterator[bytes], *spends: Callable[[int], None]) -> Iterator[bytes]:
    """Pass chunks on and tell each of `spends` how many bytes they are."""
    for chunk in chunks:
        for spend in spends:
            spend(len(chunk))
        yield chunk


def open_stream(chunks: Iterator[bytes]) -> io.RawIOBase:
    """Make chunks into the binary file that a library asks for; it can't go back, and may read short."""
    return _ChunkFile(chunks)


@contextmanager
def hold(chunks: Iterator[bytes]) -> Iterator[IO[bytes]]:
    """Hold a whole content as a file that can go back: in memory up to `HELD_IN_MEMORY_BYTES`, then on disk.

    The file on disk has no name and vanishes when it is closed, or with the process.
    """
    with tempfile.SpooledTemporaryFile(HELD_IN_MEMORY_BYTES) as held:
        for chunk in chunks:
            with refusing("file_unreadable", lambda: "there is no room to hold it while it is read"):
                held.write(chunk)
        held.seek(0)
        yield held


class _ChunkFile(io.RawIOBase):
    """What Arrow and tarfile want, a file, over chunks that come only once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._chunk = b""
        self._used = 0

    def readable(self) -> bool:
        """Say so to the library that asks."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Give what is left of the present chunk, at most `size` bytes; nothing at the end."""
        while self._used == len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._chunk, self._used = chunk, 0
        end = len(self._chunk) if size < 0 else min(self._used + size, len(self._chunk))
        piece = self._chunk[self._used : end]
        self._used = end
        return piece


def group_items(
    items: Iterable[Item], size_of: Callable[[Item], int], most: int, most_bytes: int
) -> Iterator[list[Item]]:
    """Put items together in order: `most` of them at most, and no more bytes than `most_bytes` and one item."""
    group: list[Item] = []
    size = 0
    for item in items:
        group.append(item)
        size += size_of(item)
        if len(group) == most or size >= most_bytes:
            yield group
            group, size = [], 0
    if group:
        yield group
