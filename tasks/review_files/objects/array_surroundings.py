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
from tasks.review_files.inference.text_suggestions import names_reviews
from tasks.review_files.objects.json_paths import (
    Place,
    find_varying,
    name_array,
    show_path,
    write_lines_of,
    write_objects,
)
from tasks.review_files.objects.object_rows import Select
from tasks.review_files.objects.server_answers import NO_TEXT, OF_ANSWERS, OF_OPINIONS, REPLIES, says_done
from tasks.review_files.plans.normalized_names import normalize_name, quote_name
from tasks.review_files.plans.reading_plan import Doubt
from tasks.review_files.raw_rows import RawRows
from tasks.support.refusals import refusal

_MOST_NOTED, _CHARACTERS_NOTED = 1000, 300
"""Values of an object that are looked at, and characters of each."""
_MOST_INNER = 20
"""Values of an object that may name the movie of an array beside it."""
_OF_REVIEWS = {"reviews", "comments", "feedback", "feedbacks", "opinions", "testimonials"}
"""Names of an array that is that of the reviews, though it is empty."""
_FILM = re.compile(r"film|movie|imdb|tconst", re.IGNORECASE)
"""What the key of a movie has in its name. It counts before that of a product, which may be nearer to the rows."""
_OF_PROGRAMS = re.compile(r"product|app(?:[ ._-]?name)?|(?:product|item)[ _-]?name", re.IGNORECASE)
"""The key of what is reviewed, or of the program that wrote the document."""
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
    inner: dict[str, Any] = field(default_factory=dict)
    """Those of the objects in it that have ended, by dotted names."""


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
        self._around: dict[str, tuple[_Object, ...]] = {}
        """The path of an array -> the objects around it, from the innermost on."""
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
        self._look(ended.place, ended.values)
        if not self._open or len(ended.place[-1]) > _CHARACTERS_NOTED:
            return
        if len(inner := self._open[-1].inner) < _MOST_NOTED:
            values = islice(ended.values.items(), _MOST_INNER)
            inner |= {f"{ended.place[-1]}.{name}": value for name, value in values}

    def note_array(self, path: str) -> None:
        """Note the objects around an array of objects, one of which may name the movie of its rows."""
        if len(self._around) < _MOST_NOTED:
            self._around[path] = tuple(reversed(self._open))

    def find_movie(self, path: str) -> Movie:
        """Return the movie of the rows of an array that name none themselves; nothing if none is known so far."""
        found = self._find_movie(path)
        return found[1] if found else {}

    def _find_movie(self, path: str) -> tuple[Place, Movie] | None:
        """Return the movie of an array and its keys, from the innermost object around it that names a film, or one."""
        found = [each for each in self._list_movies(path) if all(map(self._is_sure, each[1]))]
        films = (each for each in found if any(map(_FILM.search, each[1])))
        return next(films, found[0] if found else None)

    def _list_movies(self, path: str) -> Iterator[tuple[Place, Movie]]:
        """Yield what may be the movie of an array, with its keys, from the innermost object around it on."""
        for each in self._around.get(path, ()):
            flat = {**each.values, **each.inner}
            known = self.select(tuple(flat)).known
            name = list(flat)[known["movie_id"]] if "movie_id" in known else ""
            if _is_movie(flat.get(name)):
                keys = [name] if name in each.values else name.split(".", 1)
                yield (*each.place, *keys), {name: flat[name]}

    def _is_sure(self, name: str) -> bool:
        """Return whether a key of a movie can only be that of what is reviewed, or is what the profile says."""
        is_by_profile = "movie_id" not in self.select(("movie",)).known
        return is_by_profile or not _OF_PROGRAMS.fullmatch(name)

    def require_movie(self, batches: Iterator[RawRows], path: str | None) -> Iterator[RawRows]:
        """Yield the rows of an array, with the doubt about what may be their movie.

        Refuses an array (json_broken) that is followed by the movie of its rows, once rows without it were given out.
        """
        given: Movie | None = None
        for rows in batches:
            at = self.rows if path is None else path
            self._refuse_late(at, given)
            movie, origins = self.find_movie(at), rows.origins.get("movie_id", frozenset())
            given = movie if origins <= movie.keys() else given
            unclear = None if origins else next(self._list_movies(at), None)
            doubts = [Doubt("movie_id", name, _UNCLEAR_MOVIE) for name in (unclear[1] if unclear else ())]
            yield replace(rows, doubts=tuple(doubts))
        self._refuse_late(self.rows if path is None else path, given)

    def _refuse_late(self, path: str, given: Movie | None) -> None:
        """Refuse an array (json_broken) whose movie is another one than that which rows were `given`."""
        found = self._find_movie(path)
        if given is not None and found is not None and found[1] != given:
            keys, _ = found
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
