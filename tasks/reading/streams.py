"""Iterators of byte chunks: read from disk, decompressed, limited, or held as a seekable file.

Only a chunk is in memory at a time, so memory does not grow with a file's size. Gzip data may have several members,
zstd data several frames, bzip2 and xz data several streams; a file with any other bytes after the last one, zeros too,
is refused.
"""

import bz2
import io
import lzma
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from tasks.inbox.opening import open_regular
from tasks.support.refusals import refusal, refusing

CHUNK_BYTES = 1 << 20
_FIRST_BYTES = 1 << 10
"""Bytes that are given to the decompressor of a stream at first, then twice as many each time."""
_HELD_IN_MEMORY_BYTES = 64 << 20
_XZ_MEMORY = 256 << 20
"""Most bytes that unpacking xz data may take; `xz -9` needs 65 MiB. The data states how much it needs."""
_CODECS = {"gz": "gzip", "zst": "zstd", "bz2": "bzip2", "xz": "xz"}

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

    def count_bytes(self, size: int, most: int) -> int:
        """Return how many bytes, at most `most`, a file of `size` bytes may unpack to."""
        return min(most, max(self.unsuspected_bytes, self.ratio * size))


def limit(most: int, what: str = "it unpacks to", unit: str = "bytes") -> Guard:
    """Return a guard against more than `most` bytes, or what else they are; `what` begins its message."""
    total = 0

    def guard(amount: int) -> None:
        nonlocal total
        total += amount
        if total > most:
            raise refusal("bomb_suspected", f"{what} more than {most:,} {unit}, the limit here")

    return guard


def meter(chunks: Iterator[bytes], *guards: Guard) -> Iterator[bytes]:
    """Yield the chunks; call each guard with the size of a chunk before it is yielded."""
    for chunk in chunks:
        for guard in guards:
            guard(len(chunk))
        yield chunk


def read_head(chunks: Iterator[bytes], size: int) -> bytes:
    """Return whole chunks from the start of a stream, until they have `size` bytes."""
    head = b""
    while len(head) < size and (more := next(chunks, None)) is not None:
        head += more
    return head


def cut_anew(chunks: Iterator[bytes], find_end: Callable[[bytes], int]) -> Iterator[bytes]:
    """Yield a stream in pieces, each up to where `find_end` says that it may be cut."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        end = find_end(data)
        rest = data[end:]
        yield data[:end]
    yield rest


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

    Raises `FileRefusedError`: compression_broken, or bomb_suspected for xz data that needs more than `_XZ_MEMORY`.
    """
    codec, done = _CODECS[compression], 0
    unpack = _unpack_streams if compression in ("bz2", "xz") else _unpack_by_arrow
    with refusing(
        "compression_broken", lambda: f"the {codec} data is not valid somewhere after {done:,} unpacked bytes"
    ):
        for chunk in _join(unpack(chunks, codec)):
            done += len(chunk)
            yield chunk


def _join(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield pieces, such as those of many short streams, as chunks of at least `CHUNK_BYTES` and a last one.

    What reads them does something for each chunk, whatever its size.
    """
    waiting, size = list[bytes](), 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK_BYTES:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _unpack_by_arrow(chunks: Iterator[bytes], codec: str) -> Iterator[bytes]:
    """Decompress gzip members or zstd frames."""
    stream = pa.CompressedInputStream(pa.PythonFile(_ChunkFile(chunks), mode="r"), codec)
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


class _ChunkFile(io.RawIOBase):
    """A file for Arrow over an iterator of chunks: it is read once, by fewer bytes than asked for at the end of one."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks, self._rest = chunks, memoryview(b"")

    def readable(self) -> bool:
        """Return True: the file can be read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return at most `size` of the next bytes; b"" at the end."""
        while not self._rest and (chunk := next(self._chunks, None)) is not None:
            self._rest = memoryview(chunk)
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)


def _unpack_streams(chunks: Iterator[bytes], codec: str) -> Iterator[bytes]:
    """Decompress bzip2 or xz streams, which may follow each other; raise `EOFError` if the last one is cut off."""

    def start() -> bz2.BZ2Decompressor | lzma.LZMADecompressor:
        return (
            bz2.BZ2Decompressor() if codec == "bzip2" else lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY)
        )

    unpacker, given = start(), CHUNK_BYTES
    for chunk in chunks:
        data, place = memoryview(chunk), 0
        while place < len(data) or not (unpacker.needs_input or unpacker.eof):
            if unpacker.eof:
                # It copies what follows the end of a stream: of many short streams a chunk would be copied for each.
                unpacker, given = start(), _FIRST_BYTES
            end = min(place + given, len(data))
            try:
                piece = unpacker.decompress(data[place:end], CHUNK_BYTES)
            except lzma.LZMAError as error:
                if "limit" not in str(error):
                    raise
                problem = (
                    f"its xz data takes more than {_XZ_MEMORY >> 20} MiB of memory to unpack, the limit here"
                )
                raise refusal("bomb_suspected", problem) from error
            # What follows a stream may have been given before what was given last.
            place = end - len(unpacker.unused_data)
            given = min(2 * given, CHUNK_BYTES)
            if piece:
                yield piece
    if not unpacker.eof:
        raise EOFError


@contextmanager
def hold_content(chunks: Iterator[bytes]) -> Iterator[IO[bytes]]:
    """Copy all chunks into a seekable file: in memory up to `_HELD_IN_MEMORY_BYTES`, beyond that on disk.

    The file on disk has no name; it is deleted when it is closed or the process ends.
    """
    with tempfile.SpooledTemporaryFile(_HELD_IN_MEMORY_BYTES) as held:
        for chunk in chunks:
            with refusing("file_unreadable", lambda: "there is no space for a temporary copy of it"):
                held.write(chunk)
        held.seek(0)
        yield held
