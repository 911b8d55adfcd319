"""Reads and writes Thrift's compact protocol, the format of Parquet's footers and page headers, as a mutable tree.

A structure is a list of fields, so that a field may be duplicated or have a forbidden type.
"""

import struct
from dataclasses import dataclass
from typing import Any

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
INTEGERS = {I16, I32, I64}


@dataclass(frozen=True)
class Field:
    """A field of a structure: its number, its type, and its value."""

    number: int
    kind: int
    value: Any
    """A bool, an int, a float, bytes, `Items` or a list of fields."""


@dataclass(frozen=True)
class Items:
    """A list: the type of its items, the items, and the number that it claims (None for the true one)."""

    kind: int
    values: list[Any]
    claimed: int | None = None


def find(fields: list[Field], number: int) -> Any:
    """Return the value of a field; None if it is missing."""
    return next((field.value for field in fields if field.number == number), None)


def put(fields: list[Field], number: int, value: Any, kind: int = I64) -> None:
    """Set a field's value in place; `kind` is the type of a new field."""
    for place, field in enumerate(fields):
        if field.number == number:
            fields[place] = Field(number, field.kind, value)
            return
    fields.append(Field(number, kind, value))
    fields.sort(key=lambda field: field.number)


def list_slots(fields: list[Field]) -> list[tuple[list[Any], int]]:
    """List every field and item at any depth, each as its containing list and its index."""
    slots: list[tuple[list[Any], int]] = []
    for place, field in enumerate(fields):
        slots.append((fields, place))
        if field.kind == STRUCT:
            slots += list_slots(field.value)
        elif field.kind in (LIST, SET):
            for position, value in enumerate(field.value.values):
                slots.append((field.value.values, position))
                slots += list_slots(value) if field.value.kind == STRUCT else []
    return slots


# Reading


def read_struct(data: bytes, start: int) -> tuple[list[Field], int]:
    """Read a structure and its end offset; raises `ValueError`, `IndexError` or `struct.error` for invalid bytes."""
    fields: list[Field] = []
    number = 0
    while (head := data[start]) != 0:
        start += 1
        kind = head & 15
        if head >> 4:
            number += head >> 4
        else:
            raw, start = _read_varint(data, start)
            number = _unzigzag(raw)
        value, start = (kind == TRUE, start) if kind in (TRUE, FALSE) else _read_value(data, start, kind)
        fields.append(Field(number, kind, value))
    return fields, start + 1


def _read_value(data: bytes, start: int, kind: int) -> tuple[Any, int]:
    if kind in (TRUE, FALSE, BYTE):
        return data[start], start + 1
    if kind in INTEGERS:
        raw, start = _read_varint(data, start)
        return _unzigzag(raw), start
    if kind == DOUBLE:
        return struct.unpack_from("<d", data, start)[0], start + 8
    if kind == BINARY:
        size, start = _read_varint(data, start)
        return data[start : start + size], start + size
    if kind in (LIST, SET):
        return _read_items(data, start)
    if kind == STRUCT:
        return read_struct(data, start)
    raise ValueError(f"Type {kind} is not in Parquet's structures.")


def _read_items(data: bytes, start: int) -> tuple[Items, int]:
    size, kind, start = data[start] >> 4, data[start] & 15, start + 1
    if size == 15:
        size, start = _read_varint(data, start)
    values = []
    for _ in range(size):
        value, start = _read_value(data, start, kind)
        values.append(value)
    return Items(kind, values), start


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte, start = data[start], start + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, start


def _unzigzag(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


# Writing


def write_struct(fields: list[Field]) -> bytes:
    """Write a structure, even an invalid one."""
    out, number = bytearray(), 0
    for field in fields:
        delta = field.number - number
        kind = (TRUE if field.value else FALSE) if field.kind in (TRUE, FALSE) else field.kind
        out += bytes([delta << 4 | kind]) if 0 < delta < 16 else bytes([kind]) + write_integer(field.number)
        number = field.number
        out += b"" if kind in (TRUE, FALSE) else _write_value(field.value, kind)
    return bytes(out) + b"\0"


def write_varint(value: int) -> bytes:
    """Write an integer of at least 0, seven bits a byte."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def write_integer(value: int) -> bytes:
    """Write a signed integer, its sign in its lowest bit."""
    return write_varint(value * 2 if value >= 0 else -2 * value - 1)


def _write_value(value: Any, kind: int) -> bytes:
    if isinstance(value, Items):
        return _write_items(value)
    if isinstance(value, list):
        return write_struct(value)
    if isinstance(value, bytes):
        return write_varint(len(value)) + value
    if kind == BYTE or kind in (TRUE, FALSE):
        return bytes([int(value) & 255])
    return struct.pack("<d", value) if isinstance(value, float) else write_integer(value)


def _write_items(items: Items) -> bytes:
    size = len(items.values) if items.claimed is None else items.claimed
    head = (
        bytes([size << 4 | items.kind])
        if 0 <= size < 15
        else bytes([0xF0 | items.kind]) + write_varint(abs(size))
    )
    return head + b"".join(_write_value(value, items.kind) for value in items.values)
