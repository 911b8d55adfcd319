"""Reads the rows of JSON lines and of JSON documents, and builds raw rows from objects of any source.

The keys of an object are the columns of its row, and may differ from row to row. Nested objects become columns with
dotted names, such as 'user.name'; lists stay lists. How the objects are read is chosen by the keys of the first batch.
A number, list or other value that is no text breaks the rule text_type in the text column, and is formatted in the
other columns of ours. NaN and Infinity, which some programs write, become null in lines.

A line that is not an object, has two values of one key, or bytes that are not UTF-8, is reported with a defect, and the
other lines are read. A .jsonl file that begins with an array, or with an object over several lines, is refused.

A document is an array of objects, or an object that has one such array somewhere in it. Its elements are read one by
one, by the rules of lines, so memory does not grow with its size. A document that is no JSON, or has objects in several
arrays, or in one whose name says nothing of rows, while no profile names it, is refused.
"""

import codecs
import json
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeVar

import pyarrow as pa

from data_contracts.errors import FileRefusedError
from data_contracts.sources.known_profiles import DEFAULT, load_default
from data_contracts.sources.profile import Profile
from tasks.reading.columns import (
    MAX_COLUMNS,
    MAX_DEPTH,
    MOST_NAMES,
    Reading,
    choose_reading,
    format_object,
    list_missing,
    quote_name,
    refuse_missing,
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
from tasks.reading.text import to_utf8
from tasks.support.refusals import refusal
from tasks.support.wording import count

_DECODER = json.JSONDecoder(parse_constant=lambda name: None)
_KEY_END, _SPACED_KEY_END = '":', re.compile(r'"\s+:')
"""The end of a key, as most programs write it, and as others do."""
_TYPE_NAMES = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}

_Item = TypeVar("_Item")
ObjectRow = tuple[Mapping[str, Any], Defect | None]
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

    Raises `FileRefusedError` as `choose_reading` does for the keys of the first batch that has objects, and at the end
    if no row has a column that the profile of the source names.
    """
    reading: Reading | None = None
    names: dict[str, None] = {}
    missing: list[str] = []
    next_row = first_row
    made = ((make(item), size_of(item)) for item in items)
    # Names of nested values may be far longer than their row.
    for group in group_into_batches(
        made, lambda each: each[1] + sum(map(len, each[0][0])), options.batch_rows, options.batch_bytes
    ):
        rows = [row for row, _ in group]
        require_rows(next_row - 1 + len(rows), options.most_rows)
        if reading is None and any(defect is None for _, defect in rows):
            names = _list_names(rows)
            reading = choose_reading([*names], options.profile, may_lack=True)
            missing = list_missing([*names], options.profile, may_lack=True)
        elif missing:
            lacking = list_missing([*_list_names(rows)], options.profile, may_lack=True)
            missing = [name for name in missing if name in lacking]
        shaped = reading or Reading(DEFAULT, load_default())
        try:
            yield _make_rows(rows, shaped, next_row)
        except UnicodeEncodeError:
            valid = [row if row[1] else _set_aside_invalid(row[0], shaped.profile) for row in rows]
            yield _make_rows(valid, shaped, next_row)
        next_row += len(rows)
    if missing:
        raise refuse_missing([*names], missing[0])


def _list_names(rows: Sequence[ObjectRow]) -> dict[str, None]:
    """Return the names of the columns of objects in the order in which they first come.

    A key that has a null where other rows have an object is no column.
    """
    names = dict.fromkeys(name for row, _ in rows for name in row if is_valid_text(name))
    nulls = names.keys() - {name for row, _ in rows for name, value in row.items() if value is not None}
    in_order = sorted(names) if nulls else []
    for name in nulls:
        place = bisect_left(in_order, f"{name}.")
        if place < len(in_order) and in_order[place].startswith(f"{name}."):
            del names[name]
    return names


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


def _set_aside_invalid(row: Mapping[str, Any], profile: Profile) -> ObjectRow:
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


def make_row(value: Any, text: str | None) -> ObjectRow:
    """Return the columns of an object, or its defect; `text` is that of the whole row, if it is known."""
    row: Mapping[str, Any] = {}
    detail = None
    if not isinstance(value, dict):
        detail = f"{_TYPE_NAMES.get(type(value), 'a text or null')}, not an object"
    else:
        try:
            row = flatten_object(value)
        except RecursionError:
            detail = f"objects or lists more than {MAX_DEPTH} deep in each other, or under too long a key"
    if len(row) > MAX_COLUMNS:
        detail = f"an object of {len(row):,} keys, the limit is {MAX_COLUMNS:,}"
    elif text is not None and detail is None and _may_repeat_key(text, len(row)):
        repeated = _find_repeated_key(text)
        detail = None if repeated is None else f"the key {quote_name(repeated)} has several values"
    if detail is None:
        return row, None
    return {}, Defect("row_shape", detail, None if text is None else _restore_surrogates(text))


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


def flatten_object(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of nested objects as columns of their own with names such as 'user.name'; lists stay lists.

    MongoDB writes the type of a value as the only key of an object: `{"$numberInt": "4"}` is that value. If a name is
    taken, '_2' is added to it. Raises `RecursionError` for more than `MAX_DEPTH` levels, or too long names.
    """
    if not any(isinstance(value, (dict, list)) for value in row.values()):
        return row
    columns = _Columns()
    columns.add(row, "", 0)
    return columns.found


@dataclass
class _Columns:
    """The values of one object, by the names of its columns."""

    found: dict[str, Any] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)
    room: int = MOST_NAMES

    def add(self, values: Mapping[str, Any], prefix: str, depth: int) -> None:
        """Add the values of an object at this depth, whose names get the prefix."""
        if depth > MAX_DEPTH:
            raise RecursionError
        for name, each in values.items():
            value, path = each, prefix + name
            while isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$"):
                [value] = value.values()
            if isinstance(value, dict) and value:
                self.add(value, f"{path}.", depth + 1)
                continue
            if isinstance(value, list) and _is_deeper(value, MAX_DEPTH - depth):
                raise RecursionError
            unique = path
            while unique in self.found:
                self.taken[path] += 1
                unique = f"{path}_{self.taken[path] + 1}"
            self.room -= len(unique)
            if self.room < 0:
                raise RecursionError
            self.found[unique] = value


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
    return make_row(value, text)


def _may_repeat_key(text: str, names: int) -> bool:
    """Return whether the JSON text of a row has other keys than those of its values, which have so many names."""
    return text.count(_KEY_END) != names or _SPACED_KEY_END.search(text) is not None


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
_SPACE = re.compile(r"[ \t\r\n]*")
_ENDS = {"{": "}", "[": "]"}
_LONGEST_WORD, _EXPONENT = len("-Infinity"), len("e-")
_CUT_OFF = "it ends in the middle, as a file does that was cut off"
_WRONG = "a comma, a quote, a bracket or a number is wrong"
_Element = tuple[Any, str, Mapping[str, str]]
"""An element, its text, and further columns of its row."""


def read_json_document(chunks: Iterator[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a JSON document; the first one gets the number `first_row`.

    Raises `FileRefusedError`: json_broken, and the rules of `choose_reading` and of `to_utf8`.
    """
    text = _Text(to_utf8(chunks, options), options.batch_bytes)
    document = _Document(text, options.profile.file.json_path if options.profile else None)

    def make(item: _Element) -> ObjectRow:
        value, its_text, columns = item
        row, defect = make_row(value, its_text)
        return (row if defect else {**row, **columns}), defect

    return make_batches(document.read_rows(), lambda item: len(item[1]), make, first_row, options)


class _Text:
    """The text of a document, read value by value; only what is being read is held."""

    def __init__(self, chunks: Iterator[bytes], longest: int) -> None:
        self._chunks, self._longest = chunks, longest
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._held, self._place, self._is_whole = "", 0, False

    def _hold_more(self) -> bool:
        """Drop what was read, and hold twice as much of what follows; return False at the end."""
        if self._is_whole:
            return False
        rest = self._held[self._place :]
        if len(rest) > self._longest:
            raise refusal("json_broken", f"an object or a text has more than {self._longest:,} bytes")
        pieces, size = [rest], 0
        while size <= len(rest) and not self._is_whole:
            chunk = next(self._chunks, None)
            self._is_whole = chunk is None
            pieces.append(self._decoder.decode(chunk or b"", final=self._is_whole))
            size += len(pieces[-1])
        self._held, self._place = "".join(pieces), 0
        return True

    def peek(self) -> str:
        """Return the next character that is no white space; an empty text at the end."""
        while True:
            self._place = _SPACE.match(self._held, self._place).end()  # type: ignore[union-attr]
            if self._place < len(self._held) or not self._hold_more():
                return self._held[self._place : self._place + 1]

    def take(self, wanted: str) -> str:
        """Pass over the next character, which must be one of those wanted, and return it."""
        found = self.peek()
        if not found or found not in wanted:
            raise ValueError(_WRONG if found else _CUT_OFF)
        self._place += 1
        return found

    def enter(self) -> Iterator[str]:
        """Yield the first character of each member of an object or array; it must be read before the next."""
        end = _ENDS[self.take("{[")]
        while self.peek() != end:
            yield self.peek()
            if self.take(f",{end}") == end:
                return
            if self.peek() == end:
                raise ValueError(_WRONG)
        self.take(end)

    def read_value(self) -> tuple[Any, str]:
        """Return the next value and its text."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._held, self._place)
            except ValueError as error:  # also a number of too many digits
                is_cut = isinstance(error, json.JSONDecodeError) and (
                    "Unterminated" in error.msg or error.pos >= len(self._held) - _LONGEST_WORD
                )
                if not is_cut or not self._hold_more():
                    raise ValueError(_CUT_OFF if is_cut else _WRONG) from error
            else:
                # Else a number may go on, as `1` does before `.5` or `e-5`.
                if end < len(self._held) - _EXPONENT or not self._hold_more():
                    text = self._held[self._place : end]
                    self._place = end
                    return value, text


@dataclass
class _Document:
    """The state of reading one document."""

    text: _Text
    wanted: str | None
    """The path of the array, such as `data.reviews`; None: the only one that has objects.

    `*` in it is any key: then several arrays have rows, each of which has the key as its column `*`."""
    arrays: list[str] = field(default_factory=list)
    """The paths of the arrays with objects."""
    has_empty: bool = False
    """Whether an empty array was where the rows may be."""
    has_lists: bool = False
    """Whether an array of other values was there."""

    def read_rows(self) -> Iterator[_Element]:
        """Yield the elements of the array that has the rows; another one that follows it ends in a refusal."""
        built = 0
        try:
            for item in self._walk(()):
                built += 1
                yield item
            if self.text.peek():
                raise ValueError("more follows its end; if each line is an object, call it .jsonl")
        except (ValueError, RecursionError) as error:
            too_deep = f"objects or lists are more than {MAX_DEPTH} deep in each other"
            found = too_deep if isinstance(error, RecursionError) else str(error)
            raise refusal("json_broken", f"it is not JSON after {count(built, 'object')}: {found}") from error
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

    def _refuse_value(self, place: tuple[str, ...]) -> FileRefusedError:
        """Return the refusal of a document that has at a place of the path what is not read, so that no row is lost."""
        found = quote_name(".".join(place))
        return refusal(
            "json_broken", f"the profile's json_path {self.wanted} meets {found}, which it does not read"
        )

    def _walk(self, place: tuple[str, ...]) -> Iterator[_Element]:
        """Yield the elements of the array with rows at or below the next value."""
        first = self.text.peek()
        if first == "[":
            yield from self._walk_array(place)
        elif self.wanted is not None and self._match(place) is not None:
            if self.text.read_value()[0] is not None:
                raise self._refuse_value(place)
        elif first != "{":
            self.text.read_value()
        elif len(place) > MAX_DEPTH:
            raise refusal("json_broken", f"objects are more than {MAX_DEPTH} deep in each other")
        else:
            for _ in self.text.enter():
                key, _ = self.text.read_value()
                self.text.take(":")
                yield from self._walk((*place, str(key)))

    def _walk_array(self, place: tuple[str, ...]) -> Iterator[_Element]:
        """Yield the elements of an array, if it has objects and may be the one with the rows; else pass over it."""
        path, columns, members = ".".join(place), self._match(place), self.text.enter()
        first = next(members, "")
        is_here = columns is not None
        if not first and path:
            self.has_empty |= is_here
            return
        members = chain([first] if first else [], members)
        if columns is None or (path and first != "{" and self.wanted is None):
            self.has_lists |= is_here
            has_objects = sum(isinstance(self.text.read_value()[0], dict) for _ in members) > 0
            if has_objects and self._leads_on(place):
                raise self._refuse_value(place)
            if has_objects and is_here:
                self.arrays.append(path)
                raise self._ask(f"the array {quote_name(path)} has objects and other values")
            return
        self.arrays.append(path)
        if len(self.arrays) > 1 and not columns:
            shown = ", ".join(quote_name(each) for each in self.arrays)
            raise self._ask(
                f"several arrays have objects ({shown}), and no profile says which has the reviews"
            )
        for _ in members:
            yield *self.text.read_value(), columns

    def _match(self, place: tuple[str, ...]) -> dict[str, str] | None:
        """Return the columns that a path gives to the rows of its array; None if it is not the wanted one."""
        if self.wanted is None or self.wanted == ".".join(place):
            return {}
        wanted = self.wanted.split(".")
        if "*" not in wanted or len(wanted) != len(place) or not _agree(wanted, place):
            return None
        return {"*": place[wanted.index("*")]}

    def _leads_on(self, place: tuple[str, ...]) -> bool:
        """Return whether the path goes on below a place."""
        wanted = (self.wanted or "").split(".")
        return len(place) < len(wanted) and _agree(wanted[: len(place)], place)


def _agree(wanted: Sequence[str], place: Sequence[str]) -> bool:
    """Return whether the keys of a place are the wanted ones, of which `*` is any."""
    return all(each in ("*", key) for each, key in zip(wanted, place, strict=True))
