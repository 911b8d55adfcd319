"""Reads the rows of JSON lines files: each line is an object, whose keys are the columns of its row.

Lines end with LF or CRLF; empty lines are ignored. Keys may differ between lines; if a key is repeated, its last value
counts. NaN and Infinity, which some programs write, become null. A line that is not an object, or has bytes that are
not UTF-8, is reported with a defect, and the other lines are read. A file that is a JSON array, or has an object over
several lines, is refused.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import pyarrow as pa

from tasks.review_files.batches import group_into_batches
from tasks.review_files.columns import COLUMN_NAMES, Columns, require_text, select_columns
from tasks.review_files.encodings import to_utf8
from tasks.review_files.options import KEPT_BYTES, ReadOptions, require_rows
from tasks.review_files.raw_rows import Defect, RawRows
from tasks.support.refusals import refusal

MAX_DEPTH = 64
"""Most levels of nested objects and lists."""
MAX_KEYS = 10_000
"""Most keys of one object, the same limit as for the columns of a CSV."""
MAX_KEY_SETS = 1000
"""Different sets of keys whose columns are cached."""
CACHED_KEYS = 100
"""Most keys of a set that is cached."""

# The beginning of JSON's escape of half a surrogate pair, \\ud800 to \\udfff.
_HALF_PAIRS = (b"\\ud", b"\\uD")
_DECODER = json.JSONDecoder(parse_constant=lambda name: None)
_TYPE_NAMES = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}

_Line = tuple[bytes, int]  # A line, or the start of one that is too long; the whole line's bytes.
_Row = tuple[dict[str, Any], Defect | None]
_Select = Callable[[tuple[str, ...]], Columns]


def read_json_lines(chunks: Iterator[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a JSON lines file; the first one gets the number `first_row`.

    Raises `FileRefusedError`: json_broken, text_column_missing if no row of the first batch has a text, and the rules
    of `to_utf8`.
    """
    longest = options.batch_bytes
    most = options.most_rows - first_row + 1
    all_lines = _split_lines(to_utf8(chunks), longest, most)
    lines = (line for line in all_lines if line[0] and not line[0].isspace())
    select = _cache_columns(options.text_column)
    next_row = first_row
    for group in group_into_batches(
        lines, lambda line: len(line[0]), options.batch_rows, options.batch_bytes
    ):
        if next_row == first_row:
            _require_lines(group[0][0])
        rows = [_parse_line(line, length, longest, select) for line, length in group]
        if next_row == first_row:
            _require_text(rows, select, options.text_column)
        yield _make_json_rows(rows, select, next_row)
        next_row += len(rows)


def _cache_columns(text_column: str | None) -> _Select:
    """Return a function from the keys of a line to its columns; it caches the columns of small sets of keys."""
    cached = lru_cache(MAX_KEY_SETS)(lambda names: select_columns(names, text_column))
    return lambda names: (cached if len(names) <= CACHED_KEYS else cached.__wrapped__)(names)


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


def _require_lines(first_line: bytes) -> None:
    """Refuse a JSON file that is not one object a line."""
    if first_line.lstrip().startswith(b"["):
        raise refusal("json_broken", "this is a JSON array, not one object a line; jq -c '.[]' converts it")
    if first_line.strip() == b"{":
        raise refusal("json_broken", "its first object goes over many lines; jq -c . puts it on one")


def _require_text(rows: Sequence[_Row], select: _Select, text_column: str | None) -> None:
    """Refuse a file if some of `rows` are objects, but none has a text column."""
    names = [tuple(row) for row, defect in rows if defect is None]
    if names and not any("text" in select(each).known for each in names):
        require_text(select(names[0]), names[0], text_column)


def _parse_line(line: bytes, length: int, longest: int, select: _Select) -> _Row:
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
        return {}, Defect("row_shape", f"{_TYPE_NAMES.get(type(row), 'a text or null')}, not an object", line)
    if len(row) > MAX_KEYS:
        return {}, Defect("row_shape", f"an object of {len(row):,} keys, the limit is {MAX_KEYS:,}", line)
    if line.count(b"[") + line.count(b"{") > MAX_DEPTH and _is_deeper(row, MAX_DEPTH):
        return {}, Defect("row_shape", f"objects or lists more than {MAX_DEPTH} deep in each other", line)
    if is_utf8 and not any(half in line for half in _HALF_PAIRS):
        return row, None
    return _drop_invalid(row, line, select)


def _decode_line(line: bytes) -> tuple[str, bool]:
    """Decode a line and return whether it is UTF-8; bytes that are not UTF-8 become lone surrogates."""
    try:
        return line.decode(), True
    except UnicodeDecodeError:
        return line.decode("utf-8", "surrogateescape"), False


def _is_deeper(value: Any, levels: int) -> bool:
    """Return whether a JSON value has more than `levels` levels of nested lists and objects."""
    if not isinstance(value, (dict, list)):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in children)


def _drop_invalid(row: dict[str, Any], line: bytes, select: _Select) -> _Row:
    """Return the columns of a row that are valid text, and a text_encoding defect if any column is not."""
    invalid = [name for name, value in row.items() if not (_is_valid(name) and _is_valid(value))]
    if not invalid:
        return row, None
    place = select(tuple(row)).known.get("text")
    text = None if place is None else list(row.values())[place]
    raw = _restore_bytes(text) if isinstance(text, str) else line
    name = invalid[0].encode("utf-8", "replace").decode()
    detail = f"column '{name}' holds bytes that are not UTF-8, or half a surrogate pair"
    kept = {name: value for name, value in row.items() if name not in invalid}
    return kept, Defect("text_encoding", detail, raw)


def _is_valid(value: Any) -> bool:
    """Return whether a value of a JSON line is valid text, without lone surrogates."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _restore_bytes(text: str) -> bytes:
    """Return the original bytes of a text of a JSON line that is not UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _make_json_rows(rows: Sequence[_Row], select: _Select, next_row: int) -> RawRows:
    """Build the raw rows of n parsed lines."""
    known: dict[str, list[str | None]] = {ours: [] for ours in COLUMN_NAMES}
    further: list[dict[str, Any]] = []
    defects: dict[int, Defect] = {}
    for position, (row, defect) in enumerate(rows):
        columns, values = select(tuple(row)), list(row.values())
        own_values = {ours: values[place] for ours, place in columns.known.items()}
        defect = defect or _find_defect(own_values.get("text"), columns)
        if defect is not None:
            defects[position] = defect
            own_values["text"] = None
        for ours, column in known.items():
            column.append(_format_value(own_values.get(ours)))
        further.append({name: values[place] for name, place in columns.further.items()})
    arrays = {ours: pa.array(column, pa.string()) for ours, column in known.items()}
    numbers = pa.array(range(next_row, next_row + len(rows)), pa.int64())
    return RawRows(numbers, arrays, further, defects)


def _find_defect(text: Any, columns: Columns) -> Defect | None:
    """Return the defect of the text of a JSON line: several keys of it, or a value that is no text."""
    if columns.doubled:
        return Defect("row_shape", "several keys have the name of the text column", _dump(text))
    if text is None or isinstance(text, str):
        return None
    return Defect("text_type", f"{_TYPE_NAMES[type(text)]}, not a text", _dump(text))


def _dump(value: Any) -> bytes:
    """Return a value of a JSON line as bytes, for the quarantine."""
    return value.encode() if isinstance(value, str) else json.dumps(value, ensure_ascii=False).encode()


def _format_value(value: Any) -> str | None:
    """Format an id, date, label or rating as in the other file formats: whole numbers without a decimal point."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value)
