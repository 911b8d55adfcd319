"""The files of an archive as a stream: every name and size is checked first, nothing is unpacked to disk.

Needs an archive in the layout of `data_contracts.archive`, packed as .tar.gz or .tar.
"""

import io
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from data_contracts.archive import (
    FOLDERS,
    MAX_COMPRESSION_RATIO,
    MAX_MEMBERS,
    MAX_REVIEW_BYTES,
    MAX_SKIPPED_BYTES,
    MAX_TOTAL_BYTES,
    MAX_URL_LIST_BYTES,
    MEBIBYTE,
    ROOT,
    SKIPPED_FILES,
    UNSUSPECTED_BYTES,
    Folder,
)
from data_contracts.errors import SourceError

NEXT_STEP = "Next: fetch the archive anew, or name another one with --archive."

URL_LISTS = {f"{split}/urls_{label}.txt": (split, label) for split, label in FOLDERS}
_DIRECTORIES = {"", *(split for split, _ in FOLDERS), *(f"{split}/{label}" for split, label in FOLDERS)}
_REVIEW_PATH = re.compile(r"([a-z]+)/([a-z]+)/(0|[1-9][0-9]{0,8})_([0-9]|10)\.txt")
_OTHER_FORMATS = {
    b"<": "a web page",
    b"PK": "a zip file",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
}
# Besides its own errors, tarfile raises these on headers that no tar program writes.
_TAR_ERRORS = (tarfile.TarError, EOFError, ValueError, LookupError, ArithmeticError, RecursionError)


@dataclass(frozen=True)
class ReviewName:
    """What the path of a review says: its folder, its number and its rating in stars (0: unknown)."""

    folder: Folder
    number: int
    rating: int


def read_files(
    path: Path, source: BinaryIO, update: Callable[[bytes], None], report: Callable[[int], None]
) -> Iterator[tuple[str, ReviewName | None, bytes]]:
    """Give path below the root, review name (None for a URL list) and bytes of every file that is kept.

    `source` is the open archive, `path` its name in errors. `update` gets the archive's own bytes, `report` their
    number since its last call. Raises `SourceError` on anything that the layout does not foresee.
    """
    yield from _iterate_kept(path, _unpack(path, _read_blocks(source, update, report)))


def parse_review_name(path: str) -> ReviewName | None:
    """Read a review's path below the root, such as 'train/pos/12_8.txt'; None if it is not one."""
    match = _REVIEW_PATH.fullmatch(path)
    if match is None:
        return None
    split, label, number, rating = match.groups()
    folder = (split, label)
    return ReviewName(folder, int(number), int(rating)) if folder in FOLDERS else None


def refuse(path: Path, reason: str) -> SourceError:
    """Make the error for an archive that the layout does not foresee: its path, the reason and what to do next."""
    return SourceError(f"{path}: {reason}. {NEXT_STEP}")


# From the file to the tar's bytes


def _read_blocks(
    source: BinaryIO, update: Callable[[bytes], None], report: Callable[[int], None]
) -> Iterator[bytes]:
    while block := source.read(MEBIBYTE // 4):
        update(block)
        report(len(block))
        yield block


def _unpack(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Give the bytes of the tar, whether it is gzipped or not, and stop where they become too many."""
    first = next(blocks, b"")
    if not first:
        raise refuse(path, "the file is empty")
    pieces = chain([first], blocks)
    total = 0
    for piece in _gunzip(path, pieces) if first.startswith(b"\x1f\x8b") else pieces:
        total += len(piece)
        if total > MAX_TOTAL_BYTES:
            raise refuse(path, f"it unpacks to more than {MAX_TOTAL_BYTES // MEBIBYTE} MiB, the limit")
        yield piece


def _gunzip(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip members to their end, in pieces of at most 1 MiB; their checksums are checked."""
    unzip = zlib.decompressobj(wbits=31)
    packed = unpacked = 0
    for block in blocks:
        packed += len(block)
        rest = block
        while rest:
            if unzip.eof:
                rest = rest.lstrip(b"\0")  # Some tapes and mirrors pad a gzip file with zeros.
                if not rest:
                    break
                unzip = zlib.decompressobj(wbits=31)
            piece = _inflate(path, unzip, rest, packed)
            unpacked += len(piece)
            if unpacked > max(UNSUSPECTED_BYTES, MAX_COMPRESSION_RATIO * packed):
                raise refuse(path, f"it unpacks to more than {MAX_COMPRESSION_RATIO} times its size: a bomb")
            if piece:
                yield piece
            rest = unzip.unconsumed_tail or unzip.unused_data
    if not unzip.eof:
        raise refuse(path, f"the gzip file is cut off after {packed} bytes")


def _inflate(path: Path, unzip: "zlib._Decompress", data: bytes, packed: int) -> bytes:
    try:
        return unzip.decompress(data, MEBIBYTE)
    except zlib.error as error:
        raise refuse(path, f"the gzip file is damaged within its first {packed} bytes") from error


# From the tar's bytes to the files that are kept


class _ForwardFile(io.RawIOBase):
    """The file object that tarfile needs, over pieces that come only once: it never goes back."""

    def __init__(self, path: Path, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self.last_read = b""
        self._path = path
        self._pieces = pieces
        self._piece = b""
        self._used = 0
        self._position = 0

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go forward to `offset`, or to the end if that comes first."""
        if whence != 0 or offset < self._position:
            raise tarfile.ReadError("a member that begins before the end of the one before it")
        while offset - self._position > len(self._piece) - self._used:
            self._position += len(self._piece) - self._used
            self._piece, self._used = next(self._pieces, b""), 0
            if not self._piece:
                return self._position
        self._used += offset - self._position
        self._position = offset
        return offset

    def drain(self) -> Iterator[bytes]:
        """Give all that is left, piece by piece."""
        yield self._piece[self._used :]
        yield from self._pieces

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes, fewer at the end; a header may claim any size, so it is limited."""
        if not 0 <= size <= MAX_URL_LIST_BYTES:
            raise tarfile.ReadError(f"a header that claims {size} bytes")
        while len(self._piece) - self._used < size:
            more = next(self._pieces, b"")
            if not more:
                break
            self._piece, self._used = self._piece[self._used :] + more, 0
        self.last_read = self._piece[self._used : self._used + size]
        self._used += len(self.last_read)
        self._position += len(self.last_read)
        return self.last_read


def _iterate_kept(path: Path, pieces: Iterator[bytes]) -> Iterator[tuple[str, ReviewName | None, bytes]]:
    stream = _ForwardFile(path, pieces)
    others: set[str] = set()
    for member in _iterate_members(path, stream):
        name = _require_safe_name(path, member)
        review = parse_review_name(name)
        if member.isdir():
            _require_known_directory(path, member, name)
            continue
        _require_plain_file(path, member)
        _require_size(path, member, _find_limit(path, member, name, review))
        if name in others:
            raise refuse(path, f"{member.name!r} comes twice")
        if review is None:
            others.add(name)
        if name not in SKIPPED_FILES:
            yield name, review, _read_member(path, stream, member)


def _iterate_members(path: Path, stream: _ForwardFile) -> Iterator[tarfile.TarInfo]:
    """Give the members in their order; the stream stands at a member's first byte when it is given."""
    count = 0
    try:
        archive = tarfile.TarFile(fileobj=stream, mode="r")
        while (member := archive.next()) is not None:
            count += 1
            if count > MAX_MEMBERS:
                raise refuse(path, f"it has more than {MAX_MEMBERS} members, the limit")
            yield member
            # Kept by tarfile for good, they would take as much memory as the texts.
            archive.members.clear()  # type: ignore[attr-defined]
    except _TAR_ERRORS as error:
        raise _describe_damage(path, stream, count, error) from error
    _require_end(path, stream)


def _describe_damage(path: Path, stream: _ForwardFile, count: int, error: Exception) -> SourceError:
    reason = error if isinstance(error, tarfile.TarError) else "a broken header"
    if count:
        return refuse(path, f"the tar is damaged near its byte {stream.tell()} ({reason})")
    start = stream.last_read.lstrip()
    known = [name for magic, name in _OTHER_FORMATS.items() if start.startswith(magic)]
    looks = f"; it looks like {known[0]}" if known else ""
    return refuse(path, f"it is no .tar.gz or .tar archive ({reason}){looks}")


def _require_end(path: Path, stream: _ForwardFile) -> None:
    """Make sure that the archive ended where it should: tarfile takes damage for an end."""
    if len(stream.last_read) < tarfile.BLOCKSIZE:
        raise refuse(path, f"the tar is cut off after {stream.tell()} bytes")
    if stream.last_read.strip(b"\0"):
        raise refuse(path, f"the tar is damaged near its byte {stream.tell()} (a broken header)")
    if any(piece.strip(b"\0") for piece in stream.drain()):
        raise refuse(path, "the tar goes on after its end")


def _require_safe_name(path: Path, member: tarfile.TarInfo) -> str:
    """Give the member's path below the root, '' for the root itself."""
    name = member.name.removeprefix("./")
    if name.startswith("/") or "\\" in name or ".." in name.split("/"):
        raise refuse(path, f"the name {member.name!r} leads out of the archive")
    if name in (".", ROOT):
        return ""
    if not name.startswith(f"{ROOT}/"):
        raise refuse(path, f"{member.name!r} is not in the root folder '{ROOT}'")
    return name.removeprefix(f"{ROOT}/")


def _require_known_directory(path: Path, member: tarfile.TarInfo, name: str) -> None:
    if name not in _DIRECTORIES:
        raise refuse(path, f"the folder {member.name!r} has no place in the layout")


def _require_plain_file(path: Path, member: tarfile.TarInfo) -> None:
    kinds = {
        tarfile.SYMTYPE: "a symbolic link",
        tarfile.LNKTYPE: "a hard link",
        tarfile.CHRTYPE: "a device",
        tarfile.BLKTYPE: "a device",
        tarfile.FIFOTYPE: "a named pipe",
    }
    if member.issparse() or member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
        kind = kinds.get(member.type, "a special member")
        raise refuse(path, f"{member.name!r} is {kind}, not a plain file")


def _find_limit(path: Path, member: tarfile.TarInfo, name: str, review: ReviewName | None) -> int:
    """Give the bytes that a file may have by its place in the layout; refuse it where it has none."""
    if review is not None:
        return MAX_REVIEW_BYTES
    if name in URL_LISTS:
        return MAX_URL_LIST_BYTES
    if name in SKIPPED_FILES:
        return MAX_SKIPPED_BYTES
    if name.rpartition("/")[0] in _DIRECTORIES and name.count("/") == 2:
        raise refuse(path, f"{member.name!r} is not named ID_RATING.txt (rating 0 to 10)")
    raise refuse(path, f"the file {member.name!r} has no place in the layout")


def _require_size(path: Path, member: tarfile.TarInfo, limit: int) -> None:
    if not 0 <= member.size <= limit:
        raise refuse(path, f"{member.name!r} claims {member.size} bytes, the limit is {limit}")


def _read_member(path: Path, stream: _ForwardFile, member: tarfile.TarInfo) -> bytes:
    data = stream.read(member.size)
    if len(data) < member.size:
        raise refuse(path, f"the tar is cut off within {member.name!r}")
    return data
