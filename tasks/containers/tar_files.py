"""Walks through a tar: it must have its end mark, and nothing but zeros after it.

Its headers are a stranger's: one that Python's tarfile would take hours or all memory for is refused before it is
read. Of members with the same name each is read.
"""

import re
import tarfile
from collections.abc import Iterator
from typing import Any

from data_contracts.errors import FileRefusedError
from tasks.containers.members import (
    ContainerLimits,
    Member,
    Spend,
    count_members,
    is_wanted,
    open_member,
    show_name,
)
from tasks.containers.streams import CHUNK_BYTES
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
"""More than a file's name can have."""
_LINE_FEED = 0x0A


class _ForwardFile:
    """The file that tarfile needs, over chunks that come only once: it never goes back."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk = b""
        self._used = 0
        self._position = 0

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int) -> None:
        """Go forward to `offset`, or to the end if that comes first."""
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
        """Give the next `size` bytes, fewer at the end, and stay before them."""
        while len(self._chunk) - self._used < size and (more := next(self._chunks, b"")):
            self._chunk, self._used = self._chunk[self._used :] + more, 0
        return self._chunk[self._used : self._used + size]

    def read(self, size: int) -> bytes:
        """Read `size` bytes, fewer at the end."""
        data = self.peek(size)
        self._used += len(data)
        self._position += len(data)
        return data

    def drain(self) -> Iterator[bytes]:
        """Give all that is left."""
        yield self._chunk[self._used :]
        yield from self._chunks


class _StrictTarInfo(tarfile.TarInfo):
    """Refuses a header that is damaged, cut off or oversized, which tarfile alone would take for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_StrictTarInfo":
        """Read one header block of 512 bytes."""
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):  # The end mark.
                raise
            raise refusal(
                "archive_broken", "the tar ends, or a header is damaged, before its end mark"
            ) from error
        if info.size < 0 or (info.type in _TAR_HEADERS_WITH_DATA and info.size > _MAX_TAR_HEADER_BYTES):
            raise refusal("bomb_suspected", f"a header in the tar claims {info.size:,} bytes")
        if info.type == tarfile.GNUTYPE_SPARSE:
            raise _refuse_kind(info.name)
        return info

    def _proc_pax(self, archive: Any) -> tarfile.TarInfo:
        """Check the records of a further header before tarfile reads them."""
        data = archive.fileobj.peek(self.size)
        _require_records(data.rstrip(b"\0"))
        if len(archive.pax_headers) > _MAX_GLOBAL_RECORDS:
            raise refusal(
                "bomb_suspected", f"the tar sets more than {_MAX_GLOBAL_RECORDS} fields for all members"
            )
        return super()._proc_pax(archive)  # type: ignore[misc, no-any-return]


def _require_records(data: bytes) -> None:
    """Refuse a further header that is not one `LENGTH KEY=VALUE` after the other, or that is of a sparse file.

    Where records overlap, or have many digits, tarfile takes time by the square of the header's size.
    """
    start = 0
    while start < len(data):
        record = _RECORD.match(data, start)
        stop = start + int(record[1]) if record else 0
        if record is None or not record.end() < stop <= len(data) or data[stop - 1] != _LINE_FEED:
            raise refusal("archive_broken", "a further header of the tar is damaged")
        if record[2].startswith(b"GNU.sparse."):
            raise _refuse_kind("a member")
        start = stop
    if _MANY_DIGITS.search(data):
        raise refusal("bomb_suspected", "a further header of the tar has a number of more than 255 digits")


def _refuse_kind(name: str) -> FileRefusedError:
    return refusal("member_not_a_file", f"'{show_name(name)}' is a link, a device or a sparse file")


def iterate_tar(chunks: Iterator[bytes], limits: ContainerLimits, spend: Spend) -> Iterator[Member]:
    """Give the members of a tar that are review files; `spend` counts the bytes that they unpack to."""
    found = False
    for info, content in walk_tar(chunks, limits):
        if _is_tar_member(info):
            found = True
            yield open_member(info.name, info.size, content, limits, spend)
    if not found:
        raise refusal("archive_empty", "no entry of the tar is a review file")


def walk_tar(
    chunks: Iterator[bytes], limits: ContainerLimits
) -> Iterator[tuple[tarfile.TarInfo, Iterator[bytes]]]:
    """Give each entry of a tar and its content, which can be taken until the next entry is.

    Raises `FileRefusedError`: archive_broken, bomb_suspected, member_not_a_file (for sparse files alone).
    """
    count, stream = count_members(limits), _ForwardFile(chunks)
    with refusing("archive_broken", lambda: "the tar is damaged or cut off"):
        archive = tarfile.TarFile(fileobj=stream, tarinfo=_StrictTarInfo)  # type: ignore[arg-type]
        while (info := archive.next()) is not None:
            count(1)
            # It remembers every member: memory would grow with their number.
            archive.members.clear()  # type: ignore[attr-defined]
            yield info, _read_content(stream, info.size)
        # This checks the last checksum of a .tar.gz, too.
        if any(rest.strip(b"\0") for rest in stream.drain()):
            raise refusal("archive_broken", "more follows its end mark, as where two tars were joined")


def _read_content(stream: _ForwardFile, left: int) -> Iterator[bytes]:
    while left > 0:
        chunk = stream.read(min(left, CHUNK_BYTES))
        if not chunk:
            raise refusal("archive_broken", "the tar ends in the middle of it")
        left -= len(chunk)
        yield chunk


def _is_tar_member(info: tarfile.TarInfo) -> bool:
    """Refuse what may not be in a tar, and tell whether this member is one that is read."""
    wanted = is_wanted(info.name)
    if not info.isdir() and (not info.isreg() or info.issparse()):
        raise _refuse_kind(info.name)
    return wanted and not info.isdir()
