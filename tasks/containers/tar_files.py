"""Reads a tar as a stream; it must have its end mark, with nothing but zeros after it.

The sender of a file is not trusted: a header that would cost Python's tarfile hours or all memory is refused before
tarfile reads it. If several members have the same name, each is read.
"""

import re
import tarfile
from collections.abc import Iterator
from typing import Any

from data_contracts.errors import FileRefusedError
from tasks.containers.members import Member, is_read, open_member, to_storable
from tasks.containers.streams import CHUNK_BYTES
from tasks.containers.unpacking_limits import ContainerLimits, Guard, limit_members
from tasks.support.refusals import refusal, refusing

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
    return refusal("member_not_a_file", f"'{to_storable(name)}' is a link, a device or a sparse file")


def iterate_tar(
    chunks: Iterator[bytes], limits: ContainerLimits, guard: Guard, wanted: str | None = None
) -> Iterator[Member]:
    """Yield the review files of a tar; `guard` is called with the bytes of compressed members as they are unpacked."""
    is_empty = True
    for info, content in walk_tar(chunks, limits):
        if _is_review_file(info, wanted):
            is_empty = False
            yield open_member(info.name, info.size, content, limits, guard)
    if is_empty:
        raise refusal("archive_empty", "no entry of the tar is a review file")


def walk_tar(
    chunks: Iterator[bytes], limits: ContainerLimits
) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """Yield each entry of a tar with its content, which must be read before the next entry is.

    Raises `FileRefusedError`: archive_broken, bomb_suspected, member_not_a_file (only for sparse files).
    """
    count, stream = limit_members(limits), _ForwardFile(chunks)
    with refusing("archive_broken", lambda: "the tar is damaged or cut off"):
        for info in _read_headers(stream):
            count(1)
            yield info, _read_content(stream, info.size)
        # This checks the last checksum of a .tar.gz, too.
        if any(rest.strip(b"\0") for rest in stream.drain()):
            raise refusal("archive_broken", "more follows its end mark, as where two tars were joined")


def _read_headers(stream: _ForwardFile) -> Iterator[tarfile.TarInfo]:
    """Yield the header of each entry up to the end mark; refuse a tar that lacks it or has a damaged header.

    After the first entry, tarfile takes a header that is damaged or cut off for the end of the tar.
    """
    damaged = refusal("archive_broken", "the tar ends, or a header is damaged, before its end mark")
    try:
        archive = tarfile.TarFile(fileobj=stream, tarinfo=_StrictTarInfo)  # type: ignore[arg-type]
        while (info := archive.next()) is not None:
            # tarfile keeps every member: memory would grow with their number.
            archive.members.clear()  # type: ignore[attr-defined]
            yield info
    except tarfile.TarError as error:
        raise damaged from error
    if stream.last_read != _END_MARK:
        raise damaged


def _read_content(stream: _ForwardFile, left: int) -> Iterator[bytes]:
    """Yield the content of a member of a tar; refuse a tar that ends in it."""
    while left > 0:
        chunk = stream.read(min(left, CHUNK_BYTES))
        if not chunk:
            raise refusal("archive_broken", "the tar ends in the middle of it")
        left -= len(chunk)
        yield chunk


def _is_review_file(info: tarfile.TarInfo, wanted: str | None) -> bool:
    """Return False for folders and hidden members of a tar; refuse links, devices, sparse files and unsafe names."""
    visible = is_read(info.name, wanted)
    if not info.isdir() and (not info.isreg() or info.issparse()):
        raise _refuse_kind(info.name)
    return visible and not info.isdir()
