"""Opens review files, plain, compressed or in a zip or tar, as streams of their members."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tasks.containers.formats import ARCHIVES, MAGIC_BYTES, UNKNOWN, format_of, require_content, split_format
from tasks.containers.members import (
    ContainerLimits,
    Member,
    begin_member,
    limit_member,
    show_name,
    unpack,
)
from tasks.containers.streams import count_bytes, open_file, read_chunks
from tasks.containers.tar_files import iterate_tar
from tasks.containers.zip_files import iterate_zip
from tasks.support.refusals import refusal, refusing


def open_members(path: Path, limits: ContainerLimits, root: Path | None = None) -> Iterator[Member]:
    """Give the review files that `path` holds, in order: itself, or the members of the zip or tar.

    No link is followed below the folder `root`, by default the file's own.

    Folders, hidden members and __MACOSX are skipped. Raises `FileRefusedError`, possibly after some
    members, on anything else that is no review file and on unsafe, damaged or oversized containers.
    """
    format_name = format_of(path)
    if format_name == UNKNOWN:
        raise refusal("format_unknown", f"'{show_name(path.name)}' has no known ending")
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
            yield from iterate_zip(file, limits, spend)
        elif format_name in ARCHIVES:
            chunks = unpack(read_chunks(file, size), compression, spend)
            yield from iterate_tar(chunks, limits, spend)
        else:
            chunks = unpack(read_chunks(file, size), compression, spend, limit_member(limits))
            yield begin_member(Member(None, base, chunks, path.name, None if compression else file))


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
