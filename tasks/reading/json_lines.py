"""Reads the rows of JSON lines files: each line is an object, whose keys are the columns of its row.

Lines end with LF or CRLF; empty lines are ignored. Keys may differ between lines; a line with two values of one key has
a defect. NaN and Infinity, which some programs write, become null. A line that is not an object, or has bytes that are
not UTF-8, is reported with a defect, and the other lines are read. A .jsonl file that begins with an array, or with an
object over several lines, is refused.
"""

import json
from collections.abc import Iterator
from typing import Any

from tasks.reading.columns import quote_name
from tasks.reading.encodings import to_utf8
from tasks.reading.grouping_items import group_into_batches
from tasks.reading.object_rows import ObjectRow, drop_invalid, make_batches, make_row
from tasks.reading.options import KEPT_BYTES, ReadOptions, require_rows
from tasks.reading.raw_rows import Defect, RawRows
from tasks.support.refusals import refusal

# The beginning of JSON's escape of half a surrogate pair, \\ud800 to \\udfff.
_HALF_PAIRS = (b"\\ud", b"\\uD")
_DECODER = json.JSONDecoder(parse_constant=lambda name: None)
_KEY_END = b'":'
"""The end of a key, as most programs write it."""

_Line = tuple[bytes, int]  # A line, or the start of one that is too long; the whole line's bytes.


def read_json_lines(chunks: Iterator[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a JSON lines file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: json_broken, and the rules of `choose_reading` and of `to_utf8`.
    """
    longest, most = options.batch_bytes, options.most_rows - first_row + 1
    all_lines = _split_lines(to_utf8(chunks, options), longest, most)
    lines = (line for line in all_lines if line[0] and not line[0].isspace())
    groups = group_into_batches(lines, lambda line: len(line[0]), options.batch_rows, options.batch_bytes)
    return make_batches(_parse_groups(groups, longest), first_row, options)


def _parse_groups(groups: Iterator[list[_Line]], longest: int) -> Iterator[list[ObjectRow]]:
    """Yield the objects of groups of lines."""
    for number, group in enumerate(groups):
        if number == 0:
            _require_lines(group[0][0])
        yield [_parse_line(line, length, longest) for line, length in group]


def _split_lines(chunks: Iterator[bytes], longest: int, most: int) -> Iterator[_Line]:
    """Yield the lines of a file with their lengths; of lines with more than `longest` bytes only the start.

    A file with more than `most` lines is refused (bomb_suspected). Empty lines count too: they are no rows, but take
    time.
    """
    start, length, lines = b"", 0, 0
    for chunk in chunks:
        first, *others = chunk.split(b"\n")
        lines += len(others)
        require_rows(lines, most)
        length += len(first)
        if len(start) <= longest:
            start += first[: longest + 1]
        if others:
            yield start, length
            *whole, start = others
            length = len(start)
            yield from ((line, len(line)) for line in whole)
    yield start, length


def _require_lines(first: bytes) -> None:
    """Refuse a file that is not one object a line, as its first line shows."""
    start = first.strip()
    if start.startswith(b"[") or start == b"{":
        raise refusal("json_broken", "it is one document, not an object a line: call it .json")


def _parse_line(line: bytes, length: int, longest: int) -> ObjectRow:
    """Parse one line; return its object and None, or the usable columns and the defect."""
    if length > longest:
        detail = f"a line of {length:,} bytes, the limit is {longest:,}"
        return {}, Defect("text_too_long", detail, line[:KEPT_BYTES])
    text, is_utf8 = _decode_line(line)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return {}, Defect("row_shape", f"not JSON from character {error.pos + 1:,} on", line)
    except (ValueError, RecursionError):
        return {}, Defect("row_shape", "a number with too many digits, or lists too deep in each other", line)
    row, defect = make_row(value, line)
    if defect is not None:
        return row, defect
    if line.count(_KEY_END) != len(row) and (repeated := _find_repeated_key(text)) is not None:
        return {}, Defect("row_shape", f"the key {quote_name(repeated)} has several values", line)
    return (
        (row, None) if is_utf8 and not any(half in line for half in _HALF_PAIRS) else drop_invalid(row, line)
    )


def _find_repeated_key(text: str) -> str | None:
    """Return a key that an object of a JSON text has with different values; None if there is none."""
    repeated: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            repeated.extend(name for name, value in pairs if value != found[name])
        return found

    json.loads(text, object_pairs_hook=look, parse_constant=lambda name: None)
    return repeated[0] if repeated else None


def _decode_line(line: bytes) -> tuple[str, bool]:
    """Decode a line and return whether it is UTF-8; bytes that are not UTF-8 become lone surrogates."""
    try:
        return line.decode(), True
    except UnicodeDecodeError:
        return line.decode("utf-8", "surrogateescape"), False
