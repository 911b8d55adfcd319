"""Review files as members of a container, or alone: what they may be called, and how far they may unpack."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import PurePosixPath
from typing import IO

from data_contracts.errors import FileRefusedError
from tasks.containers.formats import UNKNOWN, format_of, is_archive, require_content, split_format
from tasks.containers.streams import count_bytes, decompress, meter
from tasks.support.refusals import refusal

_MAX_NAME_CHARACTERS = 4096
"""As in a file system. Every row of a member has its name, and so has every word about it."""
NAME_SHOWN = 100
_ROOT = re.compile("/|[A-Za-z]:")

Spend = Callable[[int], None]


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


def open_member(
    name: str, size: int, chunks: Iterator[bytes], limits: ContainerLimits, spend: Spend
) -> Member:
    """Open a member of `size` packed bytes, whatever its format."""
    path = PurePosixPath(show_name(name))
    with naming_member(str(path)):
        format_name = format_of(path)
        if is_archive(path):
            raise refusal("member_nested_archive", "it is an archive itself")
        if format_name == UNKNOWN:
            raise refusal("format_unknown", "it has no known ending")
        limit_member(limits)(size)
        base, compression = split_format(format_name)
        chunks = unpack(chunks, compression, spend, limit_member(limits))
        return begin_member(Member(str(path), base, chunks, path.name))


def begin_member(member: Member) -> Member:
    """Look at a member's first bytes and put them back; only a text in an archive may have none."""
    head = next(member.chunks, b"")
    if not head and (member.format != "text" or member.name is None):
        raise refusal("file_empty", "there is not one byte of content")
    require_content(member.format, head)
    return replace(member, chunks=chain([head], member.chunks))


def unpack(chunks: Iterator[bytes], compression: str | None, *spends: Spend) -> Iterator[bytes]:
    """Undo a compression and count what comes out; what is not compressed can't be a bomb."""
    return chunks if compression is None else meter(decompress(chunks, compression), *spends)


def limit_member(limits: ContainerLimits) -> Spend:
    """Make the function that counts the bytes of one member and refuses too many."""
    return count_bytes(limits.member_bytes, "it")


def count_members(limits: ContainerLimits) -> Spend:
    """Make the function that is told of members, skipped ones too."""
    seen = 0

    def count(amount: int) -> None:
        nonlocal seen
        seen += amount
        if seen > limits.members:
            raise refusal("bomb_suspected", f"there are more than {limits.members:,} members, the limit here")

    return count


def is_wanted(name: str) -> bool:
    """Refuse a name that leads out of the archive, and tell whether it is one that is read."""
    shown = show_name(name)
    if len(shown) > _MAX_NAME_CHARACTERS:
        length = f"{len(shown):,} characters where {_MAX_NAME_CHARACTERS:,} may be"
        raise refusal(
            "member_name_unsafe", f"a member's name has {length}; it begins with '{shown[:NAME_SHOWN]}'"
        )
    if not shown or _ROOT.match(shown) or ".." in shown.split("/"):
        raise refusal("member_name_unsafe", f"a member is called '{shown}'")
    parts = PurePosixPath(shown).parts
    return "__MACOSX" not in parts and not any(part.startswith(".") for part in parts)


def show_name(name: str) -> str:
    """Give a name as storable text: some zips have Windows' separators, some tars another encoding."""
    return name.replace("\\", "/").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
