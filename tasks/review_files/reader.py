"""Reads review files of any format as Arrow batches; other packages call only `read_review_file`.

Formats: CSV, TSV, JSON lines, JSON, workbooks, Parquet, ORC, Arrow, Avro and plain text (one review per file), each
also as .gz, .zst, .bz2 or .xz, and zips or tars of these. The name decides the format; a file whose content contradicts
it is refused. `encodings` decodes the text, `column_mapping` maps the columns, `value_parsing` parses their values.
Memory does not grow with a file's size, and a compressed file may have no more rows than an uncompressed one of its
size could have. A row that can't be read is yielded with the rule that it breaks; a file that can't be read is refused
with a message on where and what to do.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cache, partial
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from data_contracts.errors import FileRefusedError
from data_contracts.rules_and_limits import FILE_RULES
from tasks.containers.files import iterate_file, measure_file
from tasks.containers.formats import format_of
from tasks.containers.members import Member, naming_member
from tasks.containers.streams import meter
from tasks.review_files.delimited import read_delimited
from tasks.review_files.exports.other_files import pass_over_other_files
from tasks.review_files.grouping_items import group_into_batches
from tasks.review_files.inference.column_facts import FileFacts
from tasks.review_files.inference.first_pass import make_report, may_need_survey, plan_rows, survey_rows
from tasks.review_files.objects.json_lines import read_json_lines, survey_json_lines
from tasks.review_files.objects.lines_or_document import find_json_lines
from tasks.review_files.options import ReadOptions, require_rows
from tasks.review_files.plain_text import TEXT_FILES, make_text_rows, read_text_file
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.review_files.raw_rows import RawRows
from tasks.review_files.tables.formats import TABLE_FORMATS
from tasks.review_files.tables.separate_process import read_in_process
from tasks.review_files.txt_table_or_review import find_text_tables
from tasks.review_files.value_parsing import parse_rows
from tasks.support.refusals import refusal

_Survey = Callable[[], dict[int, FileFacts]]

__all__ = ["ReadOptions", "format_of", "read_review_file"]


def read_review_file(path: Path, options: ReadOptions | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a review file in order, numbered from 1, as batches of `READ_SCHEMA`.

    In an archive the numbers continue from member to member. Raises `FileRefusedError`, and with `may_start_over`
    `PlanOutdatedError`, possibly after some batches; the caller must then discard all rows of the file.
    """
    options = options or ReadOptions()
    options = replace(options, most_rows=options.limits.count_rows(measure_file(path)))
    survey = cache(partial(_survey_file, path, options))
    next_row = 1
    with closing(_list_members(path, options)) as members:
        for batch in _read_members(members, options, survey):
            next_row += batch.num_rows
            require_rows(next_row - 1, options.most_rows)
            for start in range(0, batch.num_rows, options.batch_rows):
                yield batch.slice(start, options.batch_rows)


def _list_members(path: Path, options: ReadOptions) -> Generator[Member]:
    """Yield the members of a file that may have reviews, each with the format of its content.

    A .txt may be a table, a .json many lines.
    """
    with closing(iterate_file(path, options.limits, options.root)) as members:
        for member in pass_over_other_files(find_text_tables(members, options), options):
            with naming_member(member.name):
                found = find_json_lines(member, options) if member.format == "json" else member
            yield found


def _read_members(
    members: Iterator[Member], options: ReadOptions, survey: _Survey
) -> Iterator[pa.RecordBatch]:
    """Read the members of a file in order; consecutive text files are read together."""
    next_row = 1
    for is_text, group in groupby(enumerate(members), lambda numbered: numbered[1].format == "text"):
        if is_text:
            batches = _read_texts((member for _, member in group), next_row, options)
        else:
            batches = _read_tables(group, next_row, options, survey)
        for batch in batches:
            next_row += batch.num_rows
            yield batch


def _read_texts(members: Iterator[Member], first_row: int, options: ReadOptions) -> Iterator[pa.RecordBatch]:
    """Read consecutive text files, many in one batch."""
    next_row, longest = first_row, options.batch_bytes
    files = (read_text_file(member, longest) for member in members)
    for group in group_into_batches(files, lambda file: len(file.data), options.batch_rows, longest):
        names = pa.array([file.member for file in group], pa.string())
        yield parse_rows(make_text_rows(group, next_row, options), names, TEXT_FILES)
        next_row += len(group)


def _read_tables(
    members: Iterator[tuple[int, Member]], first_row: int, options: ReadOptions, survey: _Survey
) -> Iterator[pa.RecordBatch]:
    """Read files with many rows, one after the other; each comes with its number among the members."""
    next_row = first_row
    for number, member in members:
        with naming_member(member.name), _saying_what_to_pack(member.name):
            for batch in _read_table(member, next_row, options, lambda: survey()[number]):  # noqa: B023
                yield batch
                next_row += batch.num_rows


@contextmanager
def _saying_what_to_pack(member: str | None) -> Iterator[None]:
    """Add to the refusal of a member of an archive without a text what to do if it has no reviews."""
    try:
        yield
    except FileRefusedError as error:
        if member is None or error.rule not in ("text_column_missing", "profile_column_missing"):
            raise
        found = error.detail.removesuffix(f". {FILE_RULES[error.rule]}")
        raise refusal(
            error.rule, f"{found}; if it has no reviews, pack the files of reviews alone"
        ) from error


def _read_table(
    member: Member, first_row: int, options: ReadOptions, survey: Callable[[], FileFacts]
) -> Iterator[pa.RecordBatch]:
    """Read a member with many rows by the reader of its format; `survey` returns the facts of all its rows."""
    if member.format in TABLE_FORMATS:
        yield from read_in_process(member, first_row, options)
        return
    rows, plan = _read_rows(member, first_row, options), options.plan
    if plan is None:
        plan, rows = plan_rows(rows, None if options.may_start_over else survey, make_report(options))
    for raw in rows:
        yield parse_rows(raw, pa.repeat(pa.scalar(member.name, pa.string()), len(raw.row_numbers)), plan)


def _survey_file(path: Path, options: ReadOptions) -> dict[int, FileFacts]:
    """Return the facts of the tables in a file that may be too large to be read ahead, by their number in the file."""
    options = replace(
        options, plan=ReadingPlan(keep_further=False), report_passed_over=lambda path, kind: None
    )
    found: dict[int, FileFacts] = {}
    with closing(_list_members(path, options)) as members:
        for number, member in enumerate(members):
            if member.format == "text" or member.format in TABLE_FORMATS:
                continue
            sizes: list[int] = []
            counted = replace(member, chunks=meter(member.chunks, sizes.append))
            with naming_member(member.name):
                facts = survey_rows(_survey_rows(counted, options))
            found |= {number: facts} if may_need_survey(sum(sizes)) else {}
    return found


def _survey_rows(member: Member, options: ReadOptions) -> Iterator[RawRows]:
    """Yield raw rows of a member that have at least the dates, labels and ratings."""
    if member.format == "jsonl":
        return survey_json_lines(member.chunks, options)
    return _read_rows(member, 1, options)


def _read_rows(member: Member, first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the raw rows of a member by the reader of its format."""
    if member.format == "jsonl":
        return read_json_lines(member.chunks, first_row, options)
    return read_delimited(member.chunks, member.format, first_row, options)
