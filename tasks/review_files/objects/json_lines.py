"""Reads the rows of JSON lines files: each line is an object, whose keys are the columns of its row.

Lines end with LF or CRLF; empty lines are ignored. Keys may differ between lines; a line with two values of one key has
a defect. NaN and Infinity, which some programs write, become null. A line that is not an object, or has bytes that are
not UTF-8, is reported with a defect, and the other lines are read. A .jsonl file that is a JSON array, or has an
object over several lines, is refused.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from tasks.review_files.encodings import to_utf8
from tasks.review_files.grouping_items import group_into_batches
from tasks.review_files.objects.lines_or_document import split_comments
from tasks.review_files.objects.nested_reviews import require_rows_text
from tasks.review_files.objects.object_rows import (
    MAX_DEPTH,
    MAX_KEYS,
    TYPE_NAMES,
    ObjectRow,
    Select,
    drop_invalid,
    is_deeper,
    make_object_rows,
    make_surveyed_rows,
)
from tasks.review_files.options import KEPT_BYTES, ReadOptions, require_rows
from tasks.review_files.plans.normalized_names import quote_name
from tasks.review_files.raw_rows import Defect, RawRows
from tasks.support.refusals import refusal

# The beginning of JSON's escape of half a surrogate pair, \\ud800 to \\udfff.
_HALF_PAIRS = (b"\\ud", b"\\uD")
_DECODER = json.JSONDecoder(parse_constant=lambda name: None)
_MOST_COMMENTS = 100
"""First lines in which comments are looked for."""
_KEY_END = b'":'
"""The end of a key, as most programs write it."""

_Line = tuple[bytes, int]  # A line, or the start of one that is too long; the whole line's bytes.


def read_json_lines(chunks: Iterator[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a JSON lines file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: the rules of `read_lines` and of `to_utf8`.
    """
    return read_lines(to_utf8(chunks, options), first_row, options)


def read_lines(text: Iterator[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of lines of objects, given as UTF-8; the first one gets the number `first_row`.

    Raises `FileRefusedError`: json_broken, text_column_missing if no row of the first batch has a text.
    """
    longest = options.batch_bytes
    most = options.most_rows - first_row + 1
    all_lines = _split_lines(text, longest, most)
    lines = (line for line in all_lines if line[0] and not line[0].isspace())
    select = Select(options.column_plan)
    next_row = first_row
    for group in group_into_batches(
        lines, lambda line: len(line[0]), options.batch_rows, options.batch_bytes
    ):
        if next_row == first_row:
            _require_lines([line for line, _ in group[:_MOST_COMMENTS]])
        rows = [_parse_line(line, length, longest, select) for line, length in group]
        if next_row == first_row:
            require_rows_text(rows, select, options.column_plan)
        yield make_object_rows(rows, select, next_row)
        next_row += len(rows)


def survey_json_lines(chunks: Iterator[bytes], options: ReadOptions) -> Iterator[RawRows]:
    """Yield the dates, labels and ratings of a JSON lines file, in the same batches as `read_json_lines`.

    A batch is decoded at once, which is faster than line by line; so some broken lines are not noticed.
    """
    longest = options.batch_bytes
    all_lines = _split_lines(to_utf8(chunks, options), longest, options.most_rows)
    lines = (line for line in all_lines if line[0] and not line[0].isspace())
    select = Select(options.column_plan)
    for group in group_into_batches(
        lines, lambda line: len(line[0]), options.batch_rows, options.batch_bytes
    ):
        objects = _decode_lines([line for line, _ in group])
        if objects is None:
            rows = [_parse_line(line, length, longest, select) for line, length in group]
        else:
            rows = [(row, None) for row in objects]
        yield make_surveyed_rows(rows, select)


def _decode_lines(lines: Sequence[bytes]) -> list[dict[str, Any]] | None:
    """Return the objects of lines; None if they can't be decoded at once."""
    try:
        rows = _DECODER.decode(f"[{b','.join(lines).decode()}]")
    except (ValueError, RecursionError):
        return None
    return rows if len(rows) == len(lines) and all(isinstance(row, dict) for row in rows) else None


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


def _require_lines(lines: Sequence[bytes]) -> None:
    """Refuse a JSON file that is not one object a line, as its first lines show."""
    comments, below = split_comments(b"\n".join(lines).decode("utf-8", "replace"))
    first = below.lstrip().partition("\n")[0].rstrip()
    if comments and (first.startswith("[") or first == "{"):
        raise refusal("json_broken", f"{comments}: delete them, and call it .json")
    if first.startswith("["):
        problem = "this is a JSON array, not one object a line: call it .json"
        raise refusal("json_broken", f"{problem}; of several arrays, jq -c '.[]' writes the objects as lines")
    if first == "{":
        raise refusal(
            "json_broken",
            "its first object goes over many lines: if it holds one array, call it .json",
        )


def _parse_line(line: bytes, length: int, longest: int, select: Select) -> ObjectRow:
    """Parse one line; return its object and None, or the usable columns and the defect."""
    if length > longest:
        detail = f"a line of {length:,} bytes, the limit is {longest:,}"
        return {}, Defect("text_too_long", detail, line[:KEPT_BYTES])
    text, is_utf8 = _decode_line(line)
    try:
        row = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return {}, Defect("row_shape", f"not JSON from character {error.pos + 1:,} on", line)
    except (ValueError, RecursionError):
        return {}, Defect("row_shape", "a number with too many digits, or lists too deep in each other", line)
    if not isinstance(row, dict):
        return {}, Defect("row_shape", f"{TYPE_NAMES.get(type(row), 'a text or null')}, not an object", line)
    if len(row) > MAX_KEYS:
        return {}, Defect("row_shape", f"an object of {len(row):,} keys, the limit is {MAX_KEYS:,}", line)
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and is_deeper(row, MAX_DEPTH):
        return {}, Defect("row_shape", f"objects or lists more than {MAX_DEPTH} deep in each other", line)
    if _may_repeat_key(line, row) and (repeated := _find_repeated_key(text)) is not None:
        return {}, Defect("row_shape", f"the key {quote_name(repeated)} has several values", line)
    if is_utf8 and not any(half in line for half in _HALF_PAIRS):
        return row, None
    return drop_invalid(row, line, select)


def _may_repeat_key(line: bytes, row: dict[str, Any]) -> bool:
    """Return whether a line may have a key twice: it does not show as many keys as were decoded."""
    shown = line.count(_KEY_END)
    return shown != len(row) and shown != _count_keys(row)


def _count_keys(value: Any) -> int:
    """Return the number of keys of all objects in a JSON value."""
    if isinstance(value, dict):
        return len(value) + sum(map(_count_keys, value.values()))
    return sum(map(_count_keys, value)) if isinstance(value, list) else 0


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
