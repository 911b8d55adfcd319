"""Reads CSV and TSV as Arrow batches.

Fields are separated by commas (.csv) or tabs (.tsv); where that gives no text column, a .csv may also have
semicolons or tabs. Quotes are `"`, doubled inside a quoted field, in both kinds; a quoted field may hold line
breaks. Lines end with LF, CR or CRLF; empty lines are no rows. The first row names the columns. CSV knows no
null: an empty field is an empty text. A row with another number of fields than the header, or with a field
that is not UTF-8, is set aside alone; so is one that repeats the header, as where files were put one behind another.

The text is cut into pieces that end with a row, and Arrow parses each: its own streaming reader calls Python
from threads of its own, which may crash the program when it ends.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from threading import Event
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from data_contracts.errors import FileRefusedError
from tasks.containers.members import require_rows
from tasks.review_files.columns import Columns, Defect, FoundRows, find_rows, require_text, select_columns
from tasks.review_files.encodings import escape_invalid, restore_bytes, restore_column, to_utf8
from tasks.review_files.options import ReadOptions
from tasks.support.refusals import refusal, refusing

SEPARATORS = {"csv": (",", ";", "\t"), "tsv": ("\t",)}
"""The separators that are tried, in this order."""

HEADER_BYTES = 1 << 20
ROW_BYTES = 16 << 20
"""Of one row at most, its line breaks included."""
_COUNTED_BYTES = 1 << 16
MAX_COLUMNS = 10_000

# A row of these is put behind each piece: where a quote is left open, it does not come out as a row.
_END = "\ufdd0end of the piece"
_QUOTE = ord('"')
_NO_FIELDS: dict[str, Any] = {}


@dataclass(frozen=True)
class _Header:
    separator: str
    names: list[str]
    columns: Columns
    size: int
    """Bytes, its line break included."""


@dataclass(frozen=True)
class _Rows:
    """The rows of one piece of the text."""

    batch: pa.RecordBatch
    """The well-shaped rows, in string columns."""
    misshapen: Mapping[int, tuple[str, str]]
    """Row, counted from 1 among all rows of the piece -> what is wrong, its line."""


def read_delimited(
    chunks: Iterator[bytes], format_name: str, first_row: int, options: ReadOptions
) -> Iterator[FoundRows]:
    """Read the rows of a CSV or TSV; the first one gets the number `first_row`.

    Raises `FileRefusedError`: header_broken, text_column_missing, text_column_doubled, csv_broken, and what
    `to_utf8` raises.
    """
    escaped = Event()
    text = escape_invalid(to_utf8(chunks), escaped.set)
    head = _take_head(text)
    header = _read_header(head, format_name, options.text_column)
    next_row = first_row
    for rows in _split_rows(chain([head[header.size :]], text), header):
        require_rows(next_row - 1 + _count(rows), options.most_rows)
        found = _find_rows(rows, header, next_row, escaped.is_set())
        next_row += len(found.row_numbers)
        yield found


# The header


def _take_head(text: Iterator[bytes]) -> bytes:
    head = b""
    while len(head) < HEADER_BYTES and (more := next(text, None)) is not None:
        head += more
    return head


def _read_header(head: bytes, format_name: str, text_column: str | None) -> _Header:
    """Read the column names with the first separator that gives a text column."""
    refusals = []
    for separator in SEPARATORS[format_name]:
        try:
            names, size = _split_header(head, separator)
            columns = select_columns(names, text_column)
            require_text(columns, names, text_column)
            return _Header(separator, names, columns, size)
        except FileRefusedError as error:
            refusals.append(error)
    raise refusals[0]


def _split_header(head: bytes, separator: str) -> tuple[list[str], int]:
    """Give the fields of the first row that is not empty, and where the row after it begins."""
    lines = head.splitlines(keepends=True)
    reader = csv.reader((line.decode() for line in lines), delimiter=separator, strict=True)
    try:
        fields = next((fields for fields in reader if fields), [])
        names = [restore_bytes(field).decode() for field in fields]
    except UnicodeDecodeError as error:
        raise refusal("header_broken", "the column names are not UTF-8") from error
    except csv.Error as error:
        raise refusal("header_broken", "a quote in the first row is not closed as it should be") from error
    size = sum(map(len, lines[: reader.line_num]))
    if not names:
        raise refusal("header_broken", "there are only empty lines")
    if size >= HEADER_BYTES:
        raise refusal("header_broken", f"the first row is longer than {HEADER_BYTES:,} bytes")
    if len(names) > MAX_COLUMNS:
        raise refusal("header_broken", f"the first row names {len(names):,} columns; {MAX_COLUMNS:,} may be")
    if any("\0" in name for name in names):
        raise refusal("header_broken", "there are NUL characters in the column names")
    return names, size


# From text to rows


def _split_rows(text: Iterator[bytes], header: _Header) -> Iterator[_Rows]:
    """Parse the text piece by piece; each piece ends where a row does."""
    rest, done = b"", 0
    finders: tuple[Callable[[bytes, str], int], ...] = (
        _find_line_break,
        _find_end_by_counting,
        _find_end_by_reading,
    )
    for chunk in text:
        rest += chunk
        for tried, find_end in enumerate(finders):
            end = find_end(rest, header.separator)
            rows = _parse(memoryview(rest)[:end], header) if end else None
            if rows is not None:
                # What went wrong once would do so again: this file has line breaks or quotes in its texts.
                finders = finders[tried:]
                rest = rest[end:]
                done += _count(rows)
                yield rows
                break
        if len(rest) > ROW_BYTES:
            raise refusal("csv_broken", f"after row {done:,} a row is too long, or a quote is never closed")
    rows = _parse(memoryview(rest), header)
    if rows is None:
        raise refusal("csv_broken", f"a quote opened after row {done:,} is not closed by the end of the file")
    yield rows


def _find_line_break(data: bytes, separator: str) -> int:
    """Find the end of the last line; 0 if there is none. This is wrong within a quoted field."""
    return data.rfind(_choose_line_break(data)) + 1


def _find_end_by_counting(data: bytes, separator: str) -> int:
    """Find the last line break with an even number of quotes before it; 0 if there is none.

    This is wrong where there are quotes in fields that are not quoted themselves.
    """
    found, line_break = np.frombuffer(data, np.uint8), _choose_line_break(data)[0]
    quotes = np.count_nonzero(found == _QUOTE)
    # From the end, for the last piece tends to have one; in pieces, for a file may be all line breaks.
    for stop in range(len(data), 0, -_COUNTED_BYTES):
        start = max(0, stop - _COUNTED_BYTES)
        counted = np.cumsum(found[start:stop] == _QUOTE)
        quotes -= counted[-1]
        ends = np.flatnonzero((found[start:stop] == line_break) & ((quotes + counted) % 2 == 0))
        if len(ends):
            return start + int(ends[-1]) + 1
    return 0


def _find_end_by_reading(data: bytes, separator: str) -> int:
    """Find the end of the last whole row by reading field after field as Arrow does; 0 if there is none."""
    plain = rb"[^%b\r\n]*+" % re.escape(separator.encode())
    field = rb'(?:"(?:[^"]++|"")*+(?:"%b|\Z)|%b)(?:%b|(\r\n?|\n)|\Z)'
    end = 0
    for match in re.finditer(field % (plain, plain, re.escape(separator.encode())), data):
        end = match.end() if match[1] else end
    return end


def _choose_line_break(data: bytes) -> bytes:
    return b"\n" if b"\n" in data else b"\r"


def _parse(data: memoryview, header: _Header) -> _Rows | None:
    """Split text into rows; None if it ends inside of a quoted field."""
    names = [str(position) for position in range(len(header.names))]
    misshapen: dict[int, tuple[str, str]] = {}

    def set_aside(row: pa_csv.InvalidRow) -> str:
        words = f"{row.actual_columns:,} fields where the header has {row.expected_columns:,}"
        misshapen[row.number] = (words, row.text)
        return "skip"

    # Behind an empty line, for Arrow would take off a byte order mark that is part of a text.
    pieces = (b"\n", data, ("\n" + header.separator.join([_END] * len(names)) + "\n").encode())
    # In Arrow's own memory: what is Python's would be let go of in a thread of Arrow's.
    held = pa.allocate_buffer(sum(map(len, pieces)))
    np.concatenate([np.frombuffer(piece, np.uint8) for piece in pieces], out=np.frombuffer(held, np.uint8))
    with refusing("csv_broken", lambda: "it can't be split into rows"):
        table = pa_csv.read_csv(
            pa.BufferReader(held),
            # With one thread, Arrow knows the numbers of the rows that it hands to `set_aside`.
            pa_csv.ReadOptions(use_threads=False, block_size=held.size + 1, column_names=names),
            pa_csv.ParseOptions(
                delimiter=header.separator, newlines_in_values=True, invalid_row_handler=set_aside
            ),
            pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), check_utf8=False),
        )
    if not table.num_rows or table.column(0)[-1].as_py() != _END:
        return None
    batch = table.to_batches()[0]
    return _Rows(batch.slice(0, batch.num_rows - 1), misshapen)


def _find_rows(rows: _Rows, header: _Header, first_row: int, escaped: bool) -> FoundRows:
    """Put the well-shaped rows of a piece, and the misshapen ones between them, in their order."""
    arrays, size = rows.batch.columns, _count(rows)
    is_bad = np.zeros(size, dtype=bool)
    is_bad[[number - 1 for number in rows.misshapen]] = True
    line = header.separator.join(header.names).encode()
    defects = {
        position: Defect("row_shape", "it repeats the column names", line)
        for position in _find_headers(arrays, header.names)
    }
    found = [restore_column(array) if escaped else (array, {}) for array in arrays]
    row_numbers = np.arange(first_row, first_row + size)
    well_shaped = find_rows(
        header.names, header.columns, found, pa.array(row_numbers[~is_bad], pa.int64()), defects
    )
    return _put_between(well_shaped, rows.misshapen, is_bad, row_numbers) if rows.misshapen else well_shaped


def _put_between(
    well_shaped: FoundRows,
    misshapen: Mapping[int, tuple[str, str]],
    is_bad: NDArray[np.bool_],
    row_numbers: NDArray[np.int64],
) -> FoundRows:
    """Put misshapen rows, those of n that are bad, between the others.

    Fields are made for those columns alone that we know: a short row of a file of 10,000 columns is none of 10,000.
    """
    places = pa.array(np.cumsum(~is_bad) - 1, pa.int64(), mask=is_bad)
    positions = np.flatnonzero(~is_bad).tolist()
    defects = {positions[place]: defect for place, defect in well_shaped.defects.items()}
    for number, (words, line) in misshapen.items():
        defects[number - 1] = Defect("row_shape", words, restore_bytes(line))
    further = None
    if well_shaped.further is not None:
        further = [_NO_FIELDS] * len(is_bad)
        for position, row in zip(positions, well_shaped.further, strict=True):
            further[position] = row
    known = {ours: array.take(places) for ours, array in well_shaped.known.items()}
    return FoundRows(pa.array(row_numbers, pa.int64()), known, further, defects)


def _count(rows: _Rows) -> int:
    return len(rows.batch) + len(rows.misshapen)


def _find_headers(arrays: Sequence[pa.Array], names: Sequence[str]) -> list[int]:
    """Find the rows, of [n] values a column, in which every column holds its own name."""
    rows = pc.indices_nonzero(pc.fill_null(pc.equal(arrays[0], names[0]), False)).to_pylist()
    return [row for row in rows if [array[row].as_py() for array in arrays] == list(names)]
