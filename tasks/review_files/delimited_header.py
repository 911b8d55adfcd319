"""Reads the header of a delimited file, and finds out which character separates its fields.

The separator is what `ReadOptions` or a first line such as `sep=;` says, else the first usual one by which the header
has a text column. If by another one both the header and the first rows would be a table too, it is in doubt, and the
file is refused: a wrong separator would cut texts.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from data_contracts.errors import FileRefusedError
from tasks.review_files.columns import Columns, require_text, select_columns
from tasks.review_files.encodings import restore_bytes
from tasks.review_files.options import ReadOptions, is_delimiter
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.support.refusals import refusal

SEPARATORS = {"csv": (",", ";", "\t", "|"), "tsv": ("\t", ",", ";", "|")}
"""The separators to try, in this order, by format."""

HEADER_BYTES = 1 << 20
MAX_COLUMNS = 10_000
_ROWS_TRIED = 20
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
    refusals = []
    for separator in separators:
        try:
            header = _parse_header(head, start, separator, options.column_plan)
        except FileRefusedError as error:
            refusals.append((_first_line(head[start:]).count(separator.encode()), error))
            continue
        _require_no_doubt(head, start, header, separators)
        return header
    # The separator by which there are most columns is the likely one.
    raise max(refusals, key=lambda found: found[0])[1]


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
    names, size = _split_header(head[start:], separator)
    columns = select_columns(names, plan)
    require_text(columns, names, plan)
    return Header(separator, names, columns, start + size)


def _split_header(head: bytes, separator: str) -> tuple[list[str], int]:
    """Return the fields of the first row that is not empty, and the position after that row."""
    lines = head.splitlines(keepends=True)
    reader = csv.reader((line.decode() for line in lines), delimiter=separator, strict=True)
    try:
        fields = next((fields for fields in reader if fields), [])
        names = [restore_bytes(field).decode() for field in fields]
    except UnicodeDecodeError as error:
        raise refusal("header_broken", _OTHER_ENCODING) from error
    except csv.Error as error:
        raise refusal("header_broken", "a quote in the first row is not closed as it should be") from error
    size = sum(map(len, lines[: reader.line_num]))
    if not names:
        raise refusal("header_broken", "there are only empty lines")
    if size >= HEADER_BYTES:
        raise refusal("header_broken", f"the first row is longer than {HEADER_BYTES:,} bytes")
    if len(names) > MAX_COLUMNS:
        raise refusal(
            "header_broken", f"the first row names {len(names):,} columns, the limit is {MAX_COLUMNS:,}"
        )
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
