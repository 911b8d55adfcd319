"""Names the arrays and objects of a JSON document in messages, with the command that reads or writes them."""

import json
import re
from itertools import dropwhile

from tasks.support.wording import quote_word

_SHOWN = 80
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)

Place = tuple[str, ...]
"""The keys of the objects around a value, from the outermost on."""


def is_plain(name: str) -> bool:
    """Return whether a key can stand in a program of jq as it is, as most names do that programs give."""
    return _NAME.fullmatch(name) is not None


def join_path(place: Place) -> str:
    """Return the path of an array; empty keys before the first other one count for nothing."""
    return ".".join(dropwhile(lambda name: not name, place))


def find_rows(path: str) -> str | None:
    """Return the program of jq that writes the elements of an array as lines; None if its path has other keys."""
    return f".{path}[]" if not path or all(map(is_plain, path.split("."))) else None


def show_path(path: str) -> str:
    """Return the path of an array for a message."""
    return f"'.{path[:_SHOWN]}{'…' if len(path) > _SHOWN else ''}[]'"


def name_array(path: str) -> str:
    """Return the step that names an array in a profile, with the command that does so."""
    shown = json.dumps(path, ensure_ascii=False)
    command = f"reviews sources init NAME FILE --json-path {quote_word(path)}"
    return f"under [file] in a profile, as json_path = {shown}: {command}"


def write_lines(path: str, program: str) -> str:
    """Return the step that writes what a program of jq makes of an array as lines."""
    if path and not all(map(is_plain, path.split("."))):
        return "write them as lines"
    return f"jq -c {quote_word(f'.{path}{program}')} writes them as lines"


def write_objects(places: list[Place]) -> str:
    """Return the step that writes the objects at one or two places, and all others of the same shape, as lines."""
    holder = find_holder(places)
    outer, inner = (places[0], ()) if holder is None else (holder, places[0][len(holder) + 1 :])
    if not all(map(is_plain, (*outer, *inner))):
        return "write them as lines"
    if holder is None:
        return f"jq -c {quote_word(_join(outer))} writes it alone as a line"
    each = f"{_join(outer)}[]{f' | {_join(inner)}' if inner else ''}"
    return f"jq -c {quote_word(each)} writes them as lines"


def _join(place: Place) -> str:
    """Return a place as jq writes it."""
    return f".{'.'.join(place)}"


def find_holder(places: list[Place]) -> Place | None:
    """Return the place of the object that holds two objects of the same shape; None if they differ in other ways."""
    first, last = places[0], places[-1]
    differ = [number for number, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]]
    return first[: differ[0]] if len(differ) == 1 and len(first) == len(last) else None
