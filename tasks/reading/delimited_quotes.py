r"""Finds out how a delimited text protects its fields: by quotes, doubled inside, by backslashes, or not at all.

Quotes are doubled (RFC 4180) unless the start of the text shows otherwise. MySQL and the older sets of Kaggle write
`\"` inside a quoted field; here it becomes a doubled quote. Many programs that write tabs protect nothing: a quote is a
character like any other there, and would swallow the rows up to the next one if it were taken for a protection. Dumps
of PostgreSQL, MySQL and ClickHouse with tabs write a line break as `\n`, a tab as `\t`, null as `\N`, and some of them
an apostrophe as `\'`; `INTO OUTFILE` of MySQL writes a backslash before the line break or the tab itself.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.errors import FileRefusedError
from tasks.support.refusals import refusal

QuoteStyle = Literal["doubled", "escaped", "dumped", "none"]

_ESCAPED = re.compile(rb'\\(["\\]|\r?\n)')
_ESCAPE_AT_END = re.compile(rb"(?<!\\)(?:\\\\)*(\\\r?)\Z")
_DUMP_PAIR = re.compile(rb"\\[\\ntrbfv0N'\"]")
_OTHER_ESCAPE = re.compile(rb"\\(?!\Z)")
_KEPT_BREAKS = (b"\\\n", b"\\\r\n", b"\\\t")
_KEPT_BREAK = re.compile(rb"\\(?:(\r?\n)|(\t)|[^\r\n\t])")
_QUOTE = ord('"')
_FEW_QUOTES = 8
"""Bytes of a text for each quote from which on its places take little memory."""
_MANY_QUOTES = 1 << 19
"""Quotes whose places take little memory in every text."""
_RARE_QUOTES = 256
"""Bytes of a text for each quote from which on it is faster to look for them eight bytes at a time."""
_QUOTED = re.compile(rb'(?:\A|[\t\r\n])"')
_HELD = "\ufffe"
"""Stands for a backslash of the database while others are decoded."""
_USUAL_ESCAPES = (("\\\\", _HELD), ("\\n", "\n"), ("\\t", "\t"))
_RARE_ESCAPES = {"r": "\r", "'": "'", '"': '"', "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
_WRONG_QUOTE = "a quoted field goes on after its closing quote, though quotes protect other fields"
_STRAY_QUOTE = (
    "a quote opens a field of several lines that goes on after its closing quote, so one of them is stray"
)


def find_style(start: bytes, is_whole: bool, separator: str, width: int) -> QuoteStyle:
    """Return how a text of rows of `width` fields protects these, as its start shows; `is_whole`: that is all of it.

    Raises `FileRefusedError`: csv_broken, if quotes protect some fields and are characters of others.
    """
    is_dump = separator == "\t" and _is_dump(start, width)
    if is_dump and not _QUOTED.search(start):
        return "dumped"
    is_escaped = b"\\" in start and b'\\"' in start  # a single byte is found far faster
    if separator != "\t" and not is_escaped:
        return "doubled"
    if b'"' not in start or _keeps_style(start, is_whole, separator, escaped=False):
        return "doubled"
    if is_escaped and _keeps_style(start, is_whole, separator, escaped=True):
        return "escaped"
    if separator != "\t":
        return "doubled"
    if _needs_quotes(start[: _measure_strict(start, separator)], separator):
        raise refusal("csv_broken", _WRONG_QUOTE)
    return "dumped" if is_dump else "none"


def find_wrong_quote(rows: memoryview, separator: str) -> int | None:
    """Return where in complete rows a field begins whose quotes are wrong; None if there is none.

    With tabs it is a quoted field that goes on after its closing quote; with other separators only one that has a line
    break too: its second quote may have been that of another row.
    """
    if _is_surely_strict(rows, True, separator):
        return None
    place = _measure_strict(rows, separator, may_go_on=separator != "\t")
    return place if place < len(rows) else None


def refuse_wrong_quote(rows_before: int, separator: str) -> FileRefusedError:
    """Return the refusal (csv_broken) of a text with a wrong quote in the row after `rows_before` ones."""
    fault = _WRONG_QUOTE if separator == "\t" else _STRAY_QUOTE
    return refusal("csv_broken", f"after row {rows_before:,} {fault}")


def unescape(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a text with doubled quotes instead of escaped ones, and line breaks without the backslash before them."""
    for data in _cut_outside_escapes(chunks):
        yield _ESCAPED.sub(lambda match: b'""' if match[1] == b'"' else match[1], data)


def write_out_breaks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    r"""Yield a dump with `\n` and `\t`, as most databases write them, for a backslash before a line break or a tab."""
    yield from map(_write_out_breaks, _cut_outside_escapes(chunks))


def _cut_outside_escapes(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a text in pieces of which none ends between a backslash and what it escapes."""
    rest = b""
    for chunk in chunks:
        data = rest + chunk
        cut = _ESCAPE_AT_END.search(data) if data.endswith((b"\\", b"\\\r")) else None
        end = cut.start(1) if cut else len(data)
        rest = data[end:]
        yield data[:end]
    yield rest


def _write_out_breaks(data: bytes) -> bytes:
    """Return a piece of a dump that ends outside of an escape, as `write_out_breaks` does."""
    if not any(escape in data for escape in _KEPT_BREAKS):
        return data
    return _KEPT_BREAK.sub(lambda match: rb"\n" if match[1] else rb"\t" if match[2] else match[0], data)


def decode_dump(column: pa.Array) -> pa.Array:
    """Return n fields of a dump as they were in the database, null as an empty text."""
    if not pc.any(pc.match_substring(column, "\\")).as_py():
        return column
    column = pc.if_else(pc.equal(column, r"\N"), "", column)
    for written, meant in _USUAL_ESCAPES:
        column = pc.replace_substring(column, written, meant)
    if pc.any(pc.match_substring(column, "\\")).as_py():
        for letter, meant in _RARE_ESCAPES.items():
            column = pc.replace_substring(column, f"\\{letter}", meant)
    return pc.replace_substring(column, _HELD, "\\")


def _is_dump(start: bytes, width: int) -> bool:
    """Return whether each backslash in the start of a text is one of a dump.

    One before a line break is not if both lines are whole rows: then a text ends with it.
    """
    if b"\\" not in start:
        return False
    whole = _write_out_breaks(start)
    if _OTHER_ESCAPE.search(_DUMP_PAIR.sub(b"", whole)):
        return False
    return whole is start or (width > 1 and all(line.count(b"\t") < width for line in whole.split(b"\n")))


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
    count = np.count_nonzero(is_quote)
    if count > max(len(characters) // _FEW_QUOTES, _MANY_QUOTES) or (is_whole and count % 2):
        return False
    are_rare = count < len(characters) // _RARE_QUOTES
    places = _find_places(is_quote) if are_rare else np.flatnonzero(is_quote)
    may_be_beside = np.isin(np.arange(256), [_QUOTE, *separator.encode(), *b"\r\n"])
    opening, closing = places[::2], places[1::2]
    before = characters[opening[opening > 0] - 1]
    after = characters[closing[closing < len(characters) - 1] + 1]
    return bool(may_be_beside[before].all() and may_be_beside[after].all())


def _find_places(marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the positions of the true ones of n marks, of which few are: eight at a time, which is far faster."""
    whole = len(marks) - len(marks) % 8
    eights = np.flatnonzero(marks[:whole].view(np.uint64))
    found, beside = np.nonzero(marks[:whole].reshape(-1, 8)[eights])
    return np.concatenate([eights[found] * 8 + beside, whole + np.flatnonzero(marks[whole:])])


def _measure_strict(
    data: bytes | memoryview, separator: str, escaped: bool = False, *, may_go_on: bool = False
) -> int:
    """Return the bytes up to the first quoted field that does not end with its closing quote.

    `may_go_on`: it may, if it has no line break.
    """
    match = _compile_fields(separator, escaped, may_go_on).match(data)
    return match.end() if match else 0


def _needs_quotes(data: bytes, separator: str) -> bool:
    """Return whether a quoted field has what only a quoted field can have, in a text whose quotes are all right."""
    needing = re.compile(rb'""|[%b\r\n]' % re.escape(separator.encode()))
    return any(map(needing.search, _compile_quoted(separator).findall(data)))


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
