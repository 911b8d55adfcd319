"""Reads the rows of CSV and TSV files and of others whose fields one character separates (`delimited_header`).

Quotes are `"`, and a quoted field may have line breaks (`delimited_quotes`). Lines end with LF, CR or CRLF;
empty lines are ignored. The first row has the column names. There are no nulls: an empty field is an empty text. A row
is reported with a defect if its number of fields is not that of the header, if a field is not UTF-8, or if it repeats
the header, as in concatenated files; the other rows are read.

The text is cut into pieces that end with a row, and Arrow parses each. Arrow's own streaming reader is not used: it
calls Python from its threads, which may crash the program at its end.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from threading import Event

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray

from tasks.reading.delimited_header import HEADER_BYTES, Header, read_header
from tasks.reading.delimited_quotes import (
    QuoteStyle,
    decode_dump,
    find_style,
    find_wrong_quote,
    refuse_wrong_quote,
    unescape,
    write_out_breaks,
)
from tasks.reading.encodings import (
    escape_invalid,
    restore_bytes,
    restore_column,
    to_utf8,
)
from tasks.reading.options import ReadOptions, require_rows
from tasks.reading.raw_rows import Defect, RawRows, find_headers, make_raw_rows
from tasks.support.refusals import refusal, refusing
from tasks.support.wording import count

ROW_BYTES = 16 << 20
"""Most bytes of one row, its line breaks included."""
_COUNTED_BYTES = 1 << 16
_BREAKS = re.compile(r"[\r\n]")

# A row of these is added to the end of each piece. If a quote is left open, it is missing from the parsed rows.
_END = "\ufdd0endofthepiece"
_QUOTE = ord('"')


@dataclass(frozen=True)
class _Table:
    """How a delimited text is split into fields."""

    separator: str
    width: int
    """Fields of a row."""
    style: QuoteStyle

    @property
    def has_quotes(self) -> bool:
        """Whether quotes protect fields; else they are characters like any other."""
        return self.style in ("doubled", "escaped")


@dataclass(frozen=True)
class _Rows:
    """The rows of one piece of a delimited text."""

    batch: pa.RecordBatch
    """The rows with as many fields as the header, in string columns."""
    misshapen: Mapping[int, tuple[str, str]]
    """The other rows: number, from 1 among all rows of the piece -> detail and line."""


def read_delimited(
    chunks: Iterator[bytes], format_name: str, first_row: int, options: ReadOptions
) -> Iterator[RawRows]:
    """Yield the rows of a CSV or TSV file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: header_broken, text_column_missing, text_column_doubled, header_changed, csv_broken, and
    the rules of `to_utf8`.
    """
    escaped = Event()
    text = escape_invalid(to_utf8(chunks, options), escaped.set)
    header, table, body = _open_table(text, format_name, options)
    next_row = first_row
    for rows in _split_rows(body, table):
        require_rows(next_row - 1 + _count(rows), options.most_rows)
        raw = _make_delimited_rows(rows, header, next_row, escaped.is_set())
        next_row += len(raw.row_numbers)
        yield raw


def _open_table(
    text: Iterator[bytes], format_name: str, options: ReadOptions
) -> tuple[Header, _Table, Iterator[bytes]]:
    """Return the header of a text, how its fields are split, and the text below the header.

    A function of its own, so that the start of the text is not kept in memory as long as the rest is read.
    """
    head = _read_head(text)
    header = read_header(head, format_name, options)
    start = head[header.size :]
    table = _Table(
        header.separator,
        width := len(header.names),
        find_style(start, len(head) < HEADER_BYTES, header.separator, width),
    )
    body = chain([start], text)
    rewrite = {"escaped": unescape, "dumped": write_out_breaks}.get(table.style, iter)
    return header, table, rewrite(body)


def _read_head(text: Iterator[bytes]) -> bytes:
    """Return the start of a CSV or TSV text, which is long enough for its header."""
    head = b""
    while len(head) < HEADER_BYTES and (more := next(text, None)) is not None:
        head += more
    return head


# From text to rows


def _split_rows(text: Iterator[bytes], table: _Table) -> Iterator[_Rows]:
    """Yield the parsed text in pieces; each piece ends at the end of a row."""
    rest, done = b"", 0
    may_be_plain = table.separator != "\t" or not table.has_quotes
    while may_be_plain and (chunk := next(text, None)) is not None:
        end = _find_line_break(chunk, table.separator)
        rows = _parse_plain(rest, chunk, end, table) if end else None
        if rows is None:
            text = chain([chunk], text)
            break
        yield rows
        rest, done = chunk[end:], done + _count(rows)
    yield from _split_carefully(rest, done, text, table)


def _split_carefully(rest: bytes, done: int, text: Iterator[bytes], table: _Table) -> Iterator[_Rows]:
    """Yield what comes after `done` rows, likewise: the text after `rest`, of which fields may have line breaks."""
    finders: tuple[Callable[[bytes, str], int], ...] = (
        _find_line_break,
        _find_end_by_counting,
        _find_end_by_reading,
    )
    for chunk in text:
        rest += chunk
        for tried, find_end in enumerate(finders):
            end = find_end(rest, table.separator)
            rows = _parse_strict(rest, end, table, done) if end else None
            if rows is not None:
                # A way that failed once would fail again: this file has line breaks or quotes in its texts.
                finders = finders[tried:]
                rest = rest[end:]
                done += _count(rows)
                yield rows
                break
        if len(rest) > ROW_BYTES:
            raise refusal("csv_broken", f"after row {done:,} a row is too long, or a quote is never closed")
    rows = _parse_strict(rest, len(rest), table, done)
    if rows is None:
        raise refusal("csv_broken", f"a quote opened after row {done:,} is not closed by the end of the file")
    yield rows


def _find_line_break(data: bytes, separator: str) -> int:
    """Return the position after the last line break; 0 if there is none. Wrong if it is inside a quoted field."""
    return data.rfind(_choose_line_break(data)) + 1


def _find_end_by_counting(data: bytes, separator: str) -> int:
    """Return the position after the last line break with an even number of quotes before it; 0 if there is none.

    Wrong if there are quotes inside fields that are not quoted themselves.
    """
    characters, line_break = np.frombuffer(data, np.uint8), _choose_line_break(data)[0]
    quotes = np.count_nonzero(characters == _QUOTE)
    # From the end, where such a line break is likely; in steps, since a file may consist of line breaks.
    for stop in range(len(data), 0, -_COUNTED_BYTES):
        start = max(0, stop - _COUNTED_BYTES)
        counted = np.cumsum(characters[start:stop] == _QUOTE)
        quotes -= counted[-1]
        ends = np.flatnonzero((characters[start:stop] == line_break) & ((quotes + counted) % 2 == 0))
        if len(ends):
            return start + int(ends[-1]) + 1
    return 0


def _find_end_by_reading(data: bytes, separator: str) -> int:
    """Return the end of the last complete row, matching field after field as Arrow does; 0 if there is none."""
    plain = rb"[^%b\r\n]*+" % re.escape(separator.encode())
    field = rb'(?:"(?:[^"]++|"")*+(?:"%b|\Z)|%b)(?:%b|(\r\n?|\n)|\Z)'
    end = 0
    for match in re.finditer(field % (plain, plain, re.escape(separator.encode())), data):
        end = match.end() if match[1] else end
    return end


def _choose_line_break(data: bytes) -> bytes:
    """Return the line break of a CSV or TSV text."""
    return b"\n" if b"\n" in data else b"\r"


def _parse_plain(rest: bytes, chunk: bytes, end: int, table: _Table) -> _Rows | None:
    """Parse `rest` and a chunk up to `end`; return None if that ends inside a field, or a field has a line break.

    They are not joined before, which would take a tenth of the time of reading.
    """
    rows = _parse_delimited((rest, memoryview(chunk)[:end]), table)
    if rows is None or not table.has_quotes or (b'"' not in rest and chunk.find(b'"', 0, end) < 0):
        return rows
    return None if _has_break_inside(rows, _choose_line_break(chunk)) else rows


def _parse_strict(data: bytes, end: int, table: _Table, done: int) -> _Rows | None:
    """Parse text up to `end`, below `done` rows, as `_parse_delimited` does; refuse (csv_broken) wrong quotes."""
    text = memoryview(data)[:end]
    rows = _parse_delimited((text,), table)
    if rows is None or not table.has_quotes or data.find(b'"', 0, end) < 0:
        return rows
    if table.separator != "\t" and not _has_break_inside(rows, _choose_line_break(data)):
        return rows
    if (place := find_wrong_quote(text, table.separator)) is None:
        return rows
    end = _find_end_by_reading(data[:place], table.separator)
    before = _parse_delimited((text[:end],), table)
    raise refuse_wrong_quote(done + (_count(before) if before else 0), table.separator)


def _has_break_inside(rows: _Rows, line_break: bytes) -> bool:
    """Return whether any field has the line break of its text."""
    if any(_BREAKS.search(line.strip()) for _, line in rows.misshapen.values()):
        return True
    data = (column.buffers()[2] for column in rows.batch.columns)
    return any(_has_break(memoryview(each), line_break) for each in data if each is not None)


def _has_break(data: memoryview, line_break: bytes) -> bool:
    """Return whether bytes have a line break. They are searched in steps, whose memory need not be asked for anew."""
    steps = range(0, len(data), _COUNTED_BYTES)
    return any(line_break in bytes(data[start : start + _COUNTED_BYTES]) for start in steps)


def _parse_delimited(pieces: Sequence[bytes | memoryview], table: _Table) -> _Rows | None:
    """Parse delimited text, in pieces, into rows; return None if it ends inside a quoted field."""
    names = [str(position) for position in range(table.width)]
    misshapen: dict[int, tuple[str, str]] = {}

    def collect_misshapen(row: pa_csv.InvalidRow) -> str:
        detail = f"{count(row.actual_columns, 'field')} where the header has {row.expected_columns:,}"
        misshapen[row.number] = (detail, row.text)
        return "skip"

    buffer = _frame(pieces, table)
    with refusing("csv_broken", lambda: "it can't be split into rows"):
        parsed = pa_csv.read_csv(
            pa.BufferReader(buffer),
            # Only with one thread does Arrow know the row numbers that `collect_misshapen` needs.
            pa_csv.ReadOptions(use_threads=False, block_size=buffer.size + 1, column_names=names),
            pa_csv.ParseOptions(
                delimiter=table.separator,
                quote_char='"' if table.has_quotes else False,
                newlines_in_values=True,
                invalid_row_handler=collect_misshapen,
            ),
            pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), check_utf8=False),
        )
    if not parsed.num_rows or parsed.column(0)[-1].as_py() != _END:
        return None
    batch = parsed.to_batches()[0].slice(0, parsed.num_rows - 1)
    if table.style == "dumped":
        batch = pa.RecordBatch.from_arrays(list(map(decode_dump, batch.columns)), batch.schema.names)
    return _Rows(batch, misshapen)


def _frame(pieces: Sequence[bytes | memoryview], table: _Table) -> pa.Buffer:
    """Return delimited text between an empty line and a row of `_END`, in Arrow's own memory.

    A thread of Arrow would release memory of Python. Without the empty line, Arrow would remove a byte order mark that
    belongs to the first text.
    """
    end = ("\n" + table.separator.join([_END] * table.width) + "\n").encode()
    framed = [np.frombuffer(piece, np.uint8) for piece in (b"\n", *pieces, end) if len(piece)]
    buffer = pa.allocate_buffer(sum(map(len, framed)))
    np.concatenate(framed, out=np.frombuffer(buffer, np.uint8))
    return buffer


def _make_delimited_rows(rows: _Rows, header: Header, first_row: int, escaped: bool) -> RawRows:
    """Return the rows of a piece in file order, misshapen ones with a defect; `escaped`: undo `escape_invalid`."""
    arrays, size = rows.batch.columns, _count(rows)
    is_bad = np.zeros(size, dtype=bool)
    is_bad[[number - 1 for number in rows.misshapen]] = True
    decoded = [restore_column(array) if escaped else (array, {}) for array in arrays]
    row_numbers = np.arange(first_row, first_row + size)
    numbers = pa.array(row_numbers[~is_bad], pa.int64())
    defects = find_headers(arrays, header.names, numbers, header.separator)
    table = (header.reading, header.names, header.columns)
    well_shaped = make_raw_rows(table, decoded, numbers, defects)
    return (
        _insert_misshapen(well_shaped, rows.misshapen, is_bad, row_numbers) if rows.misshapen else well_shaped
    )


def _insert_misshapen(
    well_shaped: RawRows,
    misshapen: Mapping[int, tuple[str, str]],
    is_bad: NDArray[np.bool_],
    row_numbers: NDArray[np.int64],
) -> RawRows:
    """Insert the misshapen rows, at the positions that the mask `is_bad` [n] marks, between the others.

    They get no values of further columns.
    """
    places = pa.array(np.cumsum(~is_bad) - 1, pa.int64(), mask=is_bad)
    positions = np.flatnonzero(~is_bad).tolist()
    defects = {positions[place]: defect for place, defect in well_shaped.defects.items()}
    for number, (detail, line) in misshapen.items():
        defects[number - 1] = Defect("row_shape", detail, restore_bytes(line))
    further = None if well_shaped.further is None else well_shaped.further.take(places)
    known = {ours: array.take(places) for ours, array in well_shaped.known.items()}
    numbers = pa.array(row_numbers, pa.int64())
    return replace(well_shaped, row_numbers=numbers, known=known, further=further, defects=defects)


def _count(rows: _Rows) -> int:
    """Count the rows of a piece of a delimited text, misshapen ones too."""
    return len(rows.batch) + len(rows.misshapen)
