"""Walks through a tar: it must have its end mark, and nothing but zeros after it.

Its headers are a stranger's: one that Python's tarfile would take hours or all memory for is refused before it is
read. Of members with the same name each is read.
"""

import re
import tarfile
from collections.abc import Iterator
from typing import IO, Any

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
from tasks.containers.streams import CHUNK_BYTES, open_stream
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


class _ReadAgain:
    """A stream of which the next bytes were read already: gives those first."""

    def __init__(self, stream: Any, data: bytes) -> None:
        self._stream, self._data = stream, data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def read(self, size: int) -> bytes:
        """Give the bytes that were read, all at once, then those that follow."""
        data, self._data = self._data, b""
        return data or bytes(self._stream.read(size))


class _StrictTarInfo(tarfile.TarInfo):
    """Refuses a header that is damaged, cut off or oversized, which tarfile alone would take for the end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_StrictTarInfo":
        """Read one header block of 512 bytes."""
        is_end_mark = len(buf) == tarfile.BLOCKSIZE and not any(buf)
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if is_end_mark:
                raise
            raise refusal(
                "archive_broken", "the tar ends, or a header is damaged, before its end mark"
            ) from error
        if info.type in _TAR_HEADERS_WITH_DATA and info.size > _MAX_TAR_HEADER_BYTES:
            raise refusal("bomb_suspected", f"a header in the tar claims {info.size:,} bytes")
        if info.type == tarfile.GNUTYPE_SPARSE:
            raise _refuse_kind(info.name)
        return info

    def _proc_pax(self, archive: Any) -> tarfile.TarInfo:
        """Check the records of a further header before tarfile reads them."""
        stream = archive.fileobj
        data = stream.read(-(-self.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
        _require_records(data[: self.size].rstrip(b"\0"))
        if len(archive.pax_headers) > _MAX_GLOBAL_RECORDS:
            raise refusal(
                "bomb_suspected", f"the tar sets more than {_MAX_GLOBAL_RECORDS} fields for all members"
            )
        archive.fileobj = _ReadAgain(stream, data)
        try:
            return super()._proc_pax(archive)  # type: ignore[misc, no-any-return]
        finally:
            archive.fileobj = stream


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
    count, found = count_members(limits), False
    with (
        refusing("archive_broken", lambda: "the tar is damaged or cut off"),
        tarfile.open(fileobj=open_stream(chunks), mode="r|", tarinfo=_StrictTarInfo) as archive,
    ):
        while (info := archive.next()) is not None:
            count(1)
            # It remembers every member: memory would grow with their number.
            archive.members.clear()  # type: ignore[attr-defined]
            if _is_tar_member(info) and (content := archive.extractfile(info)) is not None:
                found = True
                yield open_member(info.name, info.size, _read_tar_member(content), limits, spend)
        _require_end(archive)
    if not found:
        raise refusal("archive_empty", "no entry of the tar is a review file")


def _is_tar_member(info: tarfile.TarInfo) -> bool:
    """Refuse what may not be in a tar, and tell whether this member is one that is read."""
    wanted = is_wanted(info.name)
    if not info.isdir() and (not info.isreg() or info.issparse()):
        raise _refuse_kind(info.name)
    return wanted and not info.isdir()


def _read_tar_member(content: IO[bytes]) -> Iterator[bytes]:
    with refusing("archive_broken", lambda: "the tar ends in the middle of it"):
        while chunk := content.read(CHUNK_BYTES):
            yield chunk


def _require_end(archive: tarfile.TarFile) -> None:
    """Read on after the end mark: only zeros may follow. This checks the last checksum of a .tar.gz, too."""
    stream = archive.fileobj
    while stream is not None and (padding := stream.read(CHUNK_BYTES)):
        if padding.count(0) != len(padding):
            raise refusal("archive_broken", "more follows its end mark, as where two tars were joined")
