"""Looks at what is around the arrays of a JSON document, and refuses one whose reviews may be there.

The reviews may be objects by their ids, of which one has an array of replies; or their array is empty, and another one
has messages. An array that was chosen by its objects alone would then be read in their place.
"""

from collections.abc import Mapping
from typing import Any

from data_contracts.errors import FileRefusedError
from tasks.review_files.inference.likely_texts import names_reviews
from tasks.review_files.objects.answers import NO_TEXT, OF_ANSWERS, OF_REVIEWS, REPLIES, says_done
from tasks.review_files.objects.json_paths import Place, find_holder, name_array, show_path, write_objects
from tasks.review_files.objects.object_rows import Select
from tasks.review_files.plans.names import normalize_name, quote_name
from tasks.support.refusals import refusal

_OF_OPINIONS = OF_REVIEWS - {"reviewed_at"}
"""Our columns that no server's answer has, though it may have a date."""
_MOST_NOTED, _CHARACTERS_NOTED = 1000, 80
"""Values of an object that are looked at, and characters of each."""
_SAME_SHAPE = 2
"""Objects that show where the others are."""


class Surroundings:
    """The objects outside of the arrays of a document, and its arrays that are empty."""

    def __init__(self, select: Select) -> None:
        self._select = select
        self.texts: list[Place] = []
        """The places of the first objects that have a text; two at most."""
        self._answers: dict[tuple[int, Place], tuple[Place, str]] = {}
        """Depth and place of a holder -> its first object with what may be a server's message, and the key of that."""
        self._open: list[tuple[Place, dict[str, Any]]] = []
        self.rows = ""
        """The path of the array that has the rows."""
        self._empty: str | None = None
        """The path of an empty array that is called like reviews."""

    def open_object(self, place: Place) -> None:
        """Begin with an object."""
        self._open.append((place, {}))

    def note(self, name: str, value: Any) -> None:
        """Note a value of the innermost object that is neither an object nor an array."""
        values = self._open[-1][1]
        if len(values) < _MOST_NOTED:
            values[name] = value[:_CHARACTERS_NOTED] if isinstance(value, str) else value

    def close_object(self) -> None:
        """End with the innermost object."""
        self._look(*self._open.pop())

    def look_at(self, values: Mapping[str, Any], place: Place = ()) -> None:
        """Look at an object that was read whole, and at those in it."""
        self.open_object(place)
        for name, value in values.items():
            if isinstance(value, dict) and len(self.texts) < _SAME_SHAPE:
                self.look_at(value, (*place, name))
            elif not isinstance(value, (dict, list)):
                self.note(name, value)
        self.close_object()

    def note_empty(self, path: str) -> None:
        """Note the path of an empty array."""
        if self._empty is None and names_reviews(path.rpartition(".")[2]):
            self._empty = path

    def find_objects(self) -> FileRefusedError | None:
        """Return the refusal of a document that has several objects of one shape with texts; None if it has not."""
        for place, values in self._open:
            self._look(place, values)
        return (
            self._refuse_texts(None)
            if len(self.texts) == _SAME_SHAPE and find_holder(self.texts) is not None
            else None
        )

    def require_rows(self, path: str | None) -> None:
        """Refuse a document (json_broken) if its reviews may be around the array at `path`; None is none."""
        if path is not None and not self.texts:
            self.texts += self._find_answered(path)
        if self.texts:
            raise self._refuse_texts(path)
        if path and self._empty is not None and not any(map(names_reviews, path.split("."))):
            problem = f"{show_path(self._empty)} is empty, and {show_path(path)} may have something else than reviews"
            raise refusal(
                "json_broken", f"{problem}: name the one with the reviews {name_array(self._empty)}"
            )

    def _look(self, place: Place, values: dict[str, Any]) -> None:
        """Note an object if one of its values is a text."""
        if len(self.texts) == _SAME_SHAPE or place in self.texts:
            return
        known = self._select(tuple(values)).known
        name = list(values)[known["text"]] if "text" in known else ""
        text = values.get(name)
        if not isinstance(text, str) or not text.strip() or NO_TEXT.fullmatch(text):
            return
        if normalize_name(name) not in OF_ANSWERS or _OF_OPINIONS & known.keys():
            self.texts.append(place)
        elif not says_done(values) and len(self._answers) < _MOST_NOTED:
            self._note_answer(place, name)

    def _note_answer(self, place: Place, name: str) -> None:
        """Note an object with what may be a server's message; several side by side are no answers."""
        first, _ = self._answers.setdefault((len(place), place[:-1]), (place, name))
        if first != place and not self.texts:
            self.texts += [first, place]

    def _find_answered(self, path: str) -> list[Place]:
        """Return the place of an object whose text the array at `path` has replies to, if there is one."""
        for place, name in self._answers.values():
            start = "".join(f"{key}." for key in place)
            is_reply = path.startswith(start) and normalize_name(path[len(start) :]) in REPLIES
            if is_reply and normalize_name(name) != "message":
                return [place]
        return []

    def _refuse_texts(self, path: str | None) -> FileRefusedError:
        """Return the refusal of a document with texts outside of arrays; it says how to read them, or the array."""
        place = ".".join(self.texts[0])
        problem = f"{quote_name(f'.{place}')} has a text, and is in no array"
        problem = problem if place else "it is one object over many lines, with a text of its own"
        steps = [write_objects(self.texts)]
        if path and not self._is_inside(path):
            steps.append(f"if the reviews are in {show_path(path)}, name that {name_array(path)}")
        return refusal("json_broken", f"{problem}: {'; or '.join(steps)}")

    def _is_inside(self, path: str) -> bool:
        """Return whether a path leads through one of several objects of the same shape."""
        holder = find_holder(self.texts)
        start = "".join(f"{key}." for key in holder or ())
        return holder is not None and path.startswith(start) and "." in path[len(start) :]
