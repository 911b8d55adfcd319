"""Members: the review files of a container, or a single file. Checks their names and limits their unpacked sizes."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import PurePosixPath
from typing import IO

from data_contracts.errors import FileRefusedError
from tasks.containers.formats import UNKNOWN, format_of, is_archive, require_content, split_format
from tasks.containers.streams import decompress, limit_bytes, meter
from tasks.support.refusals import refusal

_MAX_NAME_CHARACTERS = 4096
"""The limit of file systems. A member's name is stored with each of its rows and shown in messages."""
NAME_SHOWN = 100
_ROOT = re.compile("/|[A-Za-z]:")

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
    """Unpacked bytes of a Parquet file that is compressed or in an archive. Its metadata is at its end, so all of it is
    held in memory or on disk."""
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


def require_rows(rows: int, most: int) -> None:
    """Refuse (bomb_suspected) a file with more rows, or lines, than `most`, the limit for its size."""
    if rows > most:
        raise refusal(
            "bomb_suspected", f"there are more than {most:,} rows, the limit for a file of this size"
        )


@contextmanager
def naming_member(name: str | None) -> Iterator[None]:
    """Add the member's name to any refusal raised inside; `name` is None for a file that is no archive."""
    try:
        yield
    except FileRefusedError as error:
        if name is None:
            raise
        raise FileRefusedError(error.rule, f"member '{name}': {error.detail}") from error


def open_member(
    name: str, size: int, chunks: Iterator[bytes], limits: ContainerLimits, guard: Guard
) -> Member:
    """Open a member of an archive, which states `size` bytes for it; refuse a member that is no review file.

    `guard` is called with the bytes of a compressed member as they are unpacked.
    """
    path = PurePosixPath(to_storable(name))
    with naming_member(str(path)):
        format_name = format_of(path)
        if is_archive(path):
            raise refusal("member_nested_archive", "it is an archive itself")
        if format_name == UNKNOWN:
            raise refusal("format_unknown", "it has no known ending")
        limit_member_bytes(limits)(size)
        base, compression = split_format(format_name)
        chunks = unpack(chunks, compression, guard, limit_member_bytes(limits))
        return check_first_bytes(Member(str(path), base, chunks, path.name))


def check_first_bytes(member: Member) -> Member:
    """Refuse a member whose first bytes contradict its format, or that is empty; return it with all its bytes.

    Only a text file in an archive may be empty.
    """
    head = next(member.chunks, b"")
    if not head and (member.format != "text" or member.name is None):
        raise refusal("file_empty", "there is not one byte of content")
    require_content(member.format, head)
    return replace(member, chunks=chain([head], member.chunks))


def unpack(chunks: Iterator[bytes], compression: str | None, *guards: Guard) -> Iterator[bytes]:
    """Decompress chunks under `guards`; uncompressed chunks are passed on, since they can't be a bomb."""
    return chunks if compression is None else meter(decompress(chunks, compression), *guards)


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


def is_visible(name: str) -> bool:
    """Return False for a hidden member or one of __MACOSX; refuse a name that is too long or leaves the archive."""
    shown = to_storable(name)
    if len(shown) > _MAX_NAME_CHARACTERS:
        length = f"{len(shown):,} characters, the limit is {_MAX_NAME_CHARACTERS:,}"
        raise refusal(
            "member_name_unsafe", f"a member's name has {length}; it begins with '{shown[:NAME_SHOWN]}'"
        )
    if not shown or _ROOT.match(shown) or ".." in shown.split("/"):
        raise refusal("member_name_unsafe", f"a member is called '{shown}'")
    parts = PurePosixPath(shown).parts
    return "__MACOSX" not in parts and not any(part.startswith(".") for part in parts)


def to_storable(name: str) -> str:
    """Return a name as valid Unicode with '/' as separator: some zips use Windows' one, some tars another encoding."""
    return name.replace("\\", "/").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
