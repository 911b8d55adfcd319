"""Opens review files, plain or compressed, and walks through zip and tar without unpacking them to disk.

A member is a review file of its own, .gz and .zst too. A zip may use the methods stored and deflate; the
members of a zip may not overlap, for a few bytes would be read a thousand times. A tar must have its end mark, and
nothing but zeros after it. Of members with the same name each is read.
"""

import io
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO

from data_contracts.errors import FileRefusedError
from tasks.containers.formats import (
    ARCHIVES,
    MAGIC_BYTES,
    UNKNOWN,
    format_of,
    is_archive,
    require_content,
    split_format,
)
from tasks.containers.streams import (
    CHUNK_BYTES,
    count_bytes,
    decompress,
    meter,
    open_file,
    open_stream,
    read_chunks,
)
from tasks.support.refusals import refusal, refusing

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
_MAX_NAME_CHARACTERS = 4096
"""As in a file system. Every row of a member has its name, and so has every word about it."""
_NAME_SHOWN = 100
_ROOT = re.compile("/|[A-Za-z]:")

_Spend = Callable[[int], None]


@dataclass(frozen=True)
class ContainerLimits:
    """What a compressed file or an archive may unpack to; beyond, it is taken for a bomb."""

    total_bytes: int = 64 << 30
    """Of all members together."""
    member_bytes: int = 16 << 30
    """Of one member, or of one compressed file."""
    held_bytes: int = 4 << 30
    """Of one Parquet file, compressed or in an archive: it is read from its end, so it is held whole."""
    ratio: int = 200
    """Unpacked bytes per byte on disk; reviews pack about 3 to 1, many equal ones 100 to 1."""
    unsuspected_bytes: int = 1 << 30
    """Up to here the ratio does not matter."""
    members: int = 1_000_000
    rows_per_byte: int = 1
    """Rows per byte on disk; a file that is not compressed has no more."""
    unsuspected_rows: int = 200_000
    """Up to here the rows per byte do not matter."""

    def count_rows(self, size: int) -> int:
        """Give the rows, and the members, that a file of `size` bytes may have at most."""
        return max(self.unsuspected_rows, self.rows_per_byte * size)


@dataclass(frozen=True)
class Member:
    """One review file as a stream: a member of an archive, or the file itself, which has no `name`."""

    name: str | None
    format: str
    """Without compression: 'csv', 'tsv', 'jsonl', 'parquet' or 'text'."""
    chunks: Iterator[bytes]
    """The content; it can be taken until the next member is."""
    file_name: str
    """The last part of the name, compression included."""
    on_disk: IO[bytes] | None = None
    """The open file that has the content just as it is; who reads it goes back to its start."""


def open_members(path: Path, limits: ContainerLimits, root: Path | None = None) -> Iterator[Member]:
    """Give the review files that `path` holds, in order: itself, or the members of the zip or tar.

    No link is followed below the folder `root`, by default the file's own.

    Folders, hidden members and __MACOSX are passed over. Raises `FileRefusedError`, possibly after some
    members, on anything else that is no review file and on unsafe, damaged or oversized containers.
    """
    format_name = format_of(path)
    if format_name == UNKNOWN:
        raise refusal("format_unknown", f"'{_show(path.name)}' has no known ending")
    size = measure_file(path)
    spend = count_bytes(
        min(limits.total_bytes, max(limits.unsuspected_bytes, limits.ratio * size)), "the file"
    )
    limits = replace(limits, members=min(limits.members, limits.count_rows(size)))
    base, compression = split_format(format_name)
    with open_file(path, root) as file:
        with refusing("file_unreadable", lambda: "the disk does not give its first bytes"):
            head = file.peek(MAGIC_BYTES)
        require_content(compression or base, head)
        if format_name == "zip":
            yield from _iterate_zip(file, limits, spend)
        elif format_name in ARCHIVES:
            chunks = _unpack(read_chunks(file, size), compression, spend)
            yield from _iterate_tar(chunks, limits, spend)
        else:
            chunks = _unpack(read_chunks(file, size), compression, spend, _limit_member(limits))
            yield _begin(Member(None, base, chunks, path.name, None if compression else file))


def require_rows(rows: int, most: int) -> None:
    """Refuse a file of more rows, or lines, than one of its size may have."""
    if rows > most:
        raise refusal(
            "bomb_suspected", f"there are more than {most:,} rows, the limit for a file of this size"
        )


@contextmanager
def naming_member(name: str | None) -> Iterator[None]:
    """Say in every refusal which member it is about; `name` is None where the file is no archive."""
    try:
        yield
    except FileRefusedError as error:
        if name is None:
            raise
        raise FileRefusedError(error.rule, f"member '{name}': {error.detail}") from error


def measure_file(path: Path) -> int:
    """Give the size in bytes of what is to be opened; a pipe would block, a link may lead anywhere."""
    with refusing("file_unreadable", lambda: "the file is not there, or its folder can't be read"):
        status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise refusal("link_refused", "links are not followed")
    if not stat.S_ISREG(status.st_mode):
        raise refusal("file_unreadable", "this is a folder, a pipe or a device, not a file")
    if status.st_size == 0:
        raise refusal("file_empty", "the file has 0 bytes")
    return status.st_size


def _unpack(chunks: Iterator[bytes], compression: str | None, *spends: _Spend) -> Iterator[bytes]:
    """Undo a compression and count what comes out; what is not compressed can't be a bomb."""
    return chunks if compression is None else meter(decompress(chunks, compression), *spends)


def _limit_member(limits: ContainerLimits) -> _Spend:
    return count_bytes(limits.member_bytes, "it")


def _begin(member: Member) -> Member:
    """Look at a member's first bytes and put them back; only a text in an archive may have none."""
    head = next(member.chunks, b"")
    if not head and (member.format != "text" or member.name is None):
        raise refusal("file_empty", "there is not one byte of content")
    require_content(member.format, head)
    return replace(member, chunks=chain([head], member.chunks))


def _open_member(
    name: str, size: int, chunks: Iterator[bytes], limits: ContainerLimits, spend: _Spend
) -> Member:
    """Open a member of `size` packed bytes, whatever its format."""
    path = PurePosixPath(_show(name))
    with naming_member(str(path)):
        format_name = format_of(path)
        if is_archive(path):
            raise refusal("member_nested_archive", "it is an archive itself")
        if format_name == UNKNOWN:
            raise refusal("format_unknown", "it has no known ending")
        _limit_member(limits)(size)
        base, compression = split_format(format_name)
        chunks = _unpack(chunks, compression, spend, _limit_member(limits))
        return _begin(Member(str(path), base, chunks, path.name))


def _count_members(limits: ContainerLimits) -> _Spend:
    """Make the function that is told of members, those passed over too."""
    seen = 0

    def count(amount: int) -> None:
        nonlocal seen
        seen += amount
        if seen > limits.members:
            raise refusal("bomb_suspected", f"there are more than {limits.members:,} members, the limit here")

    return count


def _is_wanted(name: str) -> bool:
    """Refuse a name that leads out of the archive, and tell whether it is one that is read."""
    shown = _show(name)
    if len(shown) > _MAX_NAME_CHARACTERS:
        length = f"{len(shown):,} characters where {_MAX_NAME_CHARACTERS:,} may be"
        raise refusal(
            "member_name_unsafe", f"a member's name has {length}; it begins with '{shown[:_NAME_SHOWN]}'"
        )
    if not shown or _ROOT.match(shown) or ".." in shown.split("/"):
        raise refusal("member_name_unsafe", f"a member is called '{shown}'")
    parts = PurePosixPath(shown).parts
    return "__MACOSX" not in parts and not any(part.startswith(".") for part in parts)


def _show(name: str) -> str:
    """Give a name as storable text: some zips have Windows' separators, some tars another encoding."""
    return name.replace("\\", "/").encode("utf-8", "surrogateescape").decode("utf-8", "replace")


# Zip


class _ZipSource(io.RawIOBase):
    """What zipfile reads from: refuses a list of members that would fill the memory before it is looked at."""

    def __init__(self, file: IO[bytes], count: _Spend) -> None:
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


def _iterate_zip(file: IO[bytes], limits: ContainerLimits, spend: _Spend) -> Iterator[Member]:
    with refusing("archive_broken", lambda: "the zip's list of members can't be read"):
        archive = zipfile.ZipFile(_ZipSource(file, _count_members(limits)))
    infos = archive.infolist()
    _require_apart(archive)
    wanted = [info for info in infos if _is_zip_member(info)]
    if not wanted:
        raise refusal("archive_empty", f"none of its {len(infos):,} entries is a review file")
    # zipfile gives no more bytes than a member's stated size, so the stated sizes are the ones to judge.
    spend(sum(info.file_size for info in wanted))
    for info in wanted:
        chunks = _read_zip_member(archive, info)
        yield _open_member(info.filename, info.file_size, chunks, limits, spend)


def _require_apart(archive: zipfile.ZipFile) -> None:
    """Refuse a zip of which one part is the content of several members, or of the list of members too."""
    end = archive.start_dir
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset, reverse=True):
        if info.header_offset + zipfile.sizeFileHeader + info.compress_size > end:  # type: ignore[attr-defined]
            name = _show(info.filename)[:_NAME_SHOWN]
            raise refusal("bomb_suspected", f"the member '{name}' overlaps another, or the list of members")
        end = info.header_offset


def _is_zip_member(info: zipfile.ZipInfo) -> bool:
    """Refuse what may not be in a zip, and tell whether this member is one that is read."""
    wanted = _is_wanted(info.filename)
    with naming_member(_show(info.filename)):
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


# Tar


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
        return info


def _iterate_tar(chunks: Iterator[bytes], limits: ContainerLimits, spend: _Spend) -> Iterator[Member]:
    count, found = _count_members(limits), False
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
                yield _open_member(info.name, info.size, _read_tar_member(content), limits, spend)
        _require_end(archive)
    if not found:
        raise refusal("archive_empty", "no entry of the tar is a review file")


def _is_tar_member(info: tarfile.TarInfo) -> bool:
    """Refuse what may not be in a tar, and tell whether this member is one that is read."""
    wanted = _is_wanted(info.name)
    if not info.isdir() and (not info.isreg() or info.issparse()):
        raise refusal("member_not_a_file", f"'{_show(info.name)}' is a link, a device or a sparse file")
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
