"""Opens a review file, plain, compressed, zip or tar, as a stream of members."""

import stat
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from tasks.containers.advice import describe_unread
from tasks.containers.formats import ARCHIVES, MAGIC_BYTES, UNKNOWN, format_of, require_content, split_format
from tasks.containers.members import Member, check_first_bytes, to_storable, unpack
from tasks.containers.streams import open_file, read_stream
from tasks.containers.tar_files import iterate_tar
from tasks.containers.unpacking_limits import ContainerLimits, limit_bytes, limit_member_bytes
from tasks.containers.zip_files import iterate_zip
from tasks.support.refusals import refusal, refusing


def iterate_file(
    path: Path, limits: ContainerLimits, root: Path | None = None, wanted: str | None = None
) -> Generator[Member, None, None]:
    """Open a file, plain, compressed, zip or tar, and yield the review files in it, in order.

    These are the members of a zip or tar, else the file itself.

    Of an archive, only members whose paths match the pattern `wanted` are read. Below the folder `root`, by default the
    file's own, no link is followed. Folders, hidden members and __MACOSX are skipped. Raises `FileRefusedError`,
    possibly after some members, if any other member is not a review file, or if the container is unsafe, damaged or too
    large.
    """
    format_name = format_of(path)
    if format_name == UNKNOWN:
        name = to_storable(path.name)
        raise refusal("format_unknown", f"'{name}' {describe_unread(name)}")
    size = measure_file(path)
    guard = limit_bytes(
        min(limits.total_bytes, max(limits.unsuspected_bytes, limits.ratio * size)), "the file"
    )
    limits = replace(limits, members=min(limits.members, limits.count_rows(size)))
    base, compression = split_format(format_name)
    with open_file(path, root) as file:
        with refusing("file_unreadable", lambda: "its first bytes can't be read from disk"):
            head = file.peek(MAGIC_BYTES)
        require_content(compression or base, head)
        if format_name == "zip":
            yield from iterate_zip(file, limits, guard, wanted)
        elif format_name in ARCHIVES:
            chunks = unpack(read_stream(file, size), compression, guard)
            yield from iterate_tar(chunks, limits, guard, wanted)
        else:
            chunks = unpack(read_stream(file, size), compression, guard, limit_member_bytes(limits))
            yield check_first_bytes(Member(None, base, chunks, path.name, None if compression else file))


def measure_file(path: Path) -> int:
    """Return the size of a regular file in bytes; refuse links, other kinds of file, and empty or missing files."""
    with refusing("file_unreadable", lambda: "the file is not there, or its folder can't be read"):
        status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise refusal("link_refused", "links are not followed")
    if not stat.S_ISREG(status.st_mode):
        raise refusal("file_unreadable", "this is a folder, a pipe or a device, not a file")
    if status.st_size == 0:
        raise refusal("file_empty", "the file has 0 bytes")
    return status.st_size
