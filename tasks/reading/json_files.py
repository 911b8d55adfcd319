"""Reads the rows of JSON lines and of JSON documents, and builds raw rows from objects of any source.

The keys of an object are the columns of its row, and may differ from row to row. Nested objects become columns with
dotted names, such as 'user.name'; lists stay lists. How the objects are read is chosen by the keys of the first batch.
A number, list or other value that is no text breaks the rule text_type in the text column, and is formatted in the
other columns of ours. NaN and Infinity, which some programs write, become null in lines.

A line that is not an object, has two values of one key, or bytes that are not UTF-8, is reported with a defect, and the
other lines are read. A .jsonl file that begins with an array, or with an object over several lines, is refused.

A document is an array of objects, or an object that has one such array somewhere in it. It is read in a process of its
own (`table_process`), since the parser may crash, as on a number of thousands of digits. It is parsed as a stream, so
memory does not grow with its size. An element that is no object is reported with a defect. A document that is no JSON,
repeats a key of an object, or has objects in several arrays, or in one whose name says nothing of rows, while no
profile names it, is refused.
"""

import io
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Event
from typing import IO, Any, TypeVar

import pyarrow as pa

from data_contracts.errors import FileRefusedError, ReviewsError
from data_contracts.sources.known_profiles import DEFAULT, load_default
from data_contracts.sources.profile import Profile
from tasks.reading.columns import (
    MAX_COLUMNS,
    MAX_DEPTH,
    Reading,
    choose_reading,
    format_object,
    quote_name,
    select_columns,
)
from tasks.reading.rows import (
    KEPT_BYTES,
    Defect,
    RawRows,
    ReadOptions,
    group_into_batches,
    join_bytes,
    number_rows,
    require_rows,
)
from tasks.reading.streams import cut_anew, read_stream
from tasks.reading.text import escape_invalid, restore_bytes, to_utf8
from tasks.support.memory import require_memory
from tasks.support.refusals import refusal
from tasks.support.wording import count

_MOST_NAMES = 1 << 20
"""Most characters by which the names of the values in one nested object grow by its key."""
_TYPE_NAMES = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}

_Item = TypeVar("_Item")
ObjectRow = tuple[dict[str, Any], Defect | None]
"""The columns of a row, in which bytes that are not UTF-8 are lone surrogates, or its defect."""


# Objects


def make_batches(
    items: Iterable[_Item],
    size_of: Callable[[_Item], int],
    make: Callable[[_Item], ObjectRow],
    first_row: int,
    options: ReadOptions,
) -> Iterator[RawRows]:
    """Yield the raw rows that are made of items of about these bytes; the first one gets the number `first_row`.

    Raises `FileRefusedError` as `choose_reading` does for the keys of the first batch that has objects.
    """
    reading: Reading | None = None
    next_row = first_row
    for group in group_into_batches(items, size_of, options.batch_rows, options.batch_bytes):
        require_rows(next_row - 1 + len(group), options.most_rows)
        rows = list(map(make, group))
        if reading is None and any(defect is None for _, defect in rows):
            names = dict.fromkeys(name for row, _ in rows for name in row if is_valid_text(name))
            reading = choose_reading([*names], options.profile, options.text_column, may_lack=True)
        shaped = reading or Reading(DEFAULT, load_default())
        try:
            yield _make_rows(rows, shaped, next_row)
        except UnicodeEncodeError:
            valid = [row if row[1] else _set_aside_invalid(row[0], shaped.profile) for row in rows]
            yield _make_rows(valid, shaped, next_row)
        next_row += len(rows)


def _make_rows(rows: Sequence[ObjectRow], reading: Reading, first_row: int) -> RawRows:
    """Build the raw rows of n objects; raise `UnicodeEncodeError` if any has bytes that are not UTF-8."""
    keys = [tuple(row) for row, _ in rows]
    selected = {each: select_columns(each, reading.profile) for each in set(keys)}
    known: dict[str, list[str | None]] = {ours: [] for columns in selected.values() for ours in columns.known}
    known.setdefault("text", [])
    further: list[str | None] = []
    defects: dict[int, Defect] = {}
    for position, (row, defect) in enumerate(rows):
        columns, values = selected[keys[position]], list(row.values())
        own_values = {ours: values[place] for ours, place in columns.known.items()}
        text = own_values.get("text")
        if defect is None and text is not None and not isinstance(text, str):
            defect = Defect("text_type", f"{_TYPE_NAMES[type(text)]}, not a text", dump_value(text))
        if defect is not None:
            defects[position] = defect
            own_values["text"] = None
        for ours, column in known.items():
            column.append(format_value(own_values.get(ours)))
        further.append(format_object((name, values[place]) for name, place in columns.further.items()))
    arrays = {ours: pa.array(column, pa.string()) for ours, column in known.items()}
    numbers = number_rows(first_row, len(rows))
    return RawRows(reading, numbers, arrays, pa.array(further, pa.string()), defects)


def _set_aside_invalid(row: dict[str, Any], profile: Profile) -> ObjectRow:
    """Return the columns of a row that are valid text, and its defect if any is not.

    It is text_encoding with the bytes of the text, which may be released as one, or row_shape with those of the row if
    it has no text.
    """
    invalid = [name for name, value in row.items() if not (is_valid_text(name) and is_valid_text(value))]
    if not invalid:
        return row, None
    name = invalid[0].encode("utf-8", "replace").decode()
    detail = f"column '{name}' holds bytes that are not UTF-8, or half a surrogate pair"
    values = list(row.values())
    texts = [values[place] for place in select_columns(tuple(row), profile).list_text()]
    if texts and isinstance(texts[-1], str):
        parts = [_restore_surrogates(text) for text in texts if isinstance(text, str)]
        defect = Defect("text_encoding", detail, join_bytes(parts))
    else:
        defect = Defect("row_shape", detail, _restore_surrogates(json.dumps(row, ensure_ascii=False)))
    return {name: value for name, value in row.items() if name not in invalid}, defect


def make_row(value: Any, line: bytes | None) -> ObjectRow:
    """Return the columns of an object, or its defect; `line` has the bytes of the whole row, if they are known."""
    if not isinstance(value, dict):
        return {}, Defect(
            "row_shape", f"{_TYPE_NAMES.get(type(value), 'a text or null')}, not an object", line
        )
    try:
        row = flatten_object(value)
    except RecursionError:
        return {}, Defect(
            "row_shape",
            f"objects or lists more than {MAX_DEPTH} deep in each other, or under too long a key",
            line,
        )
    if len(row) > MAX_COLUMNS:
        return {}, Defect("row_shape", f"an object of {len(row):,} keys, the limit is {MAX_COLUMNS:,}", line)
    return row, None


def _restore_surrogates(text: str) -> bytes:
    """Return the original bytes of a text that is not UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def dump_value(value: Any) -> bytes:
    """Return a value as bytes, for the quarantine."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def format_value(value: Any) -> str | None:
    """Format an id, date, label or rating as in the other file formats: whole numbers without a decimal point."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)  # bytes that are not UTF-8 are found when it is encoded


def flatten_object(row: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Return the values of nested objects as columns of their own with names such as 'user.name'; lists stay lists.

    MongoDB writes the type of a value as the only key of an object: `{"$numberInt": "4"}` is that value. If a name is
    taken, '_2' is added to it. Raises `RecursionError` for more than `MAX_DEPTH` levels, or too long names.
    """
    if depth > MAX_DEPTH:
        raise RecursionError
    flat: dict[str, Any] = {}
    for name, each in row.items():
        value = each
        while isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$"):
            [value] = value.values()
        if isinstance(value, dict) and value:
            leaves = flatten_object(value, depth + 1)
            if len(name) * len(leaves) > _MOST_NAMES:  # a long key stands before each name below it
                raise RecursionError
            inner = {f"{name}.{key}": leaf for key, leaf in leaves.items()}
        else:
            if isinstance(value, list) and _is_deeper(value, MAX_DEPTH - depth):
                raise RecursionError
            inner = {name: value}
        for plain, leaf in inner.items():
            path, number = plain, 1
            while path in flat:
                number += 1
                path = f"{plain}_{number}"
            flat[path] = leaf
    return flat


def _is_deeper(value: Any, levels: int) -> bool:
    """Return whether a JSON value has more than `levels` levels of nested lists and objects."""
    if not isinstance(value, (dict, list)):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(child, levels - 1) for child in children)


def is_valid_text(value: Any) -> bool:
    """Return whether a JSON value is valid text, without lone surrogates."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


# Lines

_DECODER = json.JSONDecoder(parse_constant=lambda name: None)
_KEY_END = b'":'
"""The end of a key, as most programs write it."""
_Line = tuple[bytes, int]  # A line, or the start of one that is too long; the whole line's bytes.


def read_json_lines(chunks: Iterator[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a JSON lines file; the first one gets the number `first_row`.

    Lines end with LF or CRLF; empty lines are ignored. Raises `FileRefusedError`: json_broken, and the rules of
    `choose_reading` and of `to_utf8`.
    """
    longest, most = options.batch_bytes, options.most_rows - first_row + 1

    def list_lines() -> Iterator[_Line]:
        is_first = True
        for line, length in _split_lines(to_utf8(chunks, options), longest, most):
            start = line.strip()
            if is_first and (start.startswith(b"[") or start == b"{"):
                raise refusal("json_broken", "it is one document, not an object a line: call it .json")
            if start:
                is_first = False
                yield line, length

    return make_batches(
        list_lines(), lambda line: len(line[0]), lambda line: _parse_line(*line, longest), first_row, options
    )


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


def _parse_line(line: bytes, length: int, longest: int) -> ObjectRow:
    """Parse one line; return its columns, or its defect."""
    if length > longest:
        detail = f"a line of {length:,} bytes, the limit is {longest:,}"
        return {}, Defect("text_too_long", detail, line[:KEPT_BYTES])
    text = line.decode("utf-8", "surrogateescape")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        return {}, Defect("row_shape", f"not JSON from character {error.pos + 1:,} on", line)
    except (ValueError, RecursionError):
        return {}, Defect("row_shape", "a number with too many digits, or lists too deep in each other", line)
    row, defect = make_row(value, line)
    may_repeat = defect is None and line.count(_KEY_END) != len(row)
    if may_repeat and (repeated := _find_repeated_key(text)) is not None:
        return {}, Defect("row_shape", f"the key {quote_name(repeated)} has several values", line)
    return row, defect


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


# Documents

_ROW_NAMES = """reviews review feedback feedbacks responses answers submissions testimonials data result results item
items row rows record records entry entries document documents docs hits objects list values content"""
ARRAY_NAMES = frozenset(["", *_ROW_NAMES.split()])
"""The keys of arrays that have the rows of a document without a profile. Others may be replies, or people."""
_BUFFER_BYTES = 1 << 16
_OPENING, _CLOSING = ("start_map", "start_array"), ("end_map", "end_array")
_HIGH = rb"\\u[dD][89abAB][0-9a-fA-F]{2}"
_LOW = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# Escaped backslashes and whole pairs are matched first, so that what is left is half a pair.
_ESCAPES = re.compile(rb"\\\\|" + _HIGH + _LOW + b"|(" + _HIGH + b"|" + _LOW + b")")
_HALF_PAIRS = (b"\\ud", b"\\uD")
_HIGH_AT_END = re.compile(_HIGH + rb"\Z")
_ESCAPE_BYTES, _PAIR_BYTES = 6, 12
_Events = Iterator[tuple[str, Any]]
_Sized = tuple[Any, int]
"""A value, and roughly its bytes."""


def read_json_document(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a JSON document; the first one gets the number `first_row`.

    Raises `FileRefusedError`: json_broken, bomb_suspected, and the rules of `choose_reading` and of `to_utf8`.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    text, escaped = to_utf8(read_stream(file, size), options), Event()
    source = _TextSource(escape_invalid(decode_half_pairs(text), escaped.set), options.batch_bytes)
    document = _Document(source, options.profile.file.json_path if options.profile else None)

    def make(item: _Sized) -> ObjectRow:
        value = _restore(item[0]) if escaped.is_set() else item[0]
        return make_row(value, None if isinstance(value, dict) else dump_value(value))

    return make_batches(_refuse_broken(document), lambda item: item[1], make, first_row, options)


def decode_half_pairs(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Replace each escape of half a surrogate pair by its bytes, which are not UTF-8; the rest is unchanged.

    The parser would put a question mark for it.
    """
    return map(_replace_halves, cut_anew(chunks, _find_end))


def _find_end(data: bytes) -> int:
    """Return a position near the end that is not inside of an escape or a pair of them."""
    start = data.find(b"\\", max(len(data) - _PAIR_BYTES + 1, 0))
    if start < 0:
        return len(data)
    before = data[:start]
    # After an odd number of backslashes, this one is the second half of an escaped backslash.
    start -= (len(before) - len(before.rstrip(b"\\"))) % 2
    window = data[max(start - _ESCAPE_BYTES, 0) : start]
    return start - _ESCAPE_BYTES if _HIGH_AT_END.match(window) else start


def _replace_halves(data: bytes) -> bytes:
    """Replace the halves in text that begins and ends outside of escapes."""
    if not any(half in data for half in _HALF_PAIRS):
        return data

    def encode(match: re.Match[bytes]) -> bytes:
        return match[0] if match[1] is None else chr(int(match[1][2:], 16)).encode("utf-8", "surrogatepass")

    return _ESCAPES.sub(encode, data)


def _restore(value: Any) -> Any:
    """Undo `escape_invalid` in a value: bytes that are not UTF-8 become lone surrogates."""
    if isinstance(value, str):
        return restore_bytes(value).decode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return {_restore(name): _restore(each) for name, each in value.items()}
    return [_restore(each) for each in value] if isinstance(value, list) else value


def _refuse_broken(document: "_Document") -> Iterator[_Sized]:
    """Yield the elements of a document; turn the errors of the parser into refusals."""
    import ijson

    try:
        yield from document.read_rows()
    except ReviewsError:
        raise
    except (ijson.JSONError, ValueError, ArithmeticError, SystemError, MemoryError, RecursionError) as error:
        require_memory(error)
        place = f"it is not JSON after {count(document.built, 'object')}"
        found = _describe(str(error), document.source.is_at_end)
        raise refusal("json_broken", f"{place}: {found}") from error


def _describe(error: str, is_at_end: bool) -> str:
    """Say what the parser found; its own words repeat the content."""
    if "premature EOF" in error and is_at_end:
        return "it ends in the middle, as a file does that was cut off"
    if "trailing garbage" in error:
        return "more follows its end; if each line is an object, call it .jsonl"
    if "NaN" in error or "Infinity" in error:
        return "NaN or Infinity is no number of JSON: write null for it"
    return "a comma, a quote, a bracket or a number is wrong"


class _TextSource:
    """The text as a file for the parser; it refuses one that goes on for too long without anything to be yielded."""

    def __init__(self, chunks: Iterator[bytes], longest: int) -> None:
        self._chunks, self._longest = chunks, longest
        self._rest = memoryview(b"")
        self._since_mark = 0
        self.is_at_end = False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`; b"" at the end."""
        while not self._rest and not self.is_at_end:
            chunk = next(self._chunks, None)
            self.is_at_end = chunk is None
            self._rest = memoryview(chunk or b"")
        piece, self._rest = self._rest[: max(size, 0)], self._rest[max(size, 0) :]
        self._since_mark += len(piece)
        if self._since_mark > self._longest + 2 * _BUFFER_BYTES:
            problem = f"an object or a text has more than {self._longest:,} bytes, or only white space has"
            raise refusal("json_broken", problem)
        return bytes(piece)

    def mark(self) -> None:
        """Note that all that was read so far is done with."""
        self._since_mark = 0


@dataclass
class _Document:
    """The state of reading one document."""

    source: _TextSource
    wanted: str | None
    """The path of the array, such as `data.reviews`; None: the only one that has objects.

    `*` in it is any key: then several arrays have rows, each of which has the key as its column `*`."""
    built: int = 0
    """Elements that were built."""
    arrays: list[str] = field(default_factory=list)
    """The paths of the arrays with objects."""
    has_empty: bool = False
    """Whether an empty array was where the rows may be."""
    has_lists: bool = False
    """Whether an array of other values was there."""

    def read_rows(self) -> Iterator[_Sized]:
        """Yield the elements of the array that has the rows; another one that follows it ends in a refusal."""
        import ijson

        events = iter(ijson.basic_parse(self.source, buf_size=_BUFFER_BYTES))
        kind, value = next(events)
        for item in self._walk(kind, value, events, ()):
            self.built += 1
            yield item
        for _ in events:  # what follows the end is an error
            pass
        if not self.arrays and (self.has_lists or not self.has_empty):
            where = (
                f"no array of objects is at '{self.wanted}'" if self.wanted else "it has no array of objects"
            )
            raise refusal("json_broken", where)
        last_key = self.arrays[0].rpartition(".")[2].casefold() if self.arrays else ""
        if self.wanted is None and last_key not in ARRAY_NAMES:
            raise self._ask(f"no profile says that the reviews are in the array {quote_name(self.arrays[0])}")

    def _ask(self, problem: str) -> FileRefusedError:
        """Return the refusal of a document of which a profile is to name the array."""
        return refusal(
            "json_broken", f"{problem}: reviews sources init NAME FILE --json-path {self.arrays[0]}"
        )

    def _walk(self, kind: str, value: Any, events: _Events, place: tuple[str, ...]) -> Iterator[_Sized]:
        """Yield the elements of the array with rows at or below a value that begins by the event `kind`."""
        self.source.mark()
        if kind == "start_map":
            if len(place) > MAX_DEPTH:
                raise refusal("json_broken", f"objects are more than {MAX_DEPTH} deep in each other")
            names: set[str] = set()
            for event, name in events:
                if event == "end_map":
                    return
                _add_key(names, name)
                kind, value = next(events)
                yield from self._walk(kind, value, events, (*place, name))
        elif kind == "start_array":
            yield from self._walk_array(events, place)

    def _walk_array(self, events: _Events, place: tuple[str, ...]) -> Iterator[_Sized]:
        """Yield the elements of an array, if it has objects and may be the one with the rows; else pass over it."""
        kind, value = next(events)
        path, keys = ".".join(place), self._match(place)
        is_here = keys is not None
        if kind == "end_array" and path:
            self.has_empty |= is_here
            return
        if not is_here or (path and kind != "start_map" and self.wanted is None):
            self.has_lists |= is_here
            if _skip(kind, events, self.source) and is_here:
                self.arrays.append(path)
                raise self._ask(f"the array {quote_name(path)} has objects and other values")
            return
        self.arrays.append(path)
        if len(self.arrays) > 1 and not keys:
            shown = ", ".join(quote_name(each) for each in self.arrays)
            raise self._ask(
                f"several arrays have objects ({shown}), and no profile says which has the reviews"
            )
        while kind != "end_array":
            self.source.mark()
            item, size = _build(kind, value, events)
            yield ({**item, **keys} if keys and isinstance(item, dict) else item), size
            kind, value = next(events)

    def _match(self, place: tuple[str, ...]) -> dict[str, str] | None:
        """Return the columns that a path gives to the rows of its array; None if it is not the wanted one."""
        if self.wanted is None or self.wanted == ".".join(place):
            return {}
        wanted = self.wanted.split(".")
        if "*" not in wanted or len(wanted) != len(place):
            return None
        if any(each not in ("*", key) for each, key in zip(wanted, place, strict=True)):
            return None
        return {"*": place[wanted.index("*")]}


def _add_key(names: set[str], name: str) -> None:
    """Note a key of an object; refuse an object that has it already."""
    if name in names:
        raise refusal("json_broken", f"an object has the key {quote_name(name)} twice")
    names.add(name)


def _skip(kind: str, events: _Events, source: _TextSource) -> bool:
    """Pass over the rest of an array whose next event is `kind`; return whether it has objects."""
    depth, has_objects = 1, False
    while True:
        source.mark()
        has_objects |= depth == 1 and kind == "start_map"
        depth += (kind in _OPENING) - (kind in _CLOSING)
        if depth == 0:
            return has_objects
        kind, _ = next(events)


def _build(kind: str, value: Any, events: _Events) -> _Sized:
    """Build the value that begins by an event; return it with roughly its bytes."""
    if kind not in _OPENING:
        return _convert(value), 8 + len(value) if kind == "string" else 8
    root: Any = {} if kind == "start_map" else []
    open_values, keys, size, key = [root], [set[str]()], 16, ""
    for event, leaf in events:
        if event == "map_key":
            _add_key(keys[-1], leaf)
            key = leaf
            size += len(leaf) + 4
            continue
        if event in _CLOSING:
            open_values.pop()
            keys.pop()
            if not open_values:
                break
            continue
        new = ({} if event == "start_map" else []) if event in _OPENING else _convert(leaf)
        size += len(leaf) + 4 if event == "string" else 8
        holder = open_values[-1]
        if isinstance(holder, dict):
            holder[key] = new
        else:
            holder.append(new)
        if event in _OPENING:
            if len(open_values) >= MAX_DEPTH:
                raise refusal("json_broken", f"objects or lists are more than {MAX_DEPTH} deep in each other")
            open_values.append(new)
            keys.append(set())
    return root, size


def _convert(value: Any) -> Any:
    """Return a number as Python's JSON parser would; it is null if it is too large to be represented."""
    if isinstance(value, Decimal):
        number = float(value)
        return number if math.isfinite(number) else None
    return value
