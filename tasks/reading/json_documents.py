"""Reads the rows of a JSON document: an array of objects, or an object that has one such array somewhere in it.

It runs in a process of its own (`tables.separate_process`), since the parser may crash, as on a number of thousands of
digits. The document is parsed as a stream, so memory does not grow with its size. An element that is no object is
reported with a defect. A document that is no JSON, repeats a key of an object, or has objects in several arrays, or in
one whose name says nothing of rows, while no profile names it, is refused.
"""

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Event
from typing import IO, Any

import ijson

from data_contracts.errors import FileRefusedError, ReviewsError
from tasks.containers.streams import read_stream
from tasks.reading.columns import quote_name
from tasks.reading.encodings import escape_invalid, restore_bytes, to_utf8
from tasks.reading.grouping_items import group_into_batches
from tasks.reading.half_surrogates import decode_half_pairs
from tasks.reading.object_rows import (
    MAX_DEPTH,
    ObjectRow,
    drop_invalid,
    dump_value,
    is_valid_text,
    make_batches,
    make_row,
)
from tasks.reading.options import ReadOptions, require_rows
from tasks.reading.raw_rows import RawRows
from tasks.support.memory import require_memory
from tasks.support.refusals import refusal
from tasks.support.wording import count

_NAMES = """reviews review feedback feedbacks responses answers submissions testimonials data result results item items
row rows record records entry entries document documents docs hits objects list values content"""
ARRAY_NAMES = frozenset(["", *_NAMES.split()])
"""The keys of arrays that have the rows of a document without a profile. Others may be replies, or people."""
_BUFFER_BYTES = 1 << 16
_MOST_HELD = 64 << 20
"""Bytes of the first array of a document up to which it is kept until it is known that no other one has objects."""
_OPENING, _CLOSING = ("start_map", "start_array"), ("end_map", "end_array")
_Events = Iterator[tuple[str, Any]]
_Item = tuple[Any, int]
"""A value, and roughly its bytes."""


def read(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a JSON document; the first one gets the number `first_row`.

    Raises `FileRefusedError`: json_broken, bomb_suspected, and the rules of `choose_reading` and of `to_utf8`.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    text, escaped = to_utf8(read_stream(file, size), options), Event()
    source = _TextSource(escape_invalid(decode_half_pairs(text), escaped.set), options.batch_bytes)
    wanted = options.profile.file.json_path if options.profile else None
    document = _Document(source, wanted)
    items = _refuse_broken(document.read_rows(), document)
    groups = group_into_batches(items, lambda item: item[1], options.batch_rows, options.batch_bytes)
    return make_batches(_make_rows(groups, first_row, escaped, options), first_row, options)


def _make_rows(
    groups: Iterator[list[_Item]], next_row: int, escaped: Event, options: ReadOptions
) -> Iterator[list[ObjectRow]]:
    """Yield the rows of groups of elements."""
    for group in groups:
        require_rows(next_row - 1 + len(group), options.most_rows)
        next_row += len(group)
        yield [_make_row(_restore(value) if escaped.is_set() else value) for value, _ in group]


def _make_row(value: Any) -> ObjectRow:
    """Return the columns of an element, and its defect if it has one."""
    row, defect = make_row(value, b"")
    if defect is not None:
        kept = None if isinstance(value, dict) else dump_value(value)
        return row, type(defect)(defect.rule, defect.detail, kept)
    return (row, None) if all(map(is_valid_text, (*row, *row.values()))) else drop_invalid(row, b"")


def _restore(value: Any) -> Any:
    """Undo `escape_invalid` in a value: bytes that are not UTF-8 become lone surrogates."""
    if isinstance(value, str):
        return restore_bytes(value).decode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return {_restore(name): _restore(each) for name, each in value.items()}
    return [_restore(each) for each in value] if isinstance(value, list) else value


def _refuse_broken(items: Iterator[_Item], document: "_Document") -> Iterator[_Item]:
    """Yield the items; turn the errors of the parser into refusals."""
    try:
        yield from items
    except ReviewsError:
        raise
    except (ijson.JSONError, ValueError, ArithmeticError, SystemError, MemoryError, RecursionError) as error:
        require_memory(error)
        place = f"it is not JSON after {count(document.built, 'object')}"
        raise refusal(
            "json_broken", f"{place}: {_describe(str(error), document.source.is_at_end)}"
        ) from error


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
        self._chunk, self._used = b"", 0
        self._read, self._mark = 0, 0
        self.is_at_end = False

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`; b"" at the end."""
        while self._used == len(self._chunk) and not self.is_at_end:
            chunk = next(self._chunks, None)
            self.is_at_end = chunk is None
            self._chunk, self._used = chunk or b"", 0
        end = min(self._used + max(size, 0), len(self._chunk))
        piece = self._chunk[self._used : end]
        self._used = end
        self._read += len(piece)
        if self._read - self._mark > self._longest + 2 * _BUFFER_BYTES:
            problem = f"an object or a text has more than {self._longest:,} bytes, or only white space has"
            raise refusal("json_broken", problem)
        return piece

    def mark(self) -> None:
        """Note that all that was read so far is done with."""
        self._mark = self._read


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

    def read_rows(self) -> Iterator[_Item]:
        """Yield the elements of the array that has the rows.

        An array inside of an object is kept until the end is reached, or until it is large: another one that follows
        could have the reviews too. One that follows a large one ends the reading with a refusal.
        """
        events = iter(ijson.basic_parse(self.source, buf_size=_BUFFER_BYTES))
        held: list[_Item] = []
        size, is_free = 0, self.wanted is not None
        kind, value = next(events)
        for item in self._walk(kind, value, events, ()):
            self.built += 1
            if is_free or self.arrays == [""]:
                yield item
                continue
            held.append(item)
            size += item[1]
            if size > _MOST_HELD:
                yield from held
                held, is_free = [], True
        yield from held
        for _ in events:  # what follows the end is an error
            pass
        if not self.arrays and (self.has_lists or not self.has_empty):
            where = (
                f"no array of objects is at '{self.wanted}'" if self.wanted else "it has no array of objects"
            )
            raise refusal("json_broken", where)
        if self.arrays and self.wanted is None and _name_last(self.arrays[0]) not in ARRAY_NAMES:
            raise self._ask(f"no profile says that the reviews are in the array {quote_name(self.arrays[0])}")

    def _ask(self, problem: str) -> FileRefusedError:
        """Return the refusal of a document of which a profile is to name the array."""
        return refusal(
            "json_broken", f"{problem}: reviews sources init NAME FILE --json-path {self.arrays[0]}"
        )

    def _walk(self, kind: str, value: Any, events: _Events, place: tuple[str, ...]) -> Iterator[_Item]:
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

    def _walk_array(self, events: _Events, place: tuple[str, ...]) -> Iterator[_Item]:
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


def _name_last(path: str) -> str:
    """Return the last key of a path."""
    return path.rpartition(".")[2].casefold()


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


def _build(kind: str, value: Any, events: _Events) -> _Item:
    """Build the value that begins by an event; return it with roughly its bytes."""
    if kind not in _OPENING:
        return _convert(kind, value), 8 + len(value) if kind == "string" else 8
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
        new = ({} if event == "start_map" else []) if event in _OPENING else _convert(event, leaf)
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


def _convert(kind: str, value: Any) -> Any:
    """Return a number as Python's JSON parser would; it is null if it is too large to be represented."""
    if isinstance(value, Decimal):
        number = float(value)
        return number if math.isfinite(number) else None
    return value
