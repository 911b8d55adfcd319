r"""Reads the rows of CSV and TSV files and of others whose fields one character separates.

The separator is what the profile or a first line such as `sep=;` says, else the only usual one by which the first rows
have one width. The header is the first row that is not empty, at or below the line that the profile names. Lines end
with LF, CR or CRLF; empty lines are ignored. There are no nulls: an empty field is an empty text. A row is reported
with a defect if its number of fields is not that of the header, if a field is not UTF-8, or if it repeats the header,
as in concatenated files; the other rows are read.

Quotes are `"`, doubled inside (RFC 4180), and a quoted field may have line breaks, unless the start of the text shows
otherwise: if each quote inside a quoted field is `\"`, it becomes a doubled one. Many programs that write tabs protect
nothing: a quote is a character like any other there, and would swallow the rows up to the next one if it were taken for
a protection.

The text is cut into pieces that end with a row, and Arrow parses each. Arrow's own streaming reader is not used: it
calls Python from its threads, which may crash the program at its end.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from threading import Event
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from data_contracts.errors import FileRefusedError
from data_contracts.sources.profile import is_delimiter
from tasks.reading.columns import (
    MAX_COLUMNS,
    MOST_KEPT,
    Columns,
    Reading,
    choose_reading,
    name_columns,
    select_columns,
)
from tasks.reading.rows import (
    Defect,
    RawRows,
    ReadOptions,
    find_headers,
    make_raw_rows,
    number_rows,
    require_rows,
)
from tasks.reading.streams import cut_anew, read_head
from tasks.reading.text import escape_invalid, restore_bytes, restore_column, to_utf8
from tasks.support.refusals import refusal, refusing
from tasks.support.wording import count

ROW_BYTES = 16 << 20
"""Most bytes of one row, its line breaks included."""
HEADER_BYTES = 1 << 20
_PIECE_BYTES = 1 << 14
_ROWS_TRIED = 20
_SEPARATORS = {"csv": (",", ";", "\t", "|"), "tsv": ("\t", ",", ";", "|")}
"""The separators to try, in this order, by format."""
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_STATED = re.compile(rb'[\r\n]*"?sep=([^\r\n])"?[ \t]*(?:\r\n|\r|\n)', re.IGNORECASE)
_OTHER_ENCODING = (
    "the column names are not UTF-8: save it as CSV UTF-8, or name its `encoding` in the profile of its source, such "
    "as cp1252"
)

_COUNTED_BYTES = 1 << 16
_NAMES_BYTES = 64 << 20
"""Most bytes of the names of further columns in the rows of a piece."""
_BREAKS = re.compile(r"[\r\n]")
# A row of these is added to the end of each piece. If a quote is left open, it is missing from the parsed rows.
_END = "\ufdd0endofthepiece"
_QUOTE = ord('"')

_ESCAPED = re.compile(rb'\\(["\\]|\r?\n)')
_ESCAPE_AT_END = re.compile(rb"(?<!\\)(?:\\\\)*(\\\r?)\Z")
_FEW_QUOTES = 8
"""Bytes of a text for each quote from which on its places take little memory."""
_MANY_QUOTES = 1 << 19
"""Quotes whose places take little memory in every text."""
_WRONG_QUOTE = "a quoted field goes on after its closing quote, though quotes protect other fields"
_MIXED_QUOTES = 'some quotes in fields are `\\"`, but not all fields can be read so: export it again'
_STRAY_QUOTE = (
    "a quote opens a field of several lines that goes on after its closing quote, so one of them is stray"
)
_Style = Literal["doubled", "escaped", "none"]
"""How quotes in a field are written, or that none protects it."""


@dataclass(frozen=True)
class _Table:
    """How a delimited text is read."""

    separator: str
    names: list[str]
    reading: Reading
    columns: Columns
    style: _Style

    @property
    def has_quotes(self) -> bool:
        """Whether quotes protect fields; else they are characters like any other."""
        return self.style != "none"


@dataclass(frozen=True)
class _Rows:
    """The rows of one piece of a delimited text."""

    batch: pa.RecordBatch
    """The rows with as many fields as the header, in string columns."""
    misshapen: Mapping[int, tuple[str, str]]
    """The other rows: number, from 1 among all rows of the piece -> detail and line."""

    def __len__(self) -> int:
        """Count all rows."""
        return len(self.batch) + len(self.misshapen)


def read_delimited(
    chunks: Iterator[bytes], format_name: str, first_row: int, options: ReadOptions
) -> Iterator[RawRows]:
    """Yield the rows of a CSV or TSV file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: header_broken, csv_broken, header_changed, and the rules of `choose_reading` and
    `to_utf8`.
    """
    escaped = Event()
    text = _bound_lines(escape_invalid(to_utf8(chunks, options), escaped.set), options.most_rows)
    table, body = _open_table(text, format_name, options)
    next_row = first_row
    for rows in _split_rows(_cut_small(body, table), table):
        require_rows(next_row - 1 + len(rows), options.most_rows)
        yield _make_rows(rows, table, next_row, escaped.is_set())
        next_row += len(rows)


def _bound_lines(text: Iterator[bytes], most: int) -> Iterator[bytes]:
    """Yield a text; refuse one of more lines than `most`, since empty ones are no rows and take time too."""
    feeds = returns = 0  # a line ends in one of them, or in both
    for chunk in text:
        feeds += chunk.count(b"\n")
        returns += chunk.count(b"\r")
        require_rows(max(feeds, returns), most)
        yield chunk


# Header


def _open_table(
    text: Iterator[bytes], format_name: str, options: ReadOptions
) -> tuple[_Table, Iterator[bytes]]:
    """Return how a text is read, and what is below its header.

    A function of its own, so that the start of the text is not kept in memory as long as the rest is read.
    """
    head = read_head(text, HEADER_BYTES)
    stated = _STATED.match(head)
    below = head[stated.end() :] if stated else head
    separator = _choose_separator(below, format_name, options, stated)
    [(fields, size)] = _split_head(below, separator, 1, options)
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
    if options.profile and options.profile.file.header == 0:
        names, size = name_columns(len(fields)), 0
    reading = choose_reading(names, options.profile)
    start = below[size:]
    style = _find_style(start, len(head) < HEADER_BYTES, separator)
    table = _Table(separator, names, reading, select_columns(names, reading.profile), style)
    body = chain([start], text)
    return table, unescape(body) if style == "escaped" else body


def _choose_separator(
    head: bytes, format_name: str, options: ReadOptions, stated: re.Match[bytes] | None
) -> str:
    """Return the separator of a text: the one that is stated, else the one by which its first rows are a table."""
    if options.profile and options.profile.file.delimiter:
        return options.profile.file.delimiter
    if stated and is_delimiter(stated[1].decode("latin-1")):
        return stated[1].decode("latin-1")
    widths: dict[str, list[int]] = {}
    for separator in _SEPARATORS[format_name]:
        try:
            rows = _split_head(head, separator, 1 + _ROWS_TRIED, options)
            widths[separator] = [len(fields) for fields, _ in rows]
        except FileRefusedError:
            widths[separator] = [0]
    usual = [
        separator for separator, found in widths.items() if found[0] > 1 and set(found[1:]) <= {found[0]}
    ]
    if len(usual) > 1:
        problem = f"{_NAMES[usual[0]]} and {_NAMES[usual[1]]} may both separate its columns"
        raise refusal("header_broken", f"{problem}: say which in its profile: [file] delimiter")
    if usual:
        return usual[0]
    # Some rows are broken: the separator by which the header has most names is the likely one.
    return max(widths, key=lambda separator: widths[separator][0])


def _split_head(head: bytes, separator: str, most: int, options: ReadOptions) -> list[tuple[list[str], int]]:
    """Return the fields of the header and of rows below it that are not empty, and the position after each.

    The last row of a text that goes on is left out, since it may be cut off.
    """
    sizes: list[int] = []
    reader = csv.reader(_decode_lines(head, sizes.append), delimiter=separator, strict=True)
    rows: list[tuple[list[str], int]] = []
    first_line = options.profile.file.header if options.profile else 1
    size = done = 0
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
            problem = "a quote in the first row is not closed as it should be"
            raise refusal("header_broken", problem) from error
    if not rows:
        where = (
            "" if first_line == 1 else f" from line {first_line} on, which the profile says to be the header"
        )
        raise refusal("header_broken", f"there are only empty lines{where}")
    return rows[:-1] if len(rows) > 1 and size >= HEADER_BYTES else rows


def _decode_lines(head: bytes, note_size: Callable[[int], None]) -> Iterator[str]:
    """Yield the lines of a text with their breaks; it is split in pieces, since the first ones are mostly enough."""
    last = b""
    for start in range(0, len(head), _PIECE_BYTES):
        *lines, last = (last + head[start : start + _PIECE_BYTES]).splitlines(keepends=True)
        for line in lines:
            note_size(len(line))
            yield line.decode("utf-8", "replace")
    if last:
        note_size(len(last))
        yield last.decode("utf-8", "replace")


# From text to rows


def _cut_small(text: Iterator[bytes], table: _Table) -> Iterator[bytes]:
    """Yield a text in pieces whose rows take little memory, though each keeps the names of its further columns."""
    kept = min(sum(map(len, table.columns.further)), MOST_KEPT)
    least_row_bytes = max(len(table.names), 2)  # a separator or a line break for each column
    most = max(least_row_bytes * _NAMES_BYTES // max(kept, 1), 1)
    for chunk in text:
        yield from (chunk[start : start + most] for start in range(0, len(chunk), most))


def _split_rows(text: Iterator[bytes], table: _Table) -> Iterator[_Rows]:
    """Yield the parsed text in pieces; each piece ends at the end of a row."""
    finders: tuple[Callable[[bytes, str], int], ...] = (
        _find_line_break,
        _find_end_by_counting,
        _find_end_by_reading,
    )
    rest, done, next_try = b"", 0, 0
    for chunk in text:
        rest += chunk
        if len(rest) < next_try:
            continue
        for tried, find_end in enumerate(finders):
            end = find_end(rest, table.separator)
            rows = _parse_strict(rest, end, table, done) if end else None
            if rows is not None:
                # A way that failed once would fail again: this file has line breaks or quotes in its texts.
                finders = finders[tried:]
                rest, done, next_try = rest[end:], done + len(rows), 0
                yield rows
                break
        else:
            # With each chunk, the time for a row of many chunks would grow with the square of its length.
            next_try = min(2 * len(rest), ROW_BYTES + 1)
        if len(rest) > ROW_BYTES:
            raise refusal("csv_broken", f"after row {done:,} a row is too long, or a quote is never closed")
    if done and not rest:  # parsing nothing takes as long as a small file
        return
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


def _parse_strict(data: bytes, end: int, table: _Table, done: int) -> _Rows | None:
    """Parse text up to `end`, below `done` rows, as `_parse` does; refuse (csv_broken) wrong quotes.

    Such is a quoted field that has a line break and goes on after its closing quote, which may have been that of
    another row.
    """
    text = memoryview(data)[:end]
    rows = _parse(text, table)
    if (
        rows is None
        or not _has_break_inside(rows, data, table)
        or _is_surely_strict(text, True, table.separator)
    ):
        return rows
    place = _measure_strict(text, table.separator, may_go_on=True)
    if place == len(text):
        return rows
    before = _parse(text[: _find_end_by_reading(data[:place], table.separator)], table)
    raise refusal("csv_broken", f"after row {done + len(before or ()):,} {_STRAY_QUOTE}")


def _has_break_inside(rows: _Rows, data: bytes, table: _Table) -> bool:
    """Return whether any field has the line break of its text, `data`; only one in quotes can have it."""
    if not table.has_quotes:
        return False
    line_break = _choose_line_break(data)[0]
    values = (np.frombuffer(column.buffers()[2] or b"", np.uint8) for column in rows.batch.columns)
    return any(_BREAKS.search(line.strip()) for _, line in rows.misshapen.values()) or any(
        (each == line_break).any() for each in values
    )


def _parse(text: memoryview, table: _Table) -> _Rows | None:
    """Parse delimited text into rows; return None if it ends inside a quoted field."""
    names = [str(position) for position in range(len(table.names))]
    misshapen: dict[int, tuple[str, str]] = {}

    def collect_misshapen(row: pa_csv.InvalidRow) -> str:
        detail = f"{count(row.actual_columns, 'field')} where the header has {row.expected_columns:,}"
        misshapen[row.number] = (detail, row.text)
        return "skip"

    # The text stands between an empty line and a row of `_END`, in Arrow's own memory: a thread of Arrow would release
    # memory of Python. Without the empty line, Arrow would remove a byte order mark that belongs to the first text.
    end = ("\n" + table.separator.join([_END] * len(names)) + "\n").encode()
    framed = [np.frombuffer(piece, np.uint8) for piece in (b"\n", text, end) if len(piece)]
    buffer = pa.allocate_buffer(sum(map(len, framed)))
    np.concatenate(framed, out=np.frombuffer(buffer, np.uint8))
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
    return _Rows(batch, misshapen)


def _make_rows(rows: _Rows, table: _Table, first_row: int, escaped: bool) -> RawRows:
    """Return the rows of a piece in file order, misshapen ones with a defect; `escaped`: undo `escape_invalid`."""
    arrays, numbers = rows.batch.columns, number_rows(first_row, len(rows))
    is_bad = np.zeros(len(rows), dtype=bool)
    is_bad[[number - 1 for number in rows.misshapen]] = True
    decoded = [restore_column(array) if escaped else (array, {}) for array in arrays]
    own_numbers = numbers.filter(pa.array(~is_bad)) if rows.misshapen else numbers
    headers = find_headers(arrays, table.names, own_numbers, table.separator)
    shaped = make_raw_rows((table.reading, table.names, table.columns), decoded, own_numbers, headers)
    if not rows.misshapen:
        return shaped
    # The misshapen rows come between the others, without values.
    places = pa.array(np.cumsum(~is_bad) - 1, pa.int64(), mask=is_bad)
    positions = np.flatnonzero(~is_bad).tolist()
    defects = {positions[place]: defect for place, defect in shaped.defects.items()}
    for number, (detail, line) in rows.misshapen.items():
        defects[number - 1] = Defect("row_shape", detail, restore_bytes(line))
    further = None if shaped.further is None else shaped.further.take(places)
    known = {ours: array.take(places) for ours, array in shaped.known.items()}
    return replace(shaped, row_numbers=numbers, known=known, further=further, defects=defects)


# How fields are protected


def _find_style(start: bytes, is_whole: bool, separator: str) -> _Style:
    """Return how a text protects its fields, as its start shows; `is_whole`: that is all of it.

    Raises `FileRefusedError`: csv_broken, if quotes protect some fields and are characters of others.
    """
    is_escaped = b"\\" in start and b'\\"' in start  # a single byte is found far faster
    if separator != "\t" and not is_escaped:
        return "doubled"
    if b'"' not in start or _keeps_style(start, is_whole, separator, escaped=False):
        return "doubled"
    if is_escaped and _keeps_style(start, is_whole, separator, escaped=True):
        return "escaped"
    if is_escaped and separator != "\t":
        raise refusal("csv_broken", _MIXED_QUOTES)
    if separator != "\t":
        return "doubled"
    # A quoted field that has what only a quoted field can have, where the quotes are right, shows that they protect.
    quoted = _compile_quoted(separator).findall(start[: _measure_strict(start, separator)])
    if any(map(re.compile(rb'""|[%b\r\n]' % re.escape(separator.encode())).search, quoted)):
        raise refusal("csv_broken", _WRONG_QUOTE)
    return "none"


def unescape(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a text with doubled quotes instead of escaped ones, and line breaks without the backslash before them."""

    def find_end(data: bytes) -> int:
        """Return the position of a backslash at the end that may escape what follows, else the end."""
        cut = _ESCAPE_AT_END.search(data) if data.endswith((b"\\", b"\\\r")) else None
        return cut.start(1) if cut else len(data)

    for data in cut_anew(chunks, find_end):
        yield _ESCAPED.sub(lambda match: b'""' if match[1] == b'"' else match[1], data)


def _keeps_style(start: bytes, is_whole: bool, separator: str, *, escaped: bool) -> bool:
    """Return whether every quoted field in the start of a text ends with its closing quote."""
    if not escaped and _is_surely_strict(start, is_whole, separator):
        return True
    end = _measure_strict(start, separator, escaped)
    is_cut = not is_whole and _compile_open(escaped).fullmatch(start, end) is not None
    return end == len(start) or is_cut


def _is_surely_strict(data: bytes | memoryview, is_whole: bool, separator: str) -> bool:
    """Return whether every quote opens a field, ends it, or is one of two inside it; `is_whole`: none may be left open.

    It is many times faster than to match field after field, but False for fields that have quotes and are not quoted.
    """
    characters = np.frombuffer(data, np.uint8)
    is_quote = characters == _QUOTE
    quotes = np.count_nonzero(is_quote)
    if quotes > max(len(characters) // _FEW_QUOTES, _MANY_QUOTES) or (is_whole and quotes % 2):
        return False
    places = np.flatnonzero(is_quote)
    may_be_beside = np.isin(np.arange(256), [_QUOTE, *separator.encode(), *b"\r\n"])
    opening, closing = places[::2], places[1::2]
    before = characters[opening[opening > 0] - 1]
    after = characters[closing[closing < len(characters) - 1] + 1]
    return bool(may_be_beside[before].all() and may_be_beside[after].all())


def _measure_strict(
    data: bytes | memoryview, separator: str, escaped: bool = False, *, may_go_on: bool = False
) -> int:
    """Return the bytes up to the first quoted field that does not end with its closing quote.

    `may_go_on`: it may, if it has no line break.
    """
    match = _compile_fields(separator, escaped, may_go_on).match(data)
    return match.end() if match else 0


def _name_inside(escaped: bool) -> bytes:
    """Return the pattern of what is inside a quoted field."""
    return rb'(?:[^"\\]++|\\[\s\S]|"")*+' if escaped else rb'(?:[^"]++|"")*+'


@cache
def _compile_fields(separator: str, escaped: bool, may_go_on: bool) -> re.Pattern[bytes]:
    """Return the pattern of any number of fields, with what ends them."""
    ends = rb"%b\r\n" % re.escape(separator.encode())
    going_on = rb'|"(?:[^"\r\n]++|"")*+"[^%b]*+' % ends if may_go_on else b""
    # Some programs fill fields up with blanks, also behind the quotes.
    blanks = rb"[ ]*+" if may_go_on else b""
    pattern = rb'(?:"%b"%b(?=[%b]|\Z)|[^"%b][^%b]*+|[%b]%b)*+'
    return re.compile(pattern % (_name_inside(escaped), blanks, ends, ends, ends, ends, going_on))


@cache
def _compile_quoted(separator: str) -> re.Pattern[bytes]:
    """Return the pattern of a field, whose group is what is inside its quotes."""
    ends = rb"%b\r\n" % re.escape(separator.encode())
    return re.compile(rb'"(%b)"|[^"%b][^%b]*+' % (_name_inside(False), ends, ends))


@cache
def _compile_open(escaped: bool) -> re.Pattern[bytes]:
    """Return the pattern of a quoted field that has no end."""
    return re.compile(rb'"%b\\?' % _name_inside(escaped))
