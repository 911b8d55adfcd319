"""Reads the header of a delimited file, and finds out which character separates its fields.

The separator is what the profile or a first line such as `sep=;` says, else the only usual one by which the first rows
have one width. The header is the first row that is not empty, at or below the line that the profile names.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from data_contracts.errors import FileRefusedError
from data_contracts.sources.profile import is_delimiter
from tasks.reading.columns import MAX_COLUMNS, Columns, Reading, choose_reading, select_columns
from tasks.reading.encodings import restore_bytes
from tasks.reading.options import ReadOptions
from tasks.support.refusals import refusal

SEPARATORS = {"csv": (",", ";", "\t", "|"), "tsv": ("\t", ",", ";", "|")}
"""The separators to try, in this order, by format."""
HEADER_BYTES = 1 << 20
_PIECE_BYTES = 1 << 14
_ROWS_TRIED = 20
_STATED = re.compile(rb'[\r\n]*"?sep=([^\r\n])"?[ \t]*(?:\r\n|\r|\n)', re.IGNORECASE)
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_OTHER_ENCODING = (
    "the column names are not UTF-8: save it as CSV UTF-8, or set REVIEWS_FALLBACK_ENCODING to its encoding, such "
    "as cp1252"
)
_Fields = tuple[list[str], int]
"""The fields of a row, and the bytes up to its end."""


@dataclass(frozen=True)
class Header:
    """The header of a delimited file."""

    separator: str
    names: list[str]
    reading: Reading
    columns: Columns
    size: int
    """Bytes from the start to the end of the header, with its line break."""


def read_header(head: bytes, format_name: str, options: ReadOptions) -> Header:
    """Parse the header at the start of a text.

    Raises `FileRefusedError`: header_broken, and the rules of `choose_reading`.
    """
    stated = _STATED.match(head)
    start = stated.end() if stated else 0
    separator = _choose_separator(head[start:], format_name, options, stated)
    [header] = _split_rows(head[start:], separator, 1, options)
    names, size = _decode_names(*header)
    reading = choose_reading(names, options.profile, options.text_column)
    return Header(separator, names, reading, select_columns(names, reading.profile), start + size)


def _choose_separator(
    head: bytes, format_name: str, options: ReadOptions, stated: re.Match[bytes] | None
) -> str:
    """Return the separator of a text: the one that is stated, else the one by which its first rows are a table."""
    if options.profile and options.profile.file.delimiter:
        return options.profile.file.delimiter
    if stated and is_delimiter(stated[1].decode("latin-1")):
        return stated[1].decode("latin-1")
    candidates = SEPARATORS[format_name]
    widths = {separator: _measure_rows(head, separator, options) for separator in candidates}
    usual = [
        separator for separator, found in widths.items() if found[0] > 1 and set(found[1:]) <= {found[0]}
    ]
    if len(usual) > 1:
        problem = f"{_NAMES[usual[0]]} and {_NAMES[usual[1]]} may both separate its columns"
        raise refusal("header_broken", f"{problem}: say which in its profile: [file] delimiter")
    if usual:
        return usual[0]
    # Some rows are broken: the separator by which the header has most names is the likely one.
    return max(candidates, key=lambda separator: widths[separator][0])


def _measure_rows(head: bytes, separator: str, options: ReadOptions) -> list[int]:
    """Return the numbers of fields of the header and the rows below it; none if it can't be split."""
    try:
        rows = _split_rows(head, separator, 1 + _ROWS_TRIED, options)
    except FileRefusedError:
        return [0]
    return [len(fields) for fields, _ in rows]


def _split_rows(head: bytes, separator: str, most: int, options: ReadOptions) -> list[_Fields]:
    """Return the fields of the header and of rows below it that are not empty, and the position after each.

    The last row of a text that goes on is left out, since it may be cut off.
    """
    sizes: list[int] = []

    def decode_lines() -> Iterator[str]:
        for line in _iterate_lines(head):
            sizes.append(len(line))
            yield line.decode("utf-8", "replace")

    reader = csv.reader(decode_lines(), delimiter=separator, strict=True)
    rows: list[_Fields] = []
    size = done = 0
    first_line = options.profile.file.header if options.profile else 1
    try:
        for fields in filter(None, reader):
            size += sum(sizes[done : reader.line_num])
            done = reader.line_num
            if reader.line_num >= first_line:
                rows.append((fields, size))
            if len(rows) == most:
                break
    except csv.Error as error:
        if not rows:
            raise refusal(
                "header_broken", "a quote in the first row is not closed as it should be"
            ) from error
    if not rows:
        where = (
            "" if first_line == 1 else f" from line {first_line} on, which the profile says to be the header"
        )
        raise refusal("header_broken", f"there are only empty lines{where}")
    return rows[:-1] if len(rows) > 1 and size >= HEADER_BYTES else rows


def _iterate_lines(head: bytes) -> Iterator[bytes]:
    """Yield the lines of a text with their breaks; it is split in pieces, since the first ones are mostly enough."""
    last = b""
    for start in range(0, len(head), _PIECE_BYTES):
        *lines, last = (last + head[start : start + _PIECE_BYTES]).splitlines(keepends=True)
        yield from lines
    if last:
        yield last


def _decode_names(fields: Sequence[str], size: int) -> tuple[list[str], int]:
    """Return the names of a header that ends at `size`, and this size; refuse what can't be one."""
    if len(fields) > MAX_COLUMNS:
        raise refusal("header_broken", f"a row has {len(fields):,} fields, the limit is {MAX_COLUMNS:,}")
    if size >= HEADER_BYTES:
        raise refusal("header_broken", f"the first row is longer than {HEADER_BYTES:,} bytes")
    try:
        names = [restore_bytes(field).decode() for field in fields]
    except UnicodeDecodeError as error:
        raise refusal("header_broken", _OTHER_ENCODING) from error
    if any("\0" in name for name in names):
        raise refusal("header_broken", "there are NUL characters in the column names")
    return names, size
