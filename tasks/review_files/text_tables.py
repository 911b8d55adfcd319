"""Recognises a .txt file that is a table with tabs, as spreadsheets save "Unicode Text", and no review."""

from collections.abc import Iterator
from itertools import chain

from tasks.containers.members import Member, naming_member
from tasks.review_files.columns import select_columns
from tasks.review_files.encodings import decode_start
from tasks.review_files.options import ReadOptions

_HEAD_BYTES = 1 << 16
_LONGEST_NAME = 100


def find_text_tables(members: Iterator[Member], options: ReadOptions) -> Iterator[Member]:
    """Yield the members; a text file whose first line has a text column among others, with tabs, becomes a table."""
    for member in members:
        yield _find_table(member, options) if member.format == "text" else member


def _find_table(member: Member, options: ReadOptions) -> Member:
    """Return a text file as a table if its first line is a header."""
    head = next(member.chunks, b"")
    if not _is_decided(head, options):
        with naming_member(member.name):
            while not _is_decided(head, options) and (more := next(member.chunks, b"")):
                head += more
    line = _find_line(head, options) if b"\t" in head else None
    format_name = "tsv" if line is not None and _is_header(line, options) else "text"
    return Member(member.name, format_name, chain([head], member.chunks), member.file_name, member.on_disk)


def _is_decided(head: bytes, options: ReadOptions) -> bool:
    """Return whether a text has its first line in `head`, or one without a tab, or is too long for a header."""
    if len(head) >= _HEAD_BYTES:
        return True
    return b"\n" in head and (b"\t" not in head or _find_line(head, options) is not None)


def _find_line(head: bytes, options: ReadOptions) -> str | None:
    """Return the first line of a text; None if it does not end in `head`."""
    lines = decode_start(head[:_HEAD_BYTES], options).splitlines(keepends=True)
    return lines[0] if lines and lines[0].endswith(("\n", "\r")) else None


def _is_header(line: str, options: ReadOptions) -> bool:
    """Return whether a line has several short names, parted by tabs, of which one is that of the text column."""
    names = [name.strip('"') for name in line.rstrip("\r\n").split("\t")]
    is_short = len(names) > 1 and all(len(name) <= _LONGEST_NAME for name in names)
    return is_short and "text" in select_columns(names, options.column_plan).known
