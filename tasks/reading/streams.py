"""The limits of what compressed files and archives may unpack to, and guards that refuse a file above one as a bomb.

Iterators of byte chunks: read from disk, decompressed, metered by guards, or held as a seekable file.

Only a chunk is in memory at a time, so memory does not grow with a file's size. Gzip data may have several members,
zstd data several frames, bzip2 and xz data several streams; a file with any other bytes after the last one, zeros too,
is refused.
"""

import bz2
import io
import lzma
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from tasks.inbox.opening import open_regular
from tasks.support.refusals import refusal, refusing

Guard = Callable[[int], None]
"""Called with each further number of bytes or members; raises `bomb_suspected` when their sum exceeds a limit."""


@dataclass(frozen=True)
class ContainerLimits:
    """The most that a compressed file or an archive may unpack to; a file above a limit is refused as a bomb."""

    total_bytes: int = 64 << 30
    """Unpacked bytes of all members together."""
    member_bytes: int = 16 << 30
    """Unpacked bytes of one member, or of one compressed file."""
    held_bytes: int = 4 << 30
    """Unpacked bytes of a file for the process for tables, such as Parquet, that is compressed or in an archive: that
    process reads from a file, so all of it is held in memory or on disk."""
    workbook_bytes: int = 128 << 20
    """Bytes of a workbook, which is held in memory."""
    workbook_unpacked_bytes: int = 256 << 20
    """Bytes that a workbook may unpack to."""
    ratio: int = 200
    """Unpacked bytes per byte on disk; reviews compress about 3 to 1, many equal ones 100 to 1."""
    unsuspected_bytes: int = 1 << 30
    """Unpacked bytes up to which the ratio does not matter."""
    members: int = 1_000_000
    rows_per_byte: int = 1
    """Rows per byte on disk; an uncompressed file can't have more."""
    unsuspected_rows: int = 200_000
    """Rows up to which `rows_per_byte` does not matter."""

    def count_rows(self, size: int) -> int:
        """Return the most rows, and the most members, that a file of `size` bytes may have."""
        return max(self.unsuspected_rows, self.rows_per_byte * size)


def limit_member_bytes(limits: ContainerLimits) -> Guard:
    """Return a guard for the unpacked bytes of one member."""
    return limit_bytes(limits.member_bytes, "it")


def limit_members(limits: ContainerLimits) -> Guard:
    """Return a guard for the number of members, skipped ones too."""
    seen = 0

    def count(amount: int) -> None:
        nonlocal seen
        seen += amount
        if seen > limits.members:
            raise refusal("bomb_suspected", f"there are more than {limits.members:,} members, the limit here")

    return count


def limit_bytes(allowed: int, what: str) -> Callable[[int], None]:
    """Return a guard to call with each number of unpacked bytes; it raises `bomb_suspected` above `allowed` bytes.

    `what` names the file in the message.
    """
    total = 0

    def guard(amount: int) -> None:
        nonlocal total
        total += amount
        if total > allowed:
            raise refusal("bomb_suspected", f"{what} unpacks to more than {allowed:,} bytes, the limit here")

    return guard


CHUNK_BYTES = 1 << 20
FIRST_BYTES = 1 << 10
"""Bytes that are given to the decompressor of a stream at first, then twice as many each time."""
HELD_IN_MEMORY_BYTES = 64 << 20
XZ_MEMORY = 256 << 20
"""Most bytes that unpacking xz data may take; `xz -9` needs 65 MiB. The data states how much it needs."""

_CODECS = {"gz": "gzip", "zst": "zstd", "bz2": "bzip2", "xz": "xz"}


def open_file(path: Path, root: Path | None = None) -> io.BufferedReader:
    """Open a file for reading, following no link below `root`; raises `FileRefusedError` (file_unreadable)."""
    with refusing("file_unreadable", lambda: "the file can't be opened"):
        return open_regular(path, root)


def read_stream(file: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the first `size` bytes of a file, which may be growing; raises `FileRefusedError` (file_unreadable)."""
    done = 0
    with refusing("file_unreadable", lambda: f"it can't be read from disk after {done:,} bytes"):
        while chunk := file.read(min(CHUNK_BYTES, size - done)):
            done += len(chunk)
            yield chunk


def decompress(chunks: Iterator[bytes], compression: str) -> Iterator[bytes]:
    """Decompress 'gz', 'zst', 'bz2' or 'xz' data and check its checksums.

    Raises `FileRefusedError`: compression_broken, or bomb_suspected for xz data that needs more than `XZ_MEMORY`.
    """
    codec, done = _CODECS[compression], 0
    with refusing(
        "compression_broken", lambda: f"the {codec} data is not valid somewhere after {done:,} unpacked bytes"
    ):
        for chunk in _UNPACKERS.get(compression, _unpack_by_arrow)(chunks, compression):
            done += len(chunk)
            yield chunk


def _unpack_by_arrow(chunks: Iterator[bytes], compression: str) -> Iterator[bytes]:
    """Decompress gzip members or zstd frames."""
    stream = pa.CompressedInputStream(pa.PythonFile(wrap_chunks(chunks), mode="r"), _CODECS[compression])
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def _unpack_streams(chunks: Iterator[bytes], compression: str) -> Iterator[bytes]:
    """Decompress bzip2 or xz streams, which may follow each other; raise `EOFError` if the last one is cut off."""
    unpacker, given = _start_stream(compression), CHUNK_BYTES
    for chunk in chunks:
        data, place = memoryview(chunk), 0
        while place < len(data) or not (unpacker.needs_input or unpacker.eof):
            if unpacker.eof:
                # It copies what follows the end of a stream: of many short streams a chunk would be copied for each.
                unpacker, given = _start_stream(compression), FIRST_BYTES
            end = min(place + given, len(data))
            piece = _unpack_piece(unpacker, data[place:end])
            # What follows a stream may have been given before what was given last.
            place = end - len(unpacker.unused_data)
            given = min(2 * given, CHUNK_BYTES)
            if piece:
                yield piece
    if not unpacker.eof:
        raise EOFError


def _start_stream(compression: str) -> bz2.BZ2Decompressor | lzma.LZMADecompressor:
    """Return a decompressor for the next stream."""
    return bz2.BZ2Decompressor() if compression == "bz2" else lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY)


def _unpack_piece(unpacker: bz2.BZ2Decompressor | lzma.LZMADecompressor, data: memoryview) -> bytes:
    """Decompress at most `CHUNK_BYTES`; refuse xz data that needs more than `XZ_MEMORY`."""
    try:
        return unpacker.decompress(data, CHUNK_BYTES)
    except lzma.LZMAError as error:
        if "limit" not in str(error):
            raise
        problem = f"its xz data takes more than {XZ_MEMORY >> 20} MiB of memory to unpack, the limit here"
        raise refusal("bomb_suspected", problem) from error


_UNPACKERS = {"bz2": _unpack_streams, "xz": _unpack_streams}


def gunzip_padded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress gzip data that may be padded with zeros, as by some tapes and mirrors; else like `decompress`."""
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


def meter(chunks: Iterator[bytes], *guards: Callable[[int], None]) -> Iterator[bytes]:
    """Yield the chunks; call each guard with the size of a chunk before it is yielded."""
    for chunk in chunks:
        for guard in guards:
            guard(len(chunk))
        yield chunk


def wrap_chunks(chunks: Iterator[bytes]) -> io.RawIOBase:
    """Return chunks as a binary file for Arrow; it can't seek, and may read fewer bytes than asked for."""
    return _ChunkFile(chunks)


@contextmanager
def hold_content(chunks: Iterator[bytes]) -> Iterator[IO[bytes]]:
    """Copy all chunks into a seekable file: in memory up to `HELD_IN_MEMORY_BYTES`, beyond that on disk.

    The file on disk has no name; it is deleted when it is closed or the process ends.
    """
    with tempfile.SpooledTemporaryFile(HELD_IN_MEMORY_BYTES) as held:
        for chunk in chunks:
            with refusing("file_unreadable", lambda: "there is no space for a temporary copy of it"):
                held.write(chunk)
        held.seek(0)
        yield held


class _ChunkFile(io.RawIOBase):
    """A file over an iterator of chunks: it can be read once, from start to end."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._chunk = b""
        self._used = 0

    def readable(self) -> bool:
        """Return True: the file can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the rest of the present chunk, at most `size` bytes; b"" at the end."""
        while self._used == len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._chunk, self._used = chunk, 0
        end = len(self._chunk) if size < 0 else min(self._used + size, len(self._chunk))
        piece = self._chunk[self._used : end]
        self._used = end
        return piece
