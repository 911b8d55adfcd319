"""Finds out which of the arrays of objects in a JSON document has the reviews.

It is the only array of objects, or else the only one with reviews beside others that surely have no text. A document
of which several arrays may have the reviews is refused, so that none is lost. So is one with much beside the reviews,
since nothing is yielded while it is looked at, and the process has a limit of time for each batch.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import Any

from data_contracts.errors import FileRefusedError
from tasks.review_files.inference.text_suggestions import names_reviews, sort_likely
from tasks.review_files.objects.array_surroundings import Surroundings
from tasks.review_files.objects.json_paths import find_varying, is_plain, name_array, show_path, write_lines
from tasks.review_files.objects.object_rows import Select, flatten_object
from tasks.review_files.objects.server_answers import NO_TEXT, OF_REVIEWS
from tasks.review_files.options import ReadOptions
from tasks.support.refusals import refusal
from tasks.support.wording import quote_word

_OTHER, _UNCLEAR, _REVIEWS = range(3)
"""What an array has: surely no text; what may be one; reviews."""
_WORD = re.compile(r"\w{1,64}", re.ASCII)
_OF_METADATA = re.compile(
    r"(?s:.*(?:[\W_]|(?<=[a-z])(?=[A-Z])))?"
    r"(?i:id|uuid|key|name|username|type|dtype|kind|class|code|status|state|role|gender|city|country|region|language"
    r"|lang|locale|currency|unit|format|category|genre|tag|label|brand|version|platform|source|date|time|url)s?"
)
"""A name that ends in a word for what a single word says."""
_DESCRIPTIONS = ("features", "schema.fields")
"""The arrays in which Hugging Face and pandas describe the columns of the rows."""
_OF_RATED = {"given_rating", "given_label", "review_id"}
"""Our columns that no message or note has."""
_MOST_ARRAYS = 100
"""Most arrays without reviews before the one with them."""
_MOST_ELEMENTS, _MOST_BYTES = 10_000, 2 << 20
"""Most elements of arrays without reviews, and roughly most bytes of them: a second or two of processor time."""
_INNER = re.compile(r"\.(?!\s)")
"""A dot of a path that is not one of a name such as `Dr. No`."""

Item = tuple[Any, int]
"""An element of an array, and roughly its bytes."""


@dataclass(frozen=True)
class _Array:
    """An array of objects that was found."""

    path: str
    keys: tuple[str, ...]
    """The keys of its first object."""
    has_movie: bool
    """One of them is that of the movie."""
    are_rated: bool
    """One of them is that of ratings, labels or ids of reviews."""
    kind: int = _OTHER


@dataclass
class _Others:
    """How much the arrays without reviews have, and what is around the arrays."""

    outer: Surroundings
    items: Iterator[tuple[str, Item]]
    """All elements, of which those that were looked at are gone."""
    elements: int = 0
    size: int = 0

    def add(self, elements: int, size: int) -> None:
        """Count elements, and roughly their bytes."""
        self.elements += elements
        self.size += size

    def are_many(self) -> bool:
        """Return whether they are too many to look at."""
        return self.elements > _MOST_ELEMENTS or self.size > _MOST_BYTES

    def refuse_objects(self) -> FileRefusedError | None:
        """Return the refusal of a document with reviews by their ids; None if it has none. It reads on to see more."""
        if not self.outer.has_objects():
            return None
        for _ in islice(self.items, _MOST_ELEMENTS):
            pass
        return self.outer.refuse_texts(None)


def choose_rows(
    items: Iterable[tuple[str, Item]], select: Select, options: ReadOptions, outer: Surroundings
) -> Iterator[Item]:
    """Yield the elements of the array with the reviews, given those of all arrays of objects with their paths.

    Refuses (json_broken) a document of which several arrays may have the reviews, or the others have much, or the
    reviews may be around the arrays.
    """
    items = iter(items)
    others = _Others(outer, items)
    rows, held = _find_rows(items, select, options, others)
    outer.rows = rows.path if rows else ""
    yield from held
    for path, item in items:
        if rows is not None and path == rows.path:
            yield item
            continue
        others.add(1, item[1])
        other = _look_at(item[0], path, None, select)
        if rows is not None and (rows.kind != _REVIEWS or other.kind != _OTHER or others.are_many()):
            raise others.refuse_objects() or _refuse(rows, other, (rows, other))
    if options.json_path is None and rows is not None:
        outer.require_rows(rows.path, rows.are_rated)


def _find_rows(
    items: Iterator[tuple[str, Item]], select: Select, options: ReadOptions, others: _Others
) -> tuple[_Array | None, list[Item]]:
    """Return the array with the reviews, None if there is no array, and its elements so far.

    The elements of each array are held until one is a review, or they are a batch: then the array has the rows. Those
    of the arrays before are counted as `others`.
    """
    arrays: dict[str, _Array] = {}
    held: list[Item] = []
    size = 0
    for path, item in items:
        if path not in arrays:
            others.add(len(held), size)
            held, size = [], 0
        held.append(item)
        size += item[1]
        arrays[path] = _look_at(item[0], path, arrays.get(path), select)
        is_full = len(held) >= options.batch_rows or size >= options.batch_bytes
        is_much = others.are_many() or len(arrays) == _MOST_ARRAYS
        if arrays[path].kind == _REVIEWS or is_full or is_much or not path:
            _require_alone(arrays[path], arrays.values(), others)
            return arrays[path], held
    if len(arrays) > 1:
        first, second, *_ = arrays.values()
        raise others.refuse_objects() or _refuse(first, second, arrays.values())
    return next(iter(arrays.values()), None), held


def _look_at(value: Any, path: str, array: _Array | None, select: Select) -> _Array:
    """Return an array by what one more of its elements shows; None is an array of which nothing is known yet."""
    if array is None or (not array.keys and isinstance(value, dict)):
        keys = tuple(value) if isinstance(value, dict) else ()
        kind = _OTHER if array is None else array.kind
        known = select(keys).known
        array = _Array(path, keys, "movie_id" in known, not _OF_RATED.isdisjoint(known), kind)
    return replace(array, kind=max(array.kind, _judge(value, select)))


def _judge(value: Any, select: Select) -> int:
    """Return what an element shows of its array: it is a review if it has a text and another column of reviews."""
    if not isinstance(value, dict):
        return _UNCLEAR if _may_have_text("", value) else _OTHER
    row = flatten_object(value)
    known = select(tuple(row)).known
    text = list(row.values())[known["text"]] if "text" in known else None
    if isinstance(text, str) and (OF_REVIEWS | {"movie_id"}) & known.keys():
        return _REVIEWS
    return _UNCLEAR if "text" in known or any(_may_have_text(*each) for each in row.items()) else _OTHER


def _may_have_text(name: str, value: Any) -> bool:
    """Return whether a value may be a text or have one in it, as all may that is not surely something else."""
    if isinstance(value, list):
        return any(isinstance(item, dict) or _may_have_text(name, item) for item in value)
    if not isinstance(value, str) or not value.strip():
        return False
    if _is_likely(name):
        return True
    is_word = _WORD.fullmatch(value) and _OF_METADATA.fullmatch(name)
    return not (is_word or NO_TEXT.fullmatch(value))


def _is_likely(name: str) -> bool:
    """Return whether a name looks like that of a column of texts: such come before that of an id."""
    return sort_likely(("id", name))[0] != "id"


def _require_alone(rows: _Array, found: Collection[_Array], others: _Others) -> None:
    """Refuse a document if another array than the one with the `rows` may have reviews too, or the others have much."""
    for other in found:
        if other != rows and (other.kind != _OTHER or rows.kind != _REVIEWS or others.are_many()):
            raise others.refuse_objects() or _refuse(other, rows, found)


def _refuse(array: _Array, other: _Array, found: Iterable[_Array]) -> FileRefusedError:
    """Return the refusal of a document of which two arrays may have the rows; it says how to choose, or join them."""
    # Of several alike, the first that does not describe the columns.
    likely = max(found, key=lambda each: (each.kind, each.path not in _DESCRIPTIONS)).path
    steps = [f"name one {name_array(likely)}"]
    if _are_alike(array, other):
        steps = ["write the objects of all such arrays as lines"]
    program = _join_siblings(array, other)
    if program is not None:
        # A name that no program would give is a value, such as the title of a movie.
        steps = steps if all(map(is_plain, likely.split("."))) else []
        steps.append(f"jq -c {quote_word(program)} writes those of all as lines")
    both = f"both {show_path(array.path)} and {show_path(other.path)} are arrays of objects"
    return refusal("json_broken", f"{both}: {'; or '.join(steps)}")


def _are_alike(array: _Array, other: _Array) -> bool:
    """Return whether two arrays are those of two objects of the same shape, such as the replies to two reviews."""
    places = [tuple(each.path.split(".")) for each in (array, other)]
    varying = find_varying(places)
    if not varying or varying[0] + 1 == len(places[0]) or array.keys != other.keys:
        return False
    return len(varying) == 1 and not any(names_reviews(place[varying[0]]) for place in places)


def _join_siblings(array: _Array, other: _Array) -> str | None:
    """Return a program of jq that writes the objects of arrays side by side as lines; None if they are not alike.

    The key of each array is taken as the movie, unless the objects name it themselves.
    """
    if array.keys != other.keys or _OTHER in (array.kind, other.kind):
        return None
    pairs = zip(array.path.split("."), other.path.split("."), strict=False)
    parents = [name for name, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    start = len("".join(f"{name}." for name in parents))
    if any(_INNER.search(each.path[start:]) for each in (array, other)) or not all(map(is_plain, parents)):
        return None
    holder = f".{'.'.join(parents)}"
    if array.has_movie:
        return f"{holder}[] | arrays[]"
    return f"{f'{holder} | ' if parents else ''}to_entries[] | (.value | arrays[]) + {{movie: .key}}"


def refuse_lists(path: str) -> FileRefusedError:
    """Return the refusal of a document with an array whose objects are in lists, or come after very many values."""
    problem = f"{show_path(path)} has objects inside of lists, or after many other values"
    step = write_lines(path, " | flatten[] | objects")
    other = "; if the reviews are in another array, name that one as json_path under [file] in a profile"
    return refusal("json_broken", f"{problem}: {step}{other if path else ''}")


def describe_texts(path: str) -> str:
    """Say how to read an array of texts in a document without an array of objects."""
    problem = f"it has no array of objects, and the texts in {show_path(path)} have no names"
    return f"{problem}: {write_lines(path, '[] | {text: .}')}"
