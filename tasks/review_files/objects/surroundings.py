"""Looks at what is around the arrays of a JSON document: the movie of their rows, or reviews.

The reviews may be objects by their ids, of which one has an array of replies; or their array is empty, and another one
has messages. An array that was chosen by its objects alone would then be read in their place, so they are refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from data_contracts.errors import FileRefusedError
from tasks.review_files.inference.likely_texts import names_reviews
from tasks.review_files.objects.answers import NO_TEXT, OF_ANSWERS, OF_OPINIONS, REPLIES, says_done
from tasks.review_files.objects.json_paths import (
    Place,
    find_varying,
    name_array,
    show_path,
    write_lines_of,
    write_objects,
)
from tasks.review_files.objects.object_rows import Select
from tasks.review_files.plans.names import normalize_name, quote_name
from tasks.review_files.plans.reading_plan import Doubt
from tasks.review_files.raw_rows import RawRows
from tasks.support.refusals import refusal

_MOST_NOTED, _CHARACTERS_NOTED = 1000, 300
"""Values of an object that are looked at, and characters of each."""
_MOST_INNER = 20
"""Values of an object that may name the movie of an array beside it."""
_OF_REVIEWS = {"reviews", "comments", "feedback", "feedbacks", "opinions", "testimonials"}
"""Names of an array that is that of the reviews, though it is empty."""
_OF_PROGRAMS = {"product", "productname", "app", "appname", "appid", "itemname"}
"""Keys of what is reviewed, or of the program that wrote the document."""
_TITLES = {"title", "name"}
"""Keys beside an array that may be the title of what is reviewed, or of the document."""
_UNCLEAR_MOVIE = "it stands beside the reviews, and may be what they are on, or say who wrote the file"
_WORD = re.compile(r"\w+", re.ASCII)
"""A text that may as well be the name of a format, or what was searched for."""

Movie = Mapping[str, str | int]
"""The movie of rows, by the key that it has; empty if there is none."""


@dataclass(frozen=True)
class _Object:
    """An object that is read, outside of arrays."""

    place: Place
    values: dict[str, Any] = field(default_factory=dict)
    """Its first values that are neither objects nor arrays."""
    unnamed: list[str] = field(default_factory=list)
    """The paths of the arrays in it whose movie is not known yet."""


class Surroundings:
    """The objects outside of the arrays of a document, and its arrays that are empty."""

    def __init__(self, select: Select) -> None:
        self.select = select
        self.texts: list[Place] = []
        """The places of the first objects that have a text."""
        self._answers: dict[tuple[int, Place], tuple[Place, str]] = {}
        """Depth and place of a holder -> its first object with what may be a server's message, and the key of that."""
        self._open: list[_Object] = []
        self.rows = ""
        """The path of the array that has the rows."""
        self._closed: dict[Place, dict[str, Any]] = {}
        """The place of an open object -> the first values of the objects in it that have ended, by dotted names."""
        self._movies: dict[str, Movie] = {}
        """The path of an array -> the movie that the objects around it name."""
        self._keys: dict[str, Place] = {}
        """The path of an array -> the keys that lead to its movie."""
        self._unclear: dict[str, str] = {}
        """The path of an array -> the key of what may be its movie."""
        self._empty: str | None = None
        """The path of an empty array that is called like reviews."""

    def open_object(self, place: Place) -> None:
        """Begin with an object."""
        self._open.append(_Object(place))

    def note(self, name: str, value: Any) -> None:
        """Note a value of the innermost object that is neither an object nor an array."""
        values = self._open[-1].values
        if len(values) < _MOST_NOTED:
            values[name] = value[:_CHARACTERS_NOTED] if isinstance(value, str) else value

    def close_object(self) -> None:
        """End with the innermost object."""
        ended = self._open.pop()
        place, values = ended.place, ended.values
        self._look(place, values)
        left = [path for path in ended.unnamed if not self._name_movie(path, ended)]
        if self._open:
            self._open[-1].unnamed.extend(left)
        self._closed.pop(place, None)
        if not place or len(place[-1]) > _CHARACTERS_NOTED:
            return
        if len(closed := self._closed.setdefault(place[:-1], {})) < _MOST_NOTED:
            closed |= {f"{place[-1]}.{name}": value for name, value in islice(values.items(), _MOST_INNER)}

    def note_array(self, path: str) -> None:
        """Note the movie of an array of objects, from the innermost object around it that names one before it."""
        if self._open and not any(self._name_movie(path, each) for each in reversed(self._open)):
            self._open[-1].unnamed.append(path)

    def _name_movie(self, path: str, holder: _Object) -> bool:
        """Note the movie of an array if an object around it names one; return whether it does."""
        place, values = holder.place, holder.values
        flat = {**values, **self._closed.get(place, {})}
        known = self.select(tuple(flat)).known
        name = list(flat)[known["movie_id"]] if "movie_id" in known else _find_title(values)
        if not _is_movie(flat.get(name)):
            return False
        if not self._is_sure(name):
            self._unclear.setdefault(path, name)
            return False
        self._movies[path] = {name: flat[name]}
        self._keys[path] = (*place, *([name] if name in values else name.split(".", 1)))
        return True

    def _is_sure(self, name: str) -> bool:
        """Return whether a key can only be that of what is reviewed, or is what the profile says."""
        is_by_profile = "movie_id" not in self.select(("movie",)).known
        return is_by_profile or normalize_name(name) not in _OF_PROGRAMS | _TITLES

    def find_movie(self, path: str) -> Movie:
        """Return the movie of the rows of an array that name none themselves; nothing if there is none."""
        return self._movies.get(path, {})

    def require_movie(self, batches: Iterator[RawRows], path: str | None) -> Iterator[RawRows]:
        """Yield the rows of an array, with the doubt about what may be their movie.

        Refuses an array (json_broken) that is followed by the movie of its rows, once rows without it were given out.
        """
        is_without = False
        for rows in batches:
            at = self.rows if path is None else path
            self._refuse_late(at, is_without)
            has_movie = "movie_id" in rows.known
            is_without |= not (has_movie or self.find_movie(at))
            unclear = None if has_movie else self._unclear.get(at)
            doubts = (Doubt("movie_id", unclear, _UNCLEAR_MOVIE),) if unclear else ()
            yield replace(rows, doubts=doubts) if doubts else rows
        self._refuse_late(self.rows if path is None else path, is_without)

    def _refuse_late(self, path: str, is_without: bool) -> None:
        """Refuse an array (json_broken) if its movie is known, but rows were given out without it."""
        if is_without and path in self._keys:
            keys = self._keys[path]
            problem = f"{quote_name('.' + '.'.join(keys))} is the movie of the rows, but stands after {show_path(path)}"
            raise refusal(
                "json_broken", f"{problem}, which is too long to be held: {write_lines_of(path, keys)}"
            )

    def look_at(self, values: Mapping[str, Any], place: Place = ()) -> None:
        """Look at an object that was read whole, and at those in it."""
        self.open_object(place)
        for name, value in values.items():
            if isinstance(value, dict):
                self.look_at(value, (*place, name))
            elif not isinstance(value, (dict, list)):
                self.note(name, value)
        self.close_object()

    def note_empty(self, path: str) -> None:
        """Note the path of an empty array."""
        if self._empty is None and normalize_name(path.rpartition(".")[2]) in _OF_REVIEWS:
            self._empty = path

    def has_objects(self) -> bool:
        """Return whether several objects of the same shape have a text, as reviews by their ids have."""
        for each in self._open:
            self._look(each.place, each.values)
        return bool(find_varying(self.texts or [()]))

    def require_rows(self, path: str | None, are_rated: bool = False) -> None:
        """Refuse a document (json_broken) if its reviews may be around the array at `path`; None is none.

        `are_rated` says that its elements have ratings, labels or ids of reviews: then they are the reviews.
        """
        if path is not None and not self.texts:
            self.texts += self._find_answered(path)
        if self.texts and not (path and are_rated):
            raise self.refuse_texts(path)
        is_named = are_rated or path is None or any(map(names_reviews, path.split(".")))
        if path and self._empty is not None and not is_named:
            shown = show_path(path)
            problem = f"{show_path(self._empty)} is empty, and {shown} may have something else than reviews"
            steps = (
                f"if there are none, delete the file; if they are in {shown}, name that {name_array(path)}"
            )
            raise refusal("json_broken", f"{problem}: {steps}")

    def _look(self, place: Place, values: dict[str, Any]) -> None:
        """Note an object if one of its values is a text."""
        if len(self.texts) >= _MOST_NOTED or place in self.texts:
            return
        if not any(isinstance(value, str) for value in values.values()):
            return  # most tables of numbers have no names that are known
        known = self.select(tuple(values)).known
        name = list(values)[known["text"]] if "text" in known else ""
        text = values.get(name)
        if not isinstance(text, str) or not text.strip() or NO_TEXT.fullmatch(text):
            return
        may_be_other = normalize_name(name) in OF_ANSWERS or _WORD.fullmatch(text)
        if not may_be_other or OF_OPINIONS & known.keys():
            self.texts.append(place)
        elif not says_done(values) and len(self._answers) < _MOST_NOTED:
            self._note_answer(place, name)

    def _note_answer(self, place: Place, name: str) -> None:
        """Note an object with what may be a server's message; several side by side are no answers."""
        first, _ = self._answers.setdefault((len(place), place[:-1]), (place, name))
        if first != place:
            self.texts += [each for each in (first, place) if each not in self.texts]

    def _find_answered(self, path: str) -> list[Place]:
        """Return the place of an object whose text the array at `path` has replies to, if there is one."""
        for place, name in self._answers.values():
            start = "".join(f"{key}." for key in place)
            is_reply = path.startswith(start) and normalize_name(path[len(start) :]) in REPLIES
            if is_reply and normalize_name(name) != "message":
                return [place]
        return []

    def refuse_texts(self, path: str | None) -> FileRefusedError:
        """Return the refusal of a document with texts outside of arrays; it says how to read them, or the array."""
        texts = self._list_alike()
        place = ".".join(texts[0])
        problem = f"{quote_name(f'.{place}')} has a text, and is in no array"
        problem = problem if place else "it is one object over many lines, with a text of its own"
        steps = [write_objects(texts)]
        if path and not _is_inside(path, texts):
            steps.append(f"if the reviews are in {show_path(path)}, name that {name_array(path)}")
        return refusal("json_broken", f"{problem}: {'; or '.join(steps)}")

    def _list_alike(self) -> list[Place]:
        """Return the places of the texts, and of what seemed a server's message, but is like them."""
        first, is_sure = self.texts[0], bool(find_varying(self.texts))
        answers = [
            place
            for (depth, holder), (place, _) in self._answers.items()
            if depth == len(first) and (is_sure or holder == first[:-1])
        ]
        return list(dict.fromkeys([*self.texts, *answers]))


def _is_inside(path: str, texts: list[Place]) -> bool:
    """Return whether a path leads through one of several objects of the same shape."""
    varying = find_varying(texts)
    if not varying:
        return False
    start = "".join(f"{key}." for key in texts[0][: varying[0]])
    return path.startswith(start) and "." in path[len(start) :]


def _is_movie(value: Any) -> bool:
    """Return whether a value may be the id or title of a movie; a longer one may have been cut."""
    if isinstance(value, str):
        return value.strip() != "" and len(value) < _CHARACTERS_NOTED
    return isinstance(value, int) and not isinstance(value, bool)


def _find_title(values: Mapping[str, Any]) -> str:
    """Return the key of a title; "" if there is none."""
    return next((name for name in values if normalize_name(name) in _TITLES), "")
