"""Opens a review file, plain, compressed, zip or tar, as a stream of members.

The sender is not trusted. Of a zip only the methods stored and deflate are allowed, and its members may not overlap:
with overlapping ones, a few bytes could be read a thousand times. A tar is read as a stream, and must have its end mark
with nothing but zeros after it; a header that would cost Python's tarfile hours or all memory is refused before tarfile
reads it. If several members have the same name, each is read.
"""

import re
import stat
import tarfile
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO, Any

from data_contracts.errors import FileRefusedError
from tasks.inbox.source_files import is_marker
from tasks.reading.formats import (
    MAGIC_BYTES,
    UNKNOWN,
    format_of,
    is_archive,
    require_content,
    split_format,
)
from tasks.reading.streams import (
    CHUNK_BYTES,
    ContainerLimits,
    Guard,
    decompress,
    limit,
    meter,
    open_file,
    read_stream,
)
from tasks.support.refusals import refusal, refusing
from tasks.support.wording import count

_MAX_NAME_CHARACTERS = 1000
"""A member's name is stored with each of its rows and shown in messages."""
_NAME_SHOWN = 100
_ROOT = re.compile("/|[A-Za-z]:")

_MAX_ZIP_LIST_BYTES = 256 << 20
_ZIP_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000

_TAR_HEADERS_WITH_DATA = {
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
}
_MAX_TAR_HEADER_BYTES = 1 << 20
_MAX_GLOBAL_RECORDS = 100
_RECORD = re.compile(rb"([0-9]{1,7}) ([^=\n]+)=")
_MANY_DIGITS = re.compile(rb"[0-9]{256}")
"""No file name has so many: it has at most 255 characters."""
_LINE_FEED = 0x0A
_END_MARK = bytes(tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Member:
    """One review file as a stream: a member of an archive, or a file that is no archive."""

    name: str | None
    """The member's path in the archive; None for a file that is no archive."""
    format: str
    """The format without compression: 'csv', 'tsv', 'jsonl', 'parquet' or 'text'."""
    chunks: Iterator[bytes]
    """The unpacked content. It must be read before the next member is."""
    file_name: str
    """The last part of the path, with the ending of the compression."""
    on_disk: IO[bytes] | None = None
    """The open file if its content is not compressed; its position may be after the start."""


def iterate_file(
    path: Path, limits: ContainerLimits, root: Path | None = None, wanted: str | None = None
) -> Generator[Member, None, None]:
    """Open a file, plain, compressed, zip or tar, and yield the review files in it, in order.

    These are the members of a zip or tar, else the file itself. Of an archive, only members whose paths match the
    pattern `wanted` are read. Below the folder `root`, by default the file's own, no link is followed. Folders, hidden
    members and __MACOSX are skipped. Raises `FileRefusedError`, possibly after some members, if any other member is not
    a review file, or if the container is unsafe, damaged or too large.
    """
    format_name = format_of(path)
    if format_name == UNKNOWN:
        name = _to_storable(path.name)
        raise refusal("format_unknown", f"the name '{name}' has no ending that is read")
    size = measure_file(path)
    guard = limit(limits.count_bytes(size, limits.total_bytes), "the file unpacks to")
    limits = replace(limits, members=min(limits.members, limits.count_rows(size)))
    base, compression = split_format(format_name)
    with open_file(path, root) as file:
        with refusing("file_unreadable", lambda: "its first bytes can't be read from disk"):
            head = file.peek(MAGIC_BYTES)
        require_content(compression or base, head)
        if format_name == "zip":
            yield from _iterate_zip(file, limits, guard, wanted)
        elif base == "tar":
            chunks = _unpack(read_stream(file, size), compression, guard)
            yield from _iterate_tar(chunks, limits, guard, wanted)
        else:
            chunks = _unpack(read_stream(file, size), compression, guard, limit(limits.member_bytes))
            yield _check_first_bytes(Member(None, base, chunks, path.name, None if compression else file))


def measure_file(path: Path) -> int:
    """Return the size of a regular file in bytes; refuse links, other kinds of file, and empty or missing files."""
    with refusing("file_unreadable", lambda: "the file is not there, or its folder can't be read"):
        status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise refusal("link_refused", "links are not followed")
    if not stat.S_ISREG(status.st_mode):
        raise refusal("file_unreadable", "this is a folder, a pipe or a device, not a file")
    if status.st_size == 0:
        raise refusal("file_empty", "the file has 0 bytes")
    return status.st_size


@contextmanager
def naming_member(name: str | None) -> Iterator[None]:
    """Add the member's name to any refusal raised inside; `name` is None for a file that is no archive."""
    try:
        yield
    except FileRefusedError as error:
        if name is None:
            raise
        raise FileRefusedError(error.rule, f"member '{name}': {error.detail}") from error


def _open_member(
    name: str, size: int, chunks: Iterator[bytes], limits: ContainerLimits, guard: Guard
) -> Member:
    """Open a member of an archive, which states `size` bytes for it; refuse a member that is no review file."""
    path = PurePosixPath(_to_storable(name))
    with naming_member(str(path)):
        format_name = format_of(path)
        if is_archive(path):
            raise refusal("member_nested_archive", "it is an archive itself")
        if format_name == UNKNOWN:
            problem = "its name has no ending that is read; if it has no reviews, take it out"
            raise refusal("format_unknown", problem)
        limit(limits.member_bytes)(size)
        base, compression = split_format(format_name)
        chunks = _unpack(chunks, compression, guard, limit(limits.member_bytes))
        return _check_first_bytes(Member(str(path), base, chunks, path.name))


def _check_first_bytes(member: Member) -> Member:
    """Refuse a member whose first bytes contradict its format, or that is empty; return it with all its bytes.

    Only a text file in an archive may be empty.
    """
    head = next(member.chunks, b"")
    if not head and (member.format != "text" or member.name is None):
        raise refusal("file_empty", "there is not one byte of content")
    require_content(member.format, head)
    return replace(member, chunks=chain([head], member.chunks))


def _unpack(chunks: Iterator[bytes], compression: str | None, *guards: Guard) -> Iterator[bytes]:
    """Decompress chunks under `guards`; uncompressed chunks are passed on, since they can't be a bomb."""
    return chunks if compression is None else meter(decompress(chunks, compression), *guards)


def _is_read(name: str, wanted: str | None) -> bool:
    """Return whether a member is read: not hidden or a marker, and of the pattern `wanted`, if there is one.

    Refuses a name that is too long or leaves the archive.
    """
    shown = _to_storable(name)
    if len(shown) > _MAX_NAME_CHARACTERS:
        length = f"{len(shown):,} characters, the limit is {_MAX_NAME_CHARACTERS:,}"
        raise refusal(
            "member_name_unsafe", f"a member's name has {length}; it begins with '{shown[:_NAME_SHOWN]}'"
        )
    parts = PurePosixPath(shown).parts
    if not parts or _ROOT.match(shown) or ".." in parts:
        raise refusal("member_name_unsafe", f"a member is called '{shown}'")
    is_hidden = "__MACOSX" in parts or any(part.startswith(".") for part in parts)
    return not (is_hidden or is_marker(parts[-1])) and (wanted is None or fnmatchcase(shown, wanted))


def _to_storable(name: str) -> str:
    """Return a name as valid Unicode with '/' as separator: some zips use Windows' one, some tars another encoding."""
    return name.replace("\\", "/").encode("utf-8", "surrogateescape").decode("utf-8", "replace")


# Zip


class _ZipSource:
    """The file that zipfile reads from; it refuses a list of members that would fill the memory before it is read."""

    def __init__(self, file: IO[bytes], count: Guard) -> None:
        self._file, self._count = file, count
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes; refuse a list of members that is too large or has too many members.

        zipfile reads the list of members at once; all its other reads are small.
        """
        if size > _MAX_ZIP_LIST_BYTES:
            raise refusal("bomb_suspected", f"the zip's list of members claims {size:,} bytes")
        data = self._file.read(size)
        if data.startswith(zipfile.stringCentralDir):  # type: ignore[attr-defined]
            self._count(data.count(zipfile.stringCentralDir))  # type: ignore[attr-defined]
        return data


def _iterate_zip(
    file: IO[bytes], limits: ContainerLimits, guard: Guard, wanted: str | None
) -> Iterator[Member]:
    """Yield the review files of a zip; `guard` is called with the bytes that they unpack to."""
    with refusing("archive_broken", lambda: "the zip's list of members can't be read"):
        archive = zipfile.ZipFile(_ZipSource(file, _limit_members(limits)))
    infos = archive.infolist()
    end = archive.start_dir
    for info in sorted(infos, key=lambda info: info.header_offset, reverse=True):
        if info.header_offset + zipfile.sizeFileHeader + info.compress_size > end:  # type: ignore[attr-defined]
            name = _to_storable(info.filename)[:_NAME_SHOWN]
            raise refusal("bomb_suspected", f"the member '{name}' overlaps another, or the list of members")
        end = info.header_offset
    review_files = [info for info in infos if _is_review_file(info, wanted)]
    if not review_files:
        raise refusal("archive_empty", f"of its {count(len(infos), 'member')} none is a review file")
    # zipfile returns no more bytes than a member's stated size, so the stated sizes can be checked beforehand.
    guard(sum(info.file_size for info in review_files))
    for info in review_files:
        yield _open_member(info.filename, info.file_size, _read_zipped(archive, info), limits, guard)


def _is_review_file(info: zipfile.ZipInfo, wanted: str | None) -> bool:
    """Return False for folders and hidden members of a zip; refuse links, devices, encryption and other methods."""
    visible = _is_read(info.filename, wanted)
    with naming_member(_to_storable(info.filename)):
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise refusal("member_not_a_file", "it is a link or a device")
        if info.is_dir() or not visible:
            return False
        if info.flag_bits & _ENCRYPTED_FLAGS:
            raise refusal("archive_encrypted", "it is encrypted")
        if info.compress_type not in _ZIP_METHODS:
            problem = f"it is compressed by method {info.compress_type}, not stored or deflate"
            raise refusal("archive_broken", problem)
    return True


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the content of a member of a zip; check its checksum and its size at the end."""
    done = 0
    with (
        refusing("archive_broken", lambda: f"its data is damaged or cut off somewhere after {done:,} bytes"),
        archive.open(info) as content,
    ):
        while chunk := content.read(CHUNK_BYTES):
            done += len(chunk)
            yield chunk
    if done != info.file_size:
        raise refusal("archive_broken", f"it has {done:,} bytes where the zip states {info.file_size:,}")


def _limit_members(limits: ContainerLimits) -> Guard:
    """Return a guard for the number of members, skipped ones too."""
    return limit(limits.members, "there are", "members")


# Tar


def _iterate_tar(
    chunks: Iterator[bytes], limits: ContainerLimits, guard: Guard, wanted: str | None
) -> Iterator[Member]:
    """Yield the review files of a tar; `guard` is called with the bytes of compressed members as they are unpacked."""
    is_empty = True
    for info, content in walk_tar(chunks, limits):
        visible = _is_read(info.name, wanted)
        if not info.isdir() and (not info.isreg() or info.issparse()):
            raise _refuse_kind(info.name)
        if visible and not info.isdir():
            is_empty = False
            yield _open_member(info.name, info.size, content, limits, guard)
    if is_empty:
        raise refusal("archive_empty", "no entry of the tar is a review file")


def walk_tar(
    chunks: Iterator[bytes], limits: ContainerLimits
) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """Yield each entry of a tar with its content, which must be read before the next entry is.

    Raises `FileRefusedError`: archive_broken, bomb_suspected, member_not_a_file (only for sparse files). After the
    first entry, tarfile takes a header that is damaged or cut off for the end of the tar.
    """
    count, stream = _limit_members(limits), _ForwardFile(chunks)
    damaged = refusal("archive_broken", "the tar ends, or a header is damaged, before its end mark")
    with refusing("archive_broken", lambda: "the tar is damaged or cut off"):
        try:
            archive = tarfile.TarFile(fileobj=stream, tarinfo=_StrictTarInfo)  # type: ignore[arg-type]
            while (info := archive.next()) is not None:
                # tarfile keeps every member: memory would grow with their number.
                archive.members.clear()  # type: ignore[attr-defined]
                count(1)
                yield info, _read_content(stream, info.size)
        except tarfile.TarError as error:
            raise damaged from error
        if stream.last_read != _END_MARK:
            raise damaged
        # This checks the last checksum of a .tar.gz, too.
        if any(rest.strip(b"\0") for rest in stream.drain()):
            raise refusal("archive_broken", "more follows its end mark, as where two tars were joined")


def _read_content(stream: "_ForwardFile", left: int) -> Iterator[bytes]:
    """Yield the content of a member of a tar; refuse a tar that ends in it."""
    while left > 0:
        chunk = stream.read(min(left, CHUNK_BYTES))
        if not chunk:
            raise refusal("archive_broken", "the tar ends in the middle of it")
        left -= len(chunk)
        yield chunk


class _ForwardFile:
    """A file for tarfile over an iterator of chunks: it can only be read forward."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._used = 0
        self._position = 0
        self.last_read = b""
        """What was read last; after the last header, the end mark."""

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int) -> None:
        """Skip forward to `offset`, or to the end if that comes first."""
        if offset < self._position:
            raise tarfile.ReadError("a member that begins before the end of the one before it")
        while offset - self._position > len(self._chunk) - self._used:
            self._position += len(self._chunk) - self._used
            self._chunk, self._used = next(self._chunks, b""), 0
            if not self._chunk:
                return
        self._used += offset - self._position
        self._position = offset

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end, without moving on."""
        while len(self._chunk) - self._used < size and (more := next(self._chunks, b"")):
            self._chunk, self._used = self._chunk[self._used :] + more, 0
        return self._chunk[self._used : self._used + size]

    def read(self, size: int) -> bytes:
        """Read and return `size` bytes, fewer at the end."""
        data = self.peek(size)
        self._used += len(data)
        self._position += len(data)
        self.last_read = data
        return data

    def drain(self) -> Iterator[bytes]:
        """Yield all bytes that are left."""
        yield self._chunk[self._used :]
        yield from self._chunks


class _StrictTarInfo(tarfile.TarInfo):
    """Refuses a header before tarfile reads what belongs to it: an oversized one, and that of a sparse file."""

    def _proc_member(self, archive: Any) -> tarfile.TarInfo:
        """Check what a header claims."""
        if self.size < 0 or (self.type in _TAR_HEADERS_WITH_DATA and self.size > _MAX_TAR_HEADER_BYTES):
            raise refusal("bomb_suspected", f"a header in the tar claims {self.size:,} bytes")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise _refuse_kind(self.name)
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]

    def _proc_pax(self, archive: Any) -> tarfile.TarInfo:
        """Check the records of an extended (pax) header before tarfile reads them."""
        data = archive.fileobj.peek(self.size)
        records = _count_records(data.rstrip(b"\0"), self.type == tarfile.XGLTYPE)
        # tarfile goes through all fields of global headers once more for each member
        if self.type == tarfile.XGLTYPE and len(archive.pax_headers) + records > _MAX_GLOBAL_RECORDS:
            raise refusal(
                "bomb_suspected", f"the tar sets more than {_MAX_GLOBAL_RECORDS} fields for all members"
            )
        return super()._proc_pax(archive)  # type: ignore[misc, no-any-return]


def _count_records(data: bytes, is_for_all: bool) -> int:
    """Return the number of records `LENGTH KEY=VALUE` of an extended header; refuse a damaged one, or of a sparse file.

    tarfile drops a member of a negative size and cuts all members to a size that is for all. On overlapping records and
    numbers of many digits, its time grows with the square of the header's size.
    """
    start = records = 0
    while start < len(data):
        record = _RECORD.match(data, start)
        stop = start + int(record[1]) if record else 0
        if record is None or not record.end() < stop <= len(data) or data[stop - 1] != _LINE_FEED:
            raise refusal("archive_broken", "an extended header of the tar is damaged")
        if record[2].startswith(b"GNU.sparse."):
            raise _refuse_kind("a member")
        if record[2] == b"size" and (is_for_all or b"-" in data[record.end() : stop]):
            raise refusal(
                "archive_broken", "an extended header of the tar has a size that no member can have"
            )
        start, records = stop, records + 1
    if _MANY_DIGITS.search(data):
        raise refusal("bomb_suspected", "an extended header of the tar has a number of more than 255 digits")
    return records


def _refuse_kind(name: str) -> FileRefusedError:
    """Return the refusal of a member of a tar that is no plain file."""
    return refusal("member_not_a_file", f"'{_to_storable(name)}' is a link, a device or a sparse file")
