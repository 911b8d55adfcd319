"""Builds raw rows from objects: the keys of each are the columns of its row, and may differ from row to row.

A number, list or other value that is no text breaks the rule text_type in the text column, and is formatted in the
other columns of ours.
"""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.review_files.column_mapping import Columns, require_text, select_columns
from tasks.review_files.further_columns import format_object
from tasks.review_files.inference.inferred_plan import SURVEYED
from tasks.review_files.objects.server_answers import has_message, says_failed
from tasks.review_files.plans.missing_words import SUM_WORDS
from tasks.review_files.plans.normalized_names import is_text
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.review_files.raw_rows import Defect, RawRows, join_bytes
from tasks.support.refusals import refusal

MAX_DEPTH = 64
"""Most levels of nested objects and lists."""
MAX_KEYS = 10_000
"""Most keys of one object, the same limit as for the columns of a CSV."""
MAX_KEY_SETS = 1000
"""Different sets of keys whose columns are cached."""
CACHED_KEYS = 100
"""Most keys of a set that is cached."""

TYPE_NAMES = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}

_NO_REVIEWS = ("error", "schema", "features", "meta", "metadata")
"""Keys of objects that describe the reviews beside them."""
_MONGO_TYPES = frozenset(("$date", "$oid", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal"))
"""Keys by which MongoDB writes the type of a value, as the only key of an object, where the type has one value."""
_LONGEST_NAME = 80
"""Most characters of a key that a message has in a command."""
_BLANKS = " \t\n\v\f\r"
"""What Arrow takes for white space."""

ObjectRow = tuple[dict[str, Any], Defect | None]
"""The usable columns of a row, and its defect if it has one."""


class Select:
    """Maps the keys of an object to its columns; caches the columns of small sets of keys."""

    def __init__(self, plan: ReadingPlan) -> None:
        self._cached = lru_cache(MAX_KEY_SETS)(lambda names: select_columns(names, plan))
        self.names_texts = False
        """Some objects of the file have a text that may be no server's answer."""

    def __call__(self, names: tuple[str, ...]) -> Columns:
        """Return the columns of an object with these keys."""
        return (self._cached if len(names) <= CACHED_KEYS else self._cached.__wrapped__)(names)


def require_object_text(rows: Sequence[ObjectRow], select: Select, plan: ReadingPlan) -> None:
    """Refuse a file if some of `rows` are objects, but none has a text column."""
    objects = [row for row, defect in rows if defect is None]
    if objects and not any("text" in select(tuple(row)).known for row in objects):
        names = tuple(objects[0])
        if not plan.text and (problem := _describe_inner(objects[0], select)):
            raise refusal("text_column_missing", problem)
        require_text(select(names), names, plan)


def _describe_inner(row: Mapping[str, Any], select: Select) -> str | None:
    """Say where the text of an object without one may be: in an object that it holds; None if it holds none."""
    names = [name for name in row if name.isidentifier() and len(name) <= _LONGEST_NAME]
    inner = {name: row[name] for name in names if isinstance(row[name], dict)}
    likely = [name for name in inner if name not in _NO_REVIEWS]
    if not likely:
        return "it is the error message of an API: ask it again for the reviews" if "error" in inner else None
    likely.sort(key=lambda name: "text" not in select(tuple(inner[name])).known)
    name = likely[0]
    return (
        f"'{name}' holds objects, in which no text is looked for: jq -c .{name} writes these alone as lines"
    )


def make_object_rows(rows: Sequence[ObjectRow], select: Select, next_row: int) -> RawRows:
    """Build the raw rows of n objects."""
    keys = [tuple(row) for row, _ in rows]
    selected = {each: select(each) for each in set(keys)}
    names, origins = _list_origins(selected)
    known: dict[str, list[str | None]] = {ours: [] for ours in origins}
    further: list[str | None] = []
    defects: dict[int, Defect] = {}
    suspects = _list_suspects(selected, select)
    for position, (row, defect) in enumerate(rows):
        columns, values = selected[keys[position]], list(row.values())
        own_values = {ours: values[place] for ours, place in columns.known.items()}
        defect = defect or _find_defect(own_values.get("text"), columns)
        if suspects and keys[position] in suspects and says_failed(row):
            defect = defect or Defect(
                "row_shape", "an answer that something failed, not a review", dump_value(row)
            )
        if defect is not None:
            defects[position] = defect
            own_values["text"] = None
        for ours, column in known.items():
            column.append(format_value(own_values.get(ours)))
        further.append(format_object((name, values[place]) for name, place in columns.further.items()))
    arrays = {ours: pa.array(column, pa.string()) for ours, column in known.items()}
    numbers = pa.array(np.arange(next_row, next_row + len(rows)), pa.int64())
    return RawRows(numbers, arrays, pa.array(further, pa.string()), defects, names, origins)


def _list_suspects(selected: Mapping[tuple[str, ...], Columns], select: Select) -> set[tuple[str, ...]]:
    """Return the sets of keys that a server's answers may have, in a file whose other objects name texts otherwise."""
    suspects = {names for names, columns in selected.items() if has_message(names, columns)}
    others = (columns for names, columns in selected.items() if names not in suspects)
    select.names_texts |= any("text" in columns.known for columns in others)
    return suspects if select.names_texts else set()


def make_surveyed_rows(rows: Sequence[ObjectRow], select: Select) -> RawRows:
    """Build raw rows that have only dates, labels and ratings, those of several keys one after the other.

    The values of rows without a text are left out, since they are not taken into account.
    """
    selected = {keys: select(keys) for keys in {tuple(row) for row, _ in rows}}
    names, origins = _list_origins(selected)
    judged = [row for row, defect in rows if _has_text(row, defect, selected[tuple(row)])]
    known: dict[str, pa.Array] = {}
    for ours in SURVEYED:
        if ours in origins:
            values = [format_value(row.get(name)) for name in origins[ours] for row in judged]
            known[ours] = pa.array(values, pa.string())
    return RawRows(pa.nulls(len(rows), pa.int64()), known, names=names, origins=origins)


def _list_origins(
    selected: Mapping[tuple[str, ...], Columns],
) -> tuple[tuple[str, ...], dict[str, frozenset[str]]]:
    """Return all keys, and by our column, the text always among them, the keys that become ours."""
    origins: dict[str, set[str]] = {"text": set()}
    for keys, columns in selected.items():
        for ours, place in columns.known.items():
            origins.setdefault(ours, set()).add(keys[place])
    names = tuple(sorted({key for keys in selected for key in keys}))
    return names, {ours: frozenset(found) for ours, found in origins.items()}


def _has_text(row: Mapping[str, Any], defect: Defect | None, columns: Columns) -> bool:
    """Return whether an object has a text or a part of one, valid or not, that is no word for a sum."""
    if defect is not None:
        return defect.rule == "text_encoding"
    values = list(row.values())
    texts = {ours: values[place] for ours, place in columns.known.items() if is_text(ours)}
    if _find_defect(texts.get("text"), columns) is not None:
        texts["text"] = None
    found = ((format_value(text) or "").strip(_BLANKS) for text in texts.values())
    return any(text and text.strip(" \t:").lower() not in SUM_WORDS for text in found)


def _find_defect(text: Any, columns: Columns) -> Defect | None:
    """Return the defect of the text of an object: several keys of it, or a value that is no text."""
    if columns.doubled:
        return Defect("row_shape", "several keys have the name of the text column", dump_value(text))
    if text is None or isinstance(text, str):
        return None
    return Defect("text_type", f"{TYPE_NAMES[type(text)]}, not a text{_describe_way(text)}", dump_value(text))


def _describe_way(value: Any) -> str:
    """Return what to do about a value in place of a text that has many; "" if it has not."""
    items = list(value.values()) if isinstance(value, dict) and all(map(str.isdecimal, value)) else value
    if not isinstance(items, list) or not items:
        return ""
    if isinstance(items[0], dict):
        return ": if it has the reviews, write each of them as a row"
    is_column = len(items) > 1 and all(isinstance(item, str) for item in items)
    return ": if it is a column, write the table by rows (pandas: orient='records')" if is_column else ""


def dump_value(value: Any) -> bytes:
    """Return a value as bytes, for the quarantine."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def format_value(value: Any) -> str | None:
    """Format an id, date, label or rating as in the other file formats: whole numbers without a decimal point.

    MongoDB writes the type of a value as the only key of an object, such as `{"$date": "2026-11-27T00:00:00Z"}`.
    """
    if value is None or type(value) is str:
        return value
    while isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$"):
        [value] = value.values()
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value)


def is_deeper(value: Any, levels: int) -> bool:
    """Return whether a JSON value has more than `levels` levels of nested lists and objects."""
    if not isinstance(value, (dict, list)):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(is_deeper(child, levels - 1) for child in children)


def drop_invalid(row: dict[str, Any], line: bytes, select: Select) -> ObjectRow:
    """Return the columns of a row that are valid text, and a text_encoding defect if any column is not.

    In what is not valid, bytes that are not UTF-8 are lone surrogates; `line` has the bytes of the whole row.
    """
    invalid = [name for name, value in row.items() if not (is_valid_text(name) and is_valid_text(value))]
    if not invalid:
        return row, None
    values = list(row.values())
    texts = [values[place] for place in select(tuple(row)).list_text()]
    parts = [_restore_bytes(text) for text in texts if isinstance(text, str)]
    raw = join_bytes(parts) if parts and isinstance(texts[-1], str) else line
    name = invalid[0].encode("utf-8", "replace").decode()
    detail = f"column '{name}' holds bytes that are not UTF-8, or half a surrogate pair"
    kept = {name: value for name, value in row.items() if name not in invalid}
    return kept, Defect("text_encoding", detail, raw)


def _restore_bytes(text: str) -> bytes:
    """Return the original bytes of a text that is not UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def flatten_object(row: dict[str, Any]) -> dict[str, Any]:
    """Return the values of nested objects as columns of their own with names such as 'user.name'; lists stay lists.

    A value that MongoDB has written with its type, such as `{"$numberInt": "4"}`, is that value. The nesting may not
    be deeper than `MAX_DEPTH`. If a name is taken, '_2' is added to it.
    """
    flat: dict[str, Any] = {}
    for name, each in row.items():
        value = _drop_types(each) if isinstance(each, dict) else each
        inner = flatten_object(value) if isinstance(value, dict) and value else None
        for key, leaf in {name: value}.items() if inner is None else inner.items():
            path = plain = key if inner is None else f"{name}.{key}"
            number = 1
            while path in flat:
                number += 1
                path = f"{plain}_{number}"
            flat[path] = leaf
    return flat


def _drop_types(value: Any) -> Any:
    """Return a value without the objects by which MongoDB writes its type, `{"$date": {"$numberLong": "0"}}` as `0`."""
    while isinstance(value, dict) and len(value) == 1 and not value.keys().isdisjoint(_MONGO_TYPES):
        [value] = value.values()
    return value


def is_valid_text(value: Any) -> bool:
    """Return whether a value of a JSON line is valid text, without lone surrogates."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
