"""Finds reviews that are deeper in the objects of a JSON file than its rows, and says how to write them as rows.

Such are the reviews in a list of each film, or by their ids in an object, and tables whose rows are lists of values.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from tasks.review_files.inference.text_suggestions import names_reviews
from tasks.review_files.objects.array_surroundings import Surroundings
from tasks.review_files.objects.json_array_choice import describe_texts
from tasks.review_files.objects.json_paths import find_varying, is_plain, write_lines, write_objects
from tasks.review_files.objects.object_rows import ObjectRow, Select, require_object_text
from tasks.review_files.objects.server_answers import OF_OPINIONS, REPLIES
from tasks.review_files.plans.normalized_names import normalize_name, quote_name
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.support.refusals import refusal
from tasks.support.wording import quote_word

_MOST_ROWS = 1000
"""First rows that are looked at."""
_NAMED = "[$names, .] | transpose | map({key: .[0], value: .[1]}) | from_entries"
"""The program of jq that makes an object of the names and a list of values."""
_BY_ROWS = "(pandas: orient='records', lines=True)"
_OF_REPLIES = re.compile(r"repl|respon|owner|child|edited|(?<![a-z])sub(?![a-z])", re.IGNORECASE)
"""What lists of replies and of earlier versions have in their names, such as `owner_comments`."""
_TITLES = ("title", "name")
"""Keys of a film's title, if none is known to be the movie's."""

_Row = Mapping[str, Any]


def require_rows_text(
    rows: Sequence[ObjectRow], select: Select, plan: ReadingPlan, rows_at: str | None = ""
) -> None:
    """Refuse a file if none of `rows` has a text column, or reviews seem to be inside of them.

    `rows_at` is the program of jq that writes the rows as lines, "" if they are lines, None if it is not known.
    """
    objects = [row for row, defect in islice(rows, _MOST_ROWS) if defect is None]
    if not plan.text and (problem := _describe_nested(objects, select, rows_at)):
        raise refusal("json_broken", problem)
    require_object_text(rows, select, plan)


def _describe_nested(rows: Sequence[_Row], select: Select, rows_at: str | None) -> str | None:
    """Say where the reviews in the rows are and how to write them; None if the rows seem to be the reviews."""
    names = {name: "text" in select(name).known for name in set(map(tuple, rows))}
    if any(names.values()):
        lists = {each for keys in names for each in keys if _is_of_reviews(each)}
        found = (
            _find_reviews(filter(lambda row: _is_plot(row, select), rows), lists, select) if lists else None
        )
        return _describe_reviews(found, select, rows_at) if found else None
    keys = {each for keys in names for each in keys if normalize_name(each) not in REPLIES}
    if found := _find_reviews(rows, keys, select):
        return _describe_reviews(found, select, rows_at)
    return _describe_values(rows[0], select, rows_at) if rows else None


def _is_of_reviews(name: str) -> bool:
    """Return whether a list with this name has reviews, not comments on one."""
    is_of_replies = normalize_name(name) in REPLIES or _OF_REPLIES.search(name)
    return names_reviews(name) and not is_of_replies


def _find_reviews(rows: Iterable[_Row], names: Iterable[str], select: Select) -> tuple[_Row, str] | None:
    """Return the first row that has a list of objects with a text under one of `names`, and that name."""
    wanted = sorted(names, key=lambda name: not names_reviews(name))
    return next(((row, name) for row in rows for name in wanted if _has_texts(row.get(name), select)), None)


def _has_text(row: _Row, select: Select) -> bool:
    """Return whether an object has a text."""
    place = select(tuple(row)).known.get("text")
    return place is not None and isinstance(list(row.values())[place], str)


def _is_plot(row: _Row, select: Select) -> bool:
    """Return whether an object has a text, but no rating or label that would make it a review."""
    return _has_text(row, select) and OF_OPINIONS.isdisjoint(select(tuple(row)).known)


def _has_texts(value: Any, select: Select) -> bool:
    """Return whether a value is a list that begins with an object with a text."""
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and _has_text(first, select)


def _describe_reviews(found: tuple[_Row, str], select: Select, rows_at: str | None) -> str:
    """Say that lists in the rows have reviews, and how to write these with the movie of their row."""
    row, name = found
    place = select(tuple(row)).known.get("text")
    step = _write_inner(row, name, ". + ", select, rows_at)
    problem = f"the objects in the lists {quote_name(name)} have texts"
    if place is None:
        return f"{problem}: {step}"
    text = list(row)[place]
    own = f"if {quote_name(text)} is the text, reviews sources init NAME FILE --text {quote_word(text)}"
    return f"{problem}, and so have the rows: {step}; or {own}"


def _write_inner(row: _Row, name: str, start: str, select: Select, rows_at: str | None) -> str:
    """Return the step that writes the values of a list in the rows as lines, with the movie of their row.

    `start` is the program of jq that makes the beginning of an object of a value.
    """
    # The rows of a document have dotted names for what is in objects, those of lines have not.
    if rows_at is None or not all(map(is_plain, name.split(".") if rows_at else [name])):
        return "write each of them as a line"
    movie = _find_movie(row, row[name][0], select)
    if movie is None:
        each = f".{name}[]?{' | {text: .}' if start.startswith('{') else ''}"
    else:
        each = f". as $film | .{name}[]? | {start}{{movie: $film.{movie}}}"
    return f"jq -c {quote_word(f'{rows_at} | {each}' if rows_at else each)} writes them as lines"


def _find_movie(row: _Row, review: Any, select: Select) -> str | None:
    """Return the key of the movie of a row, if its reviews do not name it themselves."""
    if isinstance(review, dict) and "movie_id" in select(tuple(review)).known:
        return None
    place = select(tuple(row)).known.get("movie_id")
    names = [] if place is None else [list(row)[place]]
    return next((name for name in (*names, *_TITLES) if name in row and is_plain(name)), None)


def _describe_values(row: _Row, select: Select, rows_at: str | None) -> str | None:
    """Say how to write the values that a row without a text holds: texts, a table, or objects by their ids."""
    lists = {name: value for name, value in row.items() if isinstance(value, list) and value}
    if _is_split(row) and not rows_at:
        program = f".columns as $names | .data[] | {_NAMED}"
        return f"it is a table by its parts {_BY_ROWS}: jq -c {quote_word(program)} writes its rows as lines"
    for name in sorted(lists, key=lambda name: not names_reviews(name)):
        if any(isinstance(each, str) and " " in each for each in lists[name]):
            step = _write_inner(row, name, "{text: .} + ", select, rows_at)
            return f"the texts in the lists {quote_name(name)} have no names: {step}"
    return None if rows_at else _describe_by_ids(row, select)


def _is_split(row: _Row) -> bool:
    """Return whether an object is a table as pandas writes it with `orient='split'`."""
    names, data = row.get("columns"), row.get("data")
    return isinstance(names, list) and isinstance(data, list) and bool(data) and isinstance(data[0], list)


def _describe_by_ids(row: _Row, select: Select) -> str | None:
    """Say how to write the objects that a line holds by their ids; None if not several alike have a text."""
    outer = Surroundings(select)
    outer.look_at(row)
    varying = find_varying(outer.texts or [()])
    if not varying:
        return None
    for name in outer.texts[0][: varying[0]]:
        row = row[name]
    if not all(isinstance(each, dict) for each in row.values()):
        return None
    return f"the reviews are objects by their ids: {write_objects(outer.texts)}"


def refuse_values(values: Sequence[Any], select: Select, path: str) -> None:
    """Refuse an array (json_broken) that begins without objects, if its lists or texts may be reviews."""
    if any(isinstance(each, dict) for each in values):
        return
    if all(isinstance(each, list) for each in values[:2]):
        raise refusal("json_broken", _describe_lists(values, select, path))
    if any(isinstance(each, str) and " " in each for each in values):
        raise refusal("json_broken", describe_texts(path))


def _describe_lists(values: Sequence[list[Any]], select: Select, path: str) -> str:
    """Say how to write rows that are lists as objects."""
    problem = f"its rows are lists, whose values have no names {_BY_ROWS}"
    is_header = all(isinstance(name, str) for name in values[0]) and "text" in select(tuple(values[0])).known
    if not is_header:
        return f"{problem}: write them as objects"
    return f"{problem}: {write_lines(path, f' | .[0] as $names | .[1:][] | {_NAMED}')}"
