"""Writes the values of further columns, those that are none of ours, as one JSON object per row.

Nulls and empty texts are left out. A value that Python can't represent is null; the key `UNREADABLE_COLUMNS` of its
object lists such columns.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from json.encoder import encode_basestring
from typing import Any

import pyarrow as pa

from data_contracts.rules_and_limits import UNREADABLE_COLUMNS
from tasks.support.wording import drop_nan

_UNREADABLE = (ArithmeticError, LookupError, ValueError, pa.ArrowException)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=str)
_LENIENT = json.JSONEncoder(ensure_ascii=False, default=str)


def format_columns(columns: Mapping[str, pa.Array]) -> pa.Array | None:
    """Return further columns of n values, by their names, as JSON objects, [n]; null for a row without any."""
    if not columns:
        return None
    members = [_format_column(name, array) for name, array in columns.items()]
    unreadable = _list_unreadable(dict(zip(columns, (places for _, places in members), strict=True)))
    rows = [list(filter(None, row)) for row in zip(*(texts for texts, _ in members), strict=True)]
    for place, names in unreadable.items():
        rows[place].append(_format_member(UNREADABLE_COLUMNS, names))
    return pa.array([f"{{{', '.join(row)}}}" if row else None for row in rows], pa.string())


def format_object(values: Iterable[tuple[str, Any]]) -> str | None:
    """Return names and values that are not parsed any further as a JSON object; None if all are empty."""
    members = [_format_member(name, value) for name, value in values if value is not None and value != ""]
    return f"{{{', '.join(members)}}}" if members else None


def add_values(
    objects: pa.Array | None, name: str, column: pa.Array, positions: Sequence[int]
) -> pa.Array | None:
    """Return the n JSON objects with the values of `column` [n] at `positions` added, under `name`."""
    if not positions:
        return objects
    rows = [None] * len(column) if objects is None else objects.to_pylist()
    values = column.take(pa.array(positions)).to_pylist()
    for position, value in zip(positions, values, strict=True):
        rows[position] = _add_value(rows[position], name, value)
    return pa.array(rows, pa.string())


def _add_value(row: str | None, name: str, value: str) -> str | None:
    """Return a JSON object with a value added; it takes the place of one of the same name."""
    if row is None:
        return format_object([(name, value)])
    if f"{encode_basestring(name)}: " in row:
        return format_object({**json.loads(row), name: value}.items())
    return f"{row[:-1]}, {_format_member(name, value)}}}" if value else row


def _format_column(name: str, array: pa.Array) -> tuple[list[str | None], list[int]]:
    """Return n values as members of JSON objects, None for an empty one; and the positions of unreadable ones."""
    values, unreadable = _read_values(array)
    if array.type == pa.string():  # the usual case, which is in all files of texts
        key = f"{encode_basestring(name)}: "
        return [key + encode_basestring(value) if value else None for value in values], unreadable
    empty = (None, "")
    return [None if value in empty else _format_member(name, value) for value in values], unreadable


def _format_member(name: str, value: Any) -> str:
    """Return a name and its value as a member of a JSON object."""
    return f"{encode_basestring(name)}: {encode_basestring(value) if type(value) is str else _encode(value)}"


def _encode(value: Any) -> str:
    """Return a value as JSON, NaN as null."""
    try:
        return _ENCODER.encode(value)
    except ValueError:
        return _LENIENT.encode(drop_nan(value))


def _list_unreadable(unreadable: Mapping[str, Sequence[int]]) -> dict[int, list[str]]:
    """Return for each position the columns whose value there can't be read."""
    found: dict[int, list[str]] = {}
    for name, places in unreadable.items():
        for place in places:
            found.setdefault(place, []).append(name)
    return found


def _read_values(array: pa.Array) -> tuple[list[Any], list[int]]:
    """Return [n] Python values, and the positions of those that Python can't represent, such as a date in 20000."""
    try:
        return array.to_pylist(), []
    except _UNREADABLE:
        values: list[Any] = []
        unreadable: list[int] = []
    for position, value in enumerate(array):
        try:
            values.append(value.as_py())
        except _UNREADABLE:
            values.append(None)
            unreadable.append(position)
    return values, unreadable
