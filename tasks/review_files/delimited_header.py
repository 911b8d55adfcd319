"""Reads the header of a delimited file, and finds out which character separates its fields.

The separator is what `ReadOptions` or a first line such as `sep=;` says, else the first usual one by which the header
has a text column. If by another one both the header and the first rows would be a table too, it is in doubt, and the
file is refused: a wrong separator would cut texts. Titles and comments above the header are passed over, and so are the
two further lines of names that Qualtrics writes.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from data_contracts.errors import FileRefusedError
from tasks.review_files.column_mapping import (
    MAX_COLUMNS,
    MOST_TITLES,
    Columns,
    require_names,
    require_text,
    select_columns,
    skip_titles,
)
from tasks.review_files.encodings import restore_bytes
from tasks.review_files.options import ReadOptions, is_delimiter
from tasks.review_files.plans.normalized_names import normalize_name
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.support.refusals import refusal

SEPARATORS = {"csv": (",", ";", "\t", "|"), "tsv": ("\t", ",", ";", "|")}
"""The separators to try, in this order, by format."""

HEADER_BYTES = 1 << 20
_SPLIT_FIRST = 1 << 14
_ROWS_TRIED = 20
_ROWS_BELOW = 3
_FEW_FIELDS = 2
_IDS_OF_QUALTRICS = 2
"""The row, from 0, with the ids of the questions of a survey of Qualtrics."""
_NUMBERED = re.compile(r"Q(?:ID)?\d+(?:[._]\d+)*(?:_TEXT)?")
"""The name of a question in Qualtrics."""
_Fields = tuple[list[str], int]
_STATED = re.compile(rb'[\r\n]*"?sep=([^\r\n])"?[ \t]*(?:\r\n|\r|\n)', re.IGNORECASE)
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_OTHER_ENCODING = (
    "the column names are not UTF-8: save it as CSV UTF-8, or set REVIEWS_FALLBACK_ENCODING to its encoding, such "
    "as cp1252"
)


@dataclass(frozen=True)
class Header:
    """The header of a delimited file."""

    separator: str
    names: list[str]
    columns: Columns
    size: int
    """Bytes from the start to the end of the header, with its line break."""


def read_header(head: bytes, format_name: str, options: ReadOptions) -> Header:
    """Parse the header at the start of a text.

    Raises `FileRefusedError`: header_broken, text_column_missing, text_column_doubled.
    """
    stated = _STATED.match(head)
    start = stated.end() if stated else 0
    separators = _choose_separators(stated, format_name, options)
    refusals: list[tuple[int, str, FileRefusedError]] = []
    for separator in separators:
        try:
            header = _parse_header(head, start, separator, options.column_plan)
        except FileRefusedError as error:
            refusals.append((_first_line(head[start:]).count(separator.encode()), separator, error))
            continue
        _require_no_doubt(head, start, header, separators)
        return header
    # The separator by which there are most columns is the likely one.
    _, likely, refused = max(refusals, key=lambda found: found[0])
    if refused.rule in ("text_column_missing", "profile_column_missing"):
        usable = [separator for _, separator, error in refusals if error.rule == refused.rule]
        found = (_find_below_titles(head, start, separator, options.column_plan) for separator in usable)
        if (below := next(filter(None, found), None)) is not None:
            require_text(below.columns, below.names, options.column_plan)
            return below
    if refused.rule == "text_column_missing":
        require_names(_split_first_rows(head[start:], likely)[0][0])
    raise refused


def _first_line(head: bytes) -> bytes:
    """Return the first line that is not empty."""
    return next(filter(bytes.strip, head.splitlines()), b"")


def _choose_separators(
    stated: re.Match[bytes] | None, format_name: str, options: ReadOptions
) -> Sequence[str]:
    """Return the separators to try."""
    if options.delimiter is not None:
        return (options.delimiter,)
    if stated and is_delimiter(stated[1].decode("latin-1")):
        return (stated[1].decode("latin-1"),)
    return SEPARATORS[format_name]


def _parse_header(head: bytes, start: int, separator: str, plan: ReadingPlan) -> Header:
    """Parse the header by one separator; refuse it if it has no text column."""
    rows = _split_first_rows(head[start:], separator)
    # Fields without a name are not enough for a header below them: a separator must be right to find one.
    place = skip_titles([fields for fields, _ in rows], plan) if len(rows[0][0]) > _FEW_FIELDS else 0
    names, size = _decode_names(*rows[place])
    if len(names) == 1:
        _require_no_quoted_lines([fields for fields, _ in rows[place:]])
    questions = _find_questions(rows[place:])
    if questions is not None:
        size = rows[place + 2][1]
        names = names if "text" in select_columns(names, plan).known else questions
    columns = select_columns(names, plan)
    require_text(columns, names, plan)
    if plan.text:
        require_names(names, plan.text)
    return Header(separator, names, columns, start + size)


def _require_no_quoted_lines(rows: Sequence[Sequence[str]]) -> None:
    """Refuse a header of one name, and rows, that are lines of a table, each in quotes: texts would be whole lines."""
    if any(_is_table([fields[0] for fields in rows], separator) for separator in _NAMES):
        problem = "each line is quoted as a whole, so that the table has one column"
        raise refusal("header_broken", f"{problem}: export it again with quotes around single fields only")


def _is_table(lines: Sequence[str], separator: str) -> bool:
    """Return whether lines are a header with a text and another known column or `id`, and rows of as many fields."""
    try:
        names, *rows = csv.reader(lines, delimiter=separator, strict=True)
    except csv.Error:
        return False
    if not rows or len(names) > MAX_COLUMNS or any(len(fields) != len(names) for fields in rows):
        return False
    known = select_columns(names, ReadingPlan()).known
    has_others = len(known) > 1 or "id" in map(normalize_name, names)
    return "text" in known and has_others and not any(name.startswith(" ") for name in names)


def _find_below_titles(head: bytes, start: int, separator: str, plan: ReadingPlan) -> Header | None:
    """Return the header below titles that are one field each; None if there is none.

    Below titles that are no comments it is one only if the rows below are as wide as it is.
    """
    rows = _split_first_rows(head[start:], separator)
    place = skip_titles([fields for fields, _ in rows], plan)
    is_commented = all(fields[0].startswith("#") for fields, _ in rows[:place])
    is_even = {len(fields) for fields, _ in rows[place + 1 :]} == {len(rows[place][0])}
    if not place or not (is_commented or is_even):
        return None
    names, size = _decode_names(*rows[place])
    return Header(separator, names, select_columns(names, plan), start + size)


def _find_questions(rows: Sequence[_Fields]) -> list[str] | None:
    """Return the names that Qualtrics shows below its own: questions instead of `Q1`; None if it is no such file."""
    if len(rows) <= _IDS_OF_QUALTRICS or not rows[_IDS_OF_QUALTRICS][0][0].startswith('{"ImportId"'):
        return None
    pairs = zip(rows[0][0], rows[1][0], strict=False)
    return [question if _NUMBERED.fullmatch(name) else name for name, question in pairs]


def _split_first_rows(head: bytes, separator: str) -> list[_Fields]:
    """Return the fields of the first rows that are not empty, and the position after each; at least one row."""
    sizes: list[int] = []

    def decode_lines() -> Iterator[str]:
        for line in _iterate_lines(head):
            sizes.append(len(line))
            yield line.decode("utf-8", "replace")

    reader = csv.reader(decode_lines(), delimiter=separator, strict=True)
    rows: list[tuple[list[str], int]] = []
    size = done = 0
    try:
        for fields in filter(None, reader):
            size += sum(sizes[done : reader.line_num])
            done = reader.line_num
            if len(fields) > MAX_COLUMNS:
                cut = " at least" if size >= HEADER_BYTES else ""
                problem = f"the first row names{cut} {len(fields):,} columns"
                raise refusal(
                    "header_broken",
                    f"{'a row has too many fields' if rows else problem}, the limit is {MAX_COLUMNS:,}",
                )
            rows.append((fields, size))
            if len(rows) == MOST_TITLES + 1 + _ROWS_BELOW:
                break
    except csv.Error as error:
        if not rows:
            raise refusal(
                "header_broken", "a quote in the first row is not closed as it should be"
            ) from error
    if not rows:
        raise refusal("header_broken", "there are only empty lines")
    return rows


def _iterate_lines(head: bytes) -> Iterator[bytes]:
    """Yield the lines of a text with their breaks; its start is split first, since that is mostly enough."""
    *lines, last = head[:_SPLIT_FIRST].splitlines(keepends=True) or [b""]
    yield from lines
    yield from (last + head[_SPLIT_FIRST:]).splitlines(keepends=True)


def _decode_names(fields: Sequence[str], size: int) -> tuple[list[str], int]:
    """Return the names of a header that ends at `size`, and this size; refuse what can't be one."""
    if size >= HEADER_BYTES:
        raise refusal("header_broken", f"the first row is longer than {HEADER_BYTES:,} bytes")
    try:
        names = [restore_bytes(field).decode() for field in fields]
    except UnicodeDecodeError as error:
        raise refusal("header_broken", _OTHER_ENCODING) from error
    if any("\0" in name for name in names):
        raise refusal("header_broken", "there are NUL characters in the column names")
    return names, size


def _require_no_doubt(head: bytes, start: int, header: Header, separators: Sequence[str]) -> None:
    """Refuse a file whose header and first rows are a table by another separator too."""
    line = head[start : header.size]
    for other in separators:
        if other == header.separator or other.encode() not in line:
            continue
        width = next(_count_fields(line, other), 0)
        if width > 1 and set(_count_fields(head[header.size :], other)) == {width}:
            problem = f"{_NAMES[header.separator]} and {_NAMES[other]} may both separate its columns"
            raise refusal(
                "header_broken", f"{problem}: put the names in quotes, or save it with one of them only"
            )


def _count_fields(rows: bytes, separator: str) -> Iterator[int]:
    """Yield the numbers of fields of the first complete rows by a separator."""
    lines = (line.decode("utf-8", "replace") for line in rows.splitlines(keepends=True)[:-1] or [rows])
    try:
        yield from map(len, islice(filter(None, csv.reader(lines, delimiter=separator)), _ROWS_TRIED))
    except csv.Error:
        yield 0
