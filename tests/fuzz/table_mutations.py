"""Mutations of Arrow, ORC and Avro files: aligned integers, protobuf and zigzag integers, and Avro's schema."""

import random
import struct
from collections.abc import Mapping

from tests.fuzz.byte_mutations import Mutate, choose_integer, overwrite

_END_BYTES = 400
"""About as long is what ORC and Arrow files have at their end, in the files to start from."""
_SCHEMA_PIECES = (
    b'"string"', b'"bytes"', b'"null"', b'"long"', b'"double"', b'["null", "string"]', b'"Review"',
    b'{"type": "array", "items": "Review"}',
    b'{"type": "map", "values": "string"}', b'{"type": "fixed", "name": "F", "size": 2000000000}',
    b'{"type": "int", "logicalType": "date"}', b'{"type": "enum", "name": "E", "symbols": []}', b"[]", b"{", b"1",
)  # fmt: skip


def _change_aligned(chance: random.Random, data: bytes) -> bytes:
    """Change an integer of 4 or 8 bytes at a multiple of 4: offsets, lengths and counts of Arrow."""
    for _ in range(chance.choice([1, 1, 2])):
        place = chance.randrange(0, max(len(data) - 8, 1), 4)
        kind, bits = chance.choice([("<I", 32), ("<Q", 64)])
        data = overwrite(data, place, struct.pack(kind, choose_integer(chance) % 2**bits))
    return data


def encode_varint(number: int) -> bytes:
    """Write an integer in groups of seven bits, lowest first."""
    number %= 2**64
    groups = []
    while number >= 0x80:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def _change_varint(chance: random.Random, data: bytes) -> bytes:
    """Put another integer of seven bits a byte in place of a byte, mostly near an end."""
    start = chance.choice([0, max(len(data) - _END_BYTES, 0), chance.randrange(len(data) + 1)])
    place = min(start + chance.randrange(_END_BYTES), len(data))
    number = choose_integer(chance)
    return data[:place] + encode_varint(chance.choice([number, number << 1])) + data[place + 1 :]


def _change_type(chance: random.Random, data: bytes) -> bytes:
    """Replace a type in the schema of an Avro file; its stated length is mended if it is known."""
    start = data.find(b"avro.schema") + len(b"avro.schema")
    opening = data.find(b"{", start)
    end = data.find(b"}]}", opening) + 3
    if opening < 0 or end < 3:
        return data + b" "
    schema = data[opening:end]
    old = chance.choice([b'"string"', b'["null", "string"]', b'"Review"', b'"record"', b"type", b"fields"])
    changed = schema.replace(old, chance.choice(_SCHEMA_PIECES), chance.choice([1, 1, -1]))
    return data[:start] + encode_varint(len(changed) << 1) + changed + data[end:]


ARROW: Mapping[str, Mutate] = {"arrow integer": _change_aligned}
ORC: Mapping[str, Mutate] = {"orc integer": _change_varint}
AVRO: Mapping[str, Mutate] = {"avro integer": _change_varint, "avro schema": _change_type}
