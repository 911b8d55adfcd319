"""Reads a zip; only the methods stored and deflate are allowed, and its members may not overlap.

With overlapping members, a few bytes could be read a thousand times. If several members have the same name, each is
read.
"""

import io
import stat
import zipfile
from collections.abc import Iterator
from typing import IO

from tasks.containers.members import NAME_SHOWN, Member, is_read, naming_member, open_member, to_storable
from tasks.containers.streams import CHUNK_BYTES
from tasks.containers.unpacking_limits import ContainerLimits, Guard, limit_members
from tasks.support.refusals import refusal, refusing
from tasks.support.wording import count

_MAX_ZIP_LIST_BYTES = 256 << 20
_ZIP_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000


class _ZipSource(io.RawIOBase):
    """The file that zipfile reads from; it refuses a list of members that would fill the memory before it is read."""

    def __init__(self, file: IO[bytes], count: Guard) -> None:
        super().__init__()
        self._file, self._count = file, count

    def seekable(self) -> bool:
        """Return True: the file can seek."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a position and return it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._file.tell()

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


def iterate_zip(
    file: IO[bytes], limits: ContainerLimits, guard: Guard, wanted: str | None = None
) -> Iterator[Member]:
    """Yield the review files of a zip; `guard` is called with the bytes that they unpack to."""
    with refusing("archive_broken", lambda: "the zip's list of members can't be read"):
        archive = zipfile.ZipFile(_ZipSource(file, limit_members(limits)))
    infos = archive.infolist()
    _require_no_overlap(archive)
    review_files = [info for info in infos if _is_review_file(info, wanted)]
    if not review_files:
        raise refusal("archive_empty", f"of its {count(len(infos), 'member')} none is a review file")
    # zipfile returns no more bytes than a member's stated size, so the stated sizes can be checked beforehand.
    guard(sum(info.file_size for info in review_files))
    for info in review_files:
        chunks = _read_content(archive, info)
        yield open_member(info.filename, info.file_size, chunks, limits, guard)


def _require_no_overlap(archive: zipfile.ZipFile) -> None:
    """Refuse a zip in which a member overlaps another one or the list of members."""
    end = archive.start_dir
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset, reverse=True):
        if info.header_offset + zipfile.sizeFileHeader + info.compress_size > end:  # type: ignore[attr-defined]
            name = to_storable(info.filename)[:NAME_SHOWN]
            raise refusal("bomb_suspected", f"the member '{name}' overlaps another, or the list of members")
        end = info.header_offset


def _is_review_file(info: zipfile.ZipInfo, wanted: str | None) -> bool:
    """Return False for folders and hidden members of a zip; refuse links, devices, encryption and other methods."""
    visible = is_read(info.filename, wanted)
    with naming_member(to_storable(info.filename)):
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise refusal("member_not_a_file", "it is a link or a device")
        if info.is_dir() or not visible:
            return False
        if info.flag_bits & _ENCRYPTED_FLAGS:
            raise refusal("archive_encrypted", "it is encrypted")
        if info.compress_type not in _ZIP_METHODS:
            raise refusal(
                "archive_broken", f"it is compressed by method {info.compress_type}, not stored or deflate"
            )
    return True


def _read_content(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
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
