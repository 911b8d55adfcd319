"""Members: the review files of a container, or a single file. Checks their names and their first bytes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import PurePosixPath
from typing import IO

from data_contracts.errors import FileRefusedError
from tasks.containers.advice import describe_unread
from tasks.containers.formats import UNKNOWN, format_of, is_archive, require_content, split_format
from tasks.containers.streams import decompress, meter
from tasks.containers.unpacking_limits import ContainerLimits, Guard, limit_member_bytes
from tasks.inbox.marker_files import is_marker
from tasks.support.refusals import refusal

_MAX_NAME_CHARACTERS = 4096
"""The limit of file systems. A member's name is stored with each of its rows and shown in messages."""
NAME_SHOWN = 100
_ROOT = re.compile("/|[A-Za-z]:")


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
            raise refusal(
                "format_unknown", f"it {describe_unread(path.name)}; if it has no reviews, take it out"
            )
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


def is_read(name: str, wanted: str | None) -> bool:
    """Return whether a member is read: not hidden or a marker, and of the pattern `wanted`, if there is one.

    Refuses a name that is too long or leaves the archive.
    """
    shown = to_storable(name)
    if len(shown) > _MAX_NAME_CHARACTERS:
        length = f"{len(shown):,} characters, the limit is {_MAX_NAME_CHARACTERS:,}"
        raise refusal(
            "member_name_unsafe", f"a member's name has {length}; it begins with '{shown[:NAME_SHOWN]}'"
        )
    if not shown or _ROOT.match(shown) or ".." in shown.split("/"):
        raise refusal("member_name_unsafe", f"a member is called '{shown}'")
    parts = PurePosixPath(shown).parts
    is_hidden = "__MACOSX" in parts or any(part.startswith(".") for part in parts)
    return not (is_hidden or is_marker(parts[-1])) and (wanted is None or fnmatchcase(shown, wanted))


def to_storable(name: str) -> str:
    """Return a name as valid Unicode with '/' as separator: some zips use Windows' one, some tars another encoding."""
    return name.replace("\\", "/").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
