"""Builds raw rows from objects: the keys of each are the columns of its row, and may differ from row to row.

Nested objects become columns with dotted names, such as 'user.name'; lists stay lists. How the objects are read is
chosen by the keys of the first batch. A number, list or other value that is no text breaks the rule text_type in the
text column, and is formatted in the other columns of ours.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from data_contracts.sources.known_profiles import DEFAULT, load_default
from tasks.reading.columns import Columns, Reading, choose_reading, select_columns
from tasks.reading.further_columns import format_object
from tasks.reading.options import ReadOptions
from tasks.reading.raw_rows import Defect, RawRows, join_bytes

MAX_DEPTH = 64
"""Most levels of nested objects and lists."""
MAX_KEYS = 10_000
"""Most keys of one object, the same limit as for the columns of a CSV."""
MAX_KEY_SETS = 1000
"""Different sets of keys whose columns are cached."""
CACHED_KEYS = 100
"""Most keys of a set that is cached."""
TYPE_NAMES = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}

ObjectRow = tuple[dict[str, Any], Defect | None]
"""The usable columns of a row, and its defect if it has one."""


class Select:
    """Maps the keys of an object to its columns by a reading; caches the columns of small sets of keys."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self._cached = lru_cache(MAX_KEY_SETS)(lambda names: select_columns(names, reading.profile))

    def __call__(self, names: tuple[str, ...]) -> Columns:
        """Return the columns of an object with these keys."""
        return (self._cached if len(names) <= CACHED_KEYS else self._cached.__wrapped__)(names)


def make_batches(
    groups: Iterator[list[ObjectRow]], first_row: int, options: ReadOptions
) -> Iterator[RawRows]:
    """Yield the raw rows of groups of objects; the first row gets the number `first_row`.

    Raises `FileRefusedError` as `choose_reading` does for the keys of the first group that has objects.
    """
    select: Select | None = None
    next_row = first_row
    for rows in groups:
        if select is None and any(defect is None for _, defect in rows):
            names = list(dict.fromkeys(name for row, defect in rows if defect is None for name in row))
            select = Select(choose_reading(names, options.profile, options.text_column, may_lack=True))
        yield _make_object_rows(rows, select or Select(Reading(DEFAULT, load_default())), next_row)
        next_row += len(rows)


def _make_object_rows(rows: Sequence[ObjectRow], select: Select, next_row: int) -> RawRows:
    """Build the raw rows of n objects."""
    keys = [tuple(row) for row, _ in rows]
    selected = {each: select(each) for each in set(keys)}
    known: dict[str, list[str | None]] = {ours: [] for columns in selected.values() for ours in columns.known}
    known.setdefault("text", [])
    further: list[str | None] = []
    defects: dict[int, Defect] = {}
    for position, (row, defect) in enumerate(rows):
        columns, values = selected[keys[position]], list(row.values())
        own_values = {ours: values[place] for ours, place in columns.known.items()}
        defect = defect or _find_defect(own_values.get("text"))
        if defect is not None:
            defects[position] = _keep_text_bytes(defect, select) if isinstance(defect, _Undecoded) else defect
            own_values["text"] = None
        for ours, column in known.items():
            column.append(format_value(own_values.get(ours)))
        further.append(format_object((name, values[place]) for name, place in columns.further.items()))
    arrays = {ours: pa.array(column, pa.string()) for ours, column in known.items()}
    numbers = pa.array(np.arange(next_row, next_row + len(rows)), pa.int64())
    return RawRows(select.reading, numbers, arrays, pa.array(further, pa.string()), defects)


def _find_defect(text: Any) -> Defect | None:
    """Return the defect of the text of an object: a value that is no text."""
    if text is None or isinstance(text, str):
        return None
    return Defect("text_type", f"{TYPE_NAMES[type(text)]}, not a text", dump_value(text))


def make_row(value: Any, line: bytes) -> ObjectRow:
    """Return the columns of an object, and its defect if it has one; `line` has the bytes of the whole row.

    Bytes that are not UTF-8 are lone surrogates in it.
    """
    if not isinstance(value, dict):
        return {}, Defect(
            "row_shape", f"{TYPE_NAMES.get(type(value), 'a text or null')}, not an object", line
        )
    try:
        row = flatten_object(value)
    except RecursionError:
        return {}, Defect("row_shape", f"objects or lists more than {MAX_DEPTH} deep in each other", line)
    if len(row) > MAX_KEYS:
        return {}, Defect("row_shape", f"an object of {len(row):,} keys, the limit is {MAX_KEYS:,}", line)
    return row, None


@dataclass(frozen=True)
class _Undecoded(Defect):
    """A text_encoding defect of an object, whose text is not known yet."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """All columns of the row."""


def drop_invalid(row: dict[str, Any], line: bytes) -> ObjectRow:
    """Return the columns of a row that are valid text, and a text_encoding defect if any column is not.

    `line` has the bytes of the whole row, which are kept if its text is not known.
    """
    invalid = [name for name, value in row.items() if not (is_valid_text(name) and is_valid_text(value))]
    if not invalid:
        return row, None
    name = invalid[0].encode("utf-8", "replace").decode()
    detail = f"column '{name}' holds bytes that are not UTF-8, or half a surrogate pair"
    kept = {name: value for name, value in row.items() if name not in invalid}
    return kept, _Undecoded("text_encoding", detail, line, row)


def _keep_text_bytes(defect: _Undecoded, select: Select) -> Defect:
    """Return a text_encoding defect with the bytes of the text instead of the row's, if it has one."""
    values = list(defect.values.values())
    texts = [values[place] for place in select(tuple(defect.values)).list_text()]
    parts = [restore_surrogates(text) for text in texts if isinstance(text, str)]
    raw = join_bytes(parts) if parts and isinstance(texts[-1], str) else defect.raw
    return Defect(defect.rule, defect.detail, raw)


def restore_surrogates(text: str) -> bytes:
    """Return the original bytes of a text that is not UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def dump_value(value: Any) -> bytes:
    """Return a value as bytes, for the quarantine."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def format_value(value: Any) -> str | None:
    """Format an id, date, label or rating as in the other file formats: whole numbers without a decimal point."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return json.dumps(value)


def flatten_object(row: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Return the values of nested objects as columns of their own with names such as 'user.name'; lists stay lists.

    MongoDB writes the type of a value as the only key of an object: `{"$numberInt": "4"}` is that value. If a name is
    taken, '_2' is added to it. Raises `RecursionError` for more than `MAX_DEPTH` levels.
    """
    if depth > MAX_DEPTH:
        raise RecursionError
    flat: dict[str, Any] = {}
    for name, each in row.items():
        value = each
        while isinstance(value, dict) and len(value) == 1 and next(iter(value)).startswith("$"):
            [value] = value.values()
        if isinstance(value, dict) and value:
            inner = {f"{name}.{key}": leaf for key, leaf in flatten_object(value, depth + 1).items()}
        else:
            if isinstance(value, list) and is_deeper(value, MAX_DEPTH - depth):
                raise RecursionError
            inner = {name: value}
        for plain, leaf in inner.items():
            path, number = plain, 1
            while path in flat:
                number += 1
                path = f"{plain}_{number}"
            flat[path] = leaf
    return flat


def is_deeper(value: Any, levels: int) -> bool:
    """Return whether a JSON value has more than `levels` levels of nested lists and objects."""
    if not isinstance(value, (dict, list)):
        return False
    children = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(is_deeper(child, levels - 1) for child in children)


def is_valid_text(value: Any) -> bool:
    """Return whether a JSON value is valid text, without lone surrogates."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
