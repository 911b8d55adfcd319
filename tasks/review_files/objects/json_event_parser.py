"""Parses a JSON document as a stream of events, finds its arrays of objects, and builds their elements."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import ijson

from tasks.review_files.objects.array_surroundings import Surroundings
from tasks.review_files.objects.json_array_choice import Item, describe_texts, refuse_lists
from tasks.review_files.objects.json_paths import Place, join_path, show_path
from tasks.review_files.objects.object_rows import MAX_DEPTH
from tasks.review_files.plans.normalized_names import quote_name
from tasks.support.refusals import refusal

_BUFFER_BYTES = 1 << 16
_MOST_BEFORE, _MOST_BYTES_BEFORE = 1000, 2 << 20
"""Most elements of an array before its first object, and roughly most bytes of them."""
_OPENING, _CLOSING = ("start_map", "start_array"), ("end_map", "end_array")
_Events = Iterator[tuple[str, Any]]


class TextSource:
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
class JsonDocument:
    """The state of reading one document: where it is, and which array has the rows."""

    source: TextSource
    wanted: str | None
    """The path of the array; None: that of all arrays of objects."""
    outer: Surroundings
    """What is around the arrays."""
    found: set[str] = field(default_factory=set)
    """The paths of the arrays that were found."""
    has_empty: bool = False
    """An array that may have had the rows is empty."""
    texts: str | None = None
    """The path of an array of texts, not of objects."""
    lists: str | None = None
    """The path of an array with objects without texts inside of lists, or after many other values."""
    built: int = 0
    """Elements that were yielded."""

    def read_items(self) -> Iterator[tuple[str, Item]]:
        """Yield the elements of the arrays that may have the rows, each with its bytes and the array's path."""
        events = iter(ijson.basic_parse(self.source, buf_size=_BUFFER_BYTES))
        kind, _ = next(events)
        for path, item in self._walk(kind, events, ()):
            self.built += 1
            yield path, item
        for _ in events:  # what follows the end is an error
            pass
        if self.wanted is None and not self.found:
            self.outer.require_rows(None)
        if not self.found and self.lists is not None:
            raise refuse_lists(self.lists)
        if not self.found and not self.has_empty:
            raise refusal("json_broken", self._describe_missing())

    def _walk(self, kind: str, events: _Events, place: Place) -> Iterator[tuple[str, Item]]:
        """Yield the elements of arrays at or below a value that begins by the event `kind`, with the array's path."""
        self.source.mark()
        if kind == "start_array":
            yield from self._walk_array(events, join_path(place))
        elif kind == "start_map":
            if len(place) > MAX_DEPTH:
                raise refusal("json_broken", f"objects are more than {MAX_DEPTH} deep in each other")
            self.outer.open_object(place)
            yield from self._walk_object(events, place)
            self.outer.close_object()

    def _walk_object(self, events: _Events, place: Place) -> Iterator[tuple[str, Item]]:
        """Yield the elements of arrays below an object, with the array's path."""
        names: set[str] = set()
        for event, name in events:
            if event == "end_map":
                return
            _add_key(names, name)
            kind, value = next(events)
            if kind not in _OPENING:
                self.outer.note(name, value)
            yield from self._walk(kind, events, (*place, name))

    def _walk_array(self, events: _Events, path: str) -> Iterator[tuple[str, Item]]:
        """Yield the elements of an array if it is the one that is looked for; else skip it."""
        kind, value = next(events)
        if kind == "end_array":
            self.has_empty |= self.wanted in (None, path)
            self.outer.note_empty(path)
            return
        start: list[Item] = []
        if self.wanted is None and path:
            start, kind, value = self._read_start(kind, value, events, path)
        elif path != (self.wanted or ""):
            _skip(kind, events, self.source)
            return
        if kind == "end_array":
            return
        self._add_path(path)
        yield from ((path, item) for item in start)
        has_object = False
        while kind != "end_array":
            self.source.mark()
            item = _build(kind, value, events)
            if not has_object and _has_objects(item[0]):
                raise refuse_lists(path)
            has_object |= isinstance(item[0], dict)
            yield path, item
            kind, value = next(events)

    def _read_start(self, kind: str, value: Any, events: _Events, path: str) -> tuple[list[Item], str, Any]:
        """Return the elements of an array before its first object, and the event after them.

        The elements may be rows that a program has left out or could not write: null, or a note. An array without an
        object is read to its end. So is one with objects inside of lists, or after very many elements: it is refused
        (json_broken) if a text is in them, else only if no other array has objects.
        """
        start: list[Item] = []
        size = 0
        while kind not in ("start_map", "end_array"):
            self.source.mark()
            if kind == "start_array" or len(start) == _MOST_BEFORE or size > _MOST_BYTES_BEFORE:
                has_objects, has_texts = _skip(kind, events, self.source)
                if has_texts:
                    raise refuse_lists(path)
                self.lists = self.lists or (path if has_objects else None)
                kind, value = "end_array", None
                break
            start.append(_build(kind, value, events))
            size += start[-1][1]
            kind, value = next(events)
        if kind == "end_array" and any(isinstance(each, str) and " " in each for each, _ in start):
            self.texts = self.texts or path
        return start, kind, value

    def _add_path(self, path: str) -> None:
        """Note the path of an array; refuse a second one there, since rows of both would be taken for those of one."""
        if path in self.found:
            problem = f"two arrays have the path {show_path(path)}, as a key with a dot has that of keys in each other"
            raise refusal("json_broken", problem)
        self.found.add(path)
        self.outer.note_array(path)

    def _describe_missing(self) -> str:
        """Say that the array was not found."""
        if self.wanted is not None:
            return f"there is no array at {show_path(self.wanted)}"
        if self.texts is not None:
            return describe_texts(self.texts)
        return "it has no array of objects; if it is objects over many lines, jq -c . writes one a line"


def _has_objects(element: Any) -> bool:
    """Return whether an element of an array is a list of objects, such as a page of reviews."""
    return isinstance(element, list) and any(isinstance(each, dict) for each in element)


def _add_key(names: set[str], name: str) -> None:
    """Add a key of an object; refuse one that is repeated, since one of its values would be lost."""
    if name in names:
        raise refusal("json_broken", f"an object has the key {quote_name(name)} twice")
    names.add(name)


def _skip(kind: str, events: _Events, source: TextSource) -> tuple[bool, bool]:
    """Read on to the end of an array, one element of which begins by `kind`.

    Returns whether objects were in it, and whether one of these has a text of several words.
    """
    depth, objects = 1 + (kind in _OPENING), int(kind == "start_map")
    has_objects, has_texts = objects > 0, False
    for event, value in events:
        source.mark()
        depth += (event in _OPENING) - (event in _CLOSING)
        objects += (event == "start_map") - (event == "end_map")
        has_objects |= objects > 0
        has_texts |= event == "string" and objects > 0 and " " in value
        if depth == 0:
            break
    return has_objects, has_texts


def _build(kind: str, value: Any, events: _Events) -> Item:
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
