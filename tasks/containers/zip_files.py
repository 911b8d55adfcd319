"""Walks through a zip: its methods are stored and deflate alone, and its members may not overlap.

Of members that overlap, a few bytes would be read a thousand times. Of members with the same name each is read.
"""

import io
import stat
import zipfile
from collections.abc import Iterator
from typing import IO

from tasks.containers.members import (
    NAME_SHOWN,
    ContainerLimits,
    Member,
    Spend,
    count_members,
    is_wanted,
    naming_member,
    open_member,
    show_name,
)
from tasks.containers.streams import CHUNK_BYTES
from tasks.support.refusals import refusal, refusing

_MAX_ZIP_LIST_BYTES = 256 << 20
_ZIP_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED_FLAGS = 0x1 | 0x40 | 0x2000


class _ZipSource(io.RawIOBase):
    """What zipfile reads from: refuses a list of members that would fill the memory before it is looked at."""

    def __init__(self, file: IO[bytes], count: Spend) -> None:
        super().__init__()
        self._file, self._count = file, count

    def seekable(self) -> bool:
        """Say so to zipfile."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go where zipfile asks."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Tell the place."""
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        """Read as asked; only the list of members is more than a chunk, and is asked for in one piece."""
        if size > _MAX_ZIP_LIST_BYTES:
            raise refusal("bomb_suspected", f"the zip's list of members claims {size:,} bytes")
        data = self._file.read(size)
        if data.startswith(zipfile.stringCentralDir):  # type: ignore[attr-defined]
            self._count(data.count(zipfile.stringCentralDir))  # type: ignore[attr-defined]
        return data


def iterate_zip(file: IO[bytes], limits: ContainerLimits, spend: Spend) -> Iterator[Member]:
    """Give the members of a zip that are review files; `spend` counts the bytes that they unpack to."""
    with refusing("archive_broken", lambda: "the zip's list of members can't be read"):
        archive = zipfile.ZipFile(_ZipSource(file, count_members(limits)))
    infos = archive.infolist()
    _require_apart(archive)
    wanted = [info for info in infos if _is_zip_member(info)]
    if not wanted:
        raise refusal("archive_empty", f"none of its {len(infos):,} entries is a review file")
    # zipfile gives no more bytes than a member's stated size, so the stated sizes are the ones to judge.
    spend(sum(info.file_size for info in wanted))
    for info in wanted:
        chunks = _read_zip_member(archive, info)
        yield open_member(info.filename, info.file_size, chunks, limits, spend)


def _require_apart(archive: zipfile.ZipFile) -> None:
    """Refuse a zip of which one part is the content of several members, or of the list of members too."""
    end = archive.start_dir
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset, reverse=True):
        if info.header_offset + zipfile.sizeFileHeader + info.compress_size > end:  # type: ignore[attr-defined]
            name = show_name(info.filename)[:NAME_SHOWN]
            raise refusal("bomb_suspected", f"the member '{name}' overlaps another, or the list of members")
        end = info.header_offset


def _is_zip_member(info: zipfile.ZipInfo) -> bool:
    """Refuse what may not be in a zip, and tell whether this member is one that is read."""
    wanted = is_wanted(info.filename)
    with naming_member(show_name(info.filename)):
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise refusal("member_not_a_file", "it is a link or a device")
        if info.is_dir() or not wanted:
            return False
        if info.flag_bits & _ENCRYPTED_FLAGS:
            raise refusal("archive_encrypted", "it is encrypted")
        if info.compress_type not in _ZIP_METHODS:
            raise refusal(
                "archive_broken", f"it is packed by method {info.compress_type}, not stored or deflate"
            )
    return True


def _read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Give a member's content; its checksum and its size are checked at the end."""
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
