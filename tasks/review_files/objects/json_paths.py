"""Names the arrays and objects of a JSON document in messages, with the command that reads or writes them."""

import json
import re
from collections.abc import Sequence
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


def write_lines_of(path: str, movie: Place) -> str:
    """Return the step that writes the elements of an array as lines, each with the movie that the keys lead to."""
    rows = find_rows(path)
    if rows is None or not all(map(is_plain, movie)):
        return "write them as lines, each with its movie"
    program = f". as $all | {rows} | {{movie: $all.{'.'.join(movie)}}} + ."
    return f"jq -c {quote_word(program)} writes them as lines, each with its movie"


def write_objects(places: Sequence[Place]) -> str:
    """Return the step that writes the objects at some places, and all others of the same shape, as lines."""
    varying = find_varying(places)
    keys = [key for number, key in enumerate(places[0]) if number not in (varying or ())]
    if varying is None or not all(map(is_plain, keys)):
        return "write each of them as a line"
    program = "".join("[]" if number in varying else f".{key}" for number, key in enumerate(places[0]))
    shown = quote_word(program if program.startswith(".") else f".{program}")
    return f"jq -c {shown} writes {'them as lines' if varying else 'it alone as a line'}"


def find_varying(places: Sequence[Place]) -> list[int] | None:
    """Return the numbers of the keys in which places differ; None if they are not equally deep."""
    if len(set(map(len, places))) > 1:
        return None
    return [number for number, keys in enumerate(zip(*places, strict=True)) if len(set(keys)) > 1]
