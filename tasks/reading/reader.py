"""Reads review files of any format as Arrow batches; other packages call only `read_review_file`.

Bytes are unpacked to members, members are split into rows of their format, and a profile says which columns become ours
and what their values mean: that of the source, of a known platform, or of our own names. The name decides the format; a
file whose content contradicts it is refused. Memory does not grow with a file's size, and a compressed file may have no
more rows than an uncompressed one of its size could have. A row that can't be read is yielded with the rule that it
breaks; a file that can't be read is refused with a message on where and what to do.
"""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain, groupby
from pathlib import Path

import pyarrow as pa

from tasks.reading.containers import Member, iterate_file, measure_file, naming_member
from tasks.reading.delimited import read_delimited
from tasks.reading.formats import format_of
from tasks.reading.json_files import read_json_document, read_json_lines
from tasks.reading.rows import ReadOptions, group_into_batches, measure_texts, require_rows
from tasks.reading.streams import limit, read_head
from tasks.reading.table_process import TABLE_FORMATS, TimeLeft, read_in_process
from tasks.reading.text import make_text_rows, read_text_file
from tasks.reading.values import parse_rows, parse_table

__all__ = ["ReadOptions", "format_of", "read_review_file"]

LINES = re.compile(rb"\s*\{[^\r\n]*\}[ \t]*\r?\n\s*\{")
"""The beginning of a .json that has an object on each line."""
_START_BYTES = 1 << 20
_JSON_READERS = {"jsonl": read_json_lines, "json": read_json_document}
_COUNTED = ("review_id", "movie_id", "text", "extra", "raw")


def read_review_file(path: Path, options: ReadOptions | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a review file in order, numbered from 1, as batches of `READ_SCHEMA`.

    In an archive the numbers continue from member to member. Raises `FileRefusedError`, possibly after some batches;
    the caller must then discard all rows of the file.
    """
    options = options or ReadOptions()
    size = measure_file(path)
    options = replace(options, most_rows=options.limits.count_rows(size))
    guard = limit(options.limits.count_bytes(size, options.limits.total_bytes), "the file unpacks to")
    wanted = options.profile.file.members if options.profile else None
    next_row, read_tables = 1, partial(_read_tables, TimeLeft())
    with closing(iterate_file(path, options.limits, options.root, wanted)) as members:
        settled = (_settle_format(member, options) for member in members)
        for is_text, group in groupby(settled, lambda member: member.format == "text"):
            for batch in (_read_texts if is_text else read_tables)(group, next_row, options):
                next_row += batch.num_rows
                require_rows(next_row - 1, options.most_rows)
                # Without the names of members, which are not theirs.
                guard(sum(int(measure_texts(batch[name]).sum()) for name in _COUNTED))
                for start in range(0, batch.num_rows, options.batch_rows):
                    yield batch.slice(start, options.batch_rows)


def _settle_format(member: Member, options: ReadOptions) -> Member:
    """Return a member with the format that its profile states for text files, or that of lines for a .json of lines."""
    stated = options.profile.file.format if options.profile else None
    if stated is not None and member.format == "text":
        return replace(member, format=stated)
    if member.format != "json":
        return member
    with naming_member(member.name):
        head = read_head(member.chunks, _START_BYTES)
    format_name = "jsonl" if LINES.match(head, 0, _START_BYTES) else "json"
    return replace(member, format=format_name, chunks=chain([head], member.chunks))


def _read_texts(members: Iterator[Member], first_row: int, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Read consecutive text files, many in one batch."""
    next_row, longest = first_row, options.batch_bytes
    files = (read_text_file(member, longest) for member in members)
    for group in group_into_batches(files, lambda file: len(file.data), options.batch_rows, longest):
        names = pa.array([file.member for file in group], pa.string())
        yield parse_rows(make_text_rows(group, next_row, options), names)
        next_row += len(group)


def _read_tables(
    time_left: TimeLeft, members: Iterator[Member], first_row: int, options: ReadOptions
) -> Iterator[pa.RecordBatch]:
    """Read files with many rows, one after the other, each by the reader of its format."""
    next_row = first_row
    for member in members:
        with naming_member(member.name):
            if member.format in TABLE_FORMATS:
                batches = read_in_process(member, next_row, options, time_left)
            else:
                if member.format in _JSON_READERS:
                    rows = _JSON_READERS[member.format](member.chunks, next_row, options)
                else:
                    rows = read_delimited(member.chunks, member.format, next_row, options)
                batches = parse_table(rows, member.name, options.report_reading)
            for batch in batches:
                yield batch
                next_row += batch.num_rows
