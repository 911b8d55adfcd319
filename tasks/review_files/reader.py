"""Reads review files of any format as Arrow batches; other packages call only `read_review_file`.

Formats: CSV, TSV, JSON lines, JSON, workbooks, Parquet, ORC, Arrow, Avro and plain text (one review per file), each
also as .gz, .zst, .bz2 or .xz, and zips or tars of these. The name decides the format; a file whose content contradicts
it is refused. `encodings` decodes the text, `columns` maps the columns, `values` parses their values. Memory does not
grow with a file's size, and a compressed file may have no more rows than an uncompressed one of its size could have. A
row that can't be read is yielded with the rule that it breaks; a file that can't be read is refused with a message on
where and what to do.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from tasks.containers.files import iterate_file, measure_file
from tasks.containers.formats import format_of
from tasks.containers.members import Member, naming_member
from tasks.review_files.batches import group_into_batches
from tasks.review_files.delimited import read_delimited
from tasks.review_files.objects.json_kinds import find_json_lines
from tasks.review_files.objects.json_lines import read_json_lines
from tasks.review_files.options import ReadOptions, require_rows
from tasks.review_files.plain_text import make_text_rows, read_text_file
from tasks.review_files.raw_rows import RawRows
from tasks.review_files.tables.formats import TABLE_FORMATS
from tasks.review_files.tables.process import read_in_process
from tasks.review_files.text_tables import find_text_tables
from tasks.review_files.values import parse_rows

__all__ = ["ReadOptions", "format_of", "read_review_file"]


def read_review_file(path: Path, options: ReadOptions | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a review file in order, numbered from 1, as batches of `READ_SCHEMA`.

    In an archive the numbers continue from member to member. Raises `FileRefusedError`, possibly after some batches;
    the caller must then discard all rows of the file.
    """
    options = options or ReadOptions()
    options = replace(options, most_rows=options.limits.count_rows(measure_file(path)))
    next_row = 1
    members = find_text_tables(iterate_file(path, options.limits, options.root), options)
    for is_text, group in groupby(members, lambda member: member.format == "text"):
        read = _read_texts if is_text else _read_tables
        for batch in read(group, next_row, options):
            next_row += batch.num_rows
            require_rows(next_row - 1, options.most_rows)
            for start in range(0, batch.num_rows, options.batch_rows):
                yield batch.slice(start, options.batch_rows)


def _read_texts(members: Iterator[Member], first_row: int, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Read consecutive text files, many in one batch."""
    next_row, longest = first_row, options.batch_bytes
    files = (read_text_file(member, longest) for member in members)
    for group in group_into_batches(files, lambda file: len(file.data), options.batch_rows, longest):
        names = pa.array([file.member for file in group], pa.string())
        yield parse_rows(make_text_rows(group, next_row, options), names)
        next_row += len(group)


def _read_tables(members: Iterator[Member], first_row: int, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Read files with many rows, one after the other."""
    next_row = first_row
    for member in members:
        with naming_member(member.name):
            for batch in _read_table(member, next_row, options):
                yield batch
                next_row += batch.num_rows


def _read_table(member: Member, first_row: int, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Read a member with many rows by the reader of its format."""
    if member.format == "json":
        member = find_json_lines(member, options)
    if member.format in TABLE_FORMATS:
        yield from read_in_process(member, first_row, options)
        return
    for raw in _read_rows(member, first_row, options):
        names = pa.repeat(pa.scalar(member.name, pa.string()), len(raw.row_numbers))
        yield parse_rows(raw, names)


def _read_rows(member: Member, first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the raw rows of a member by the reader of its format."""
    if member.format == "jsonl":
        return read_json_lines(member.chunks, first_row, options)
    return read_delimited(member.chunks, member.format, first_row, options)
