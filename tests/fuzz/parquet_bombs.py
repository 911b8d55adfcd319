"""Parquet files of few bytes that unpack to very many; they are valid except for that."""

import random

from tests.fuzz.byte_mutations import mutate_bytes
from tests.fuzz.parquet_layout import (
    FILE_GROUPS,
    FILE_ORDERS,
    FILE_ROWS,
    FILE_SCHEMA,
    GROUP_COLUMNS,
    GROUP_ROWS,
    META_CODEC,
    META_VALUES,
    PAGE_DATA,
    PAGE_DICTIONARY,
    PAGE_TYPE,
    UNREADABLE,
    Layout,
    Page,
    join,
    pack,
    split,
)
from tests.fuzz.thrift import I32, STRUCT, Field, Items, find, put, write_integer, write_varint

PLAIN, RLE, DELTA_BYTE_ARRAY, RLE_DICTIONARY = 0, 3, 7, 8
_BYTE_ARRAY, _OPTIONAL = 6, 1
_BLOCK, _MINIBLOCKS = 128, 4


def write_repeated(count: int, value: int) -> bytes:
    """Write one value `count` times as a run of Parquet's RLE, in a byte."""
    return write_varint(count << 1) + bytes([value])


def write_deltas(first: int, second: int, count: int) -> bytes:
    """Write `first` and then `second`, in all one number or more than 128, as DELTA_BINARY_PACKED."""
    head = write_varint(_BLOCK) + write_varint(_MINIBLOCKS) + write_varint(count) + write_integer(first)
    if count == 1:
        return head
    # The first block holds the one step; in all others every step is 0, and nothing but that is written.
    least = min(second - first, 0)
    steps = [second - first, *[0] * (_BLOCK - 1)]
    block = write_integer(least) + bytes([32] * _MINIBLOCKS)
    block += b"".join((step - least).to_bytes(4, "little") for step in steps)
    others = -(-(count - 1) // _BLOCK) - 1
    return head + block + (write_integer(0) + bytes(_MINIBLOCKS)) * others


def bomb(chance: random.Random, data: bytes) -> bytes:
    """Replace the file by its text column alone, with one text, or null, repeated very many times."""
    try:
        layout = split(data)
        _keep_text(layout)
        _repeat(chance, layout)
        return join(layout)
    except UNREADABLE:
        return mutate_bytes(chance, data)


def _keep_text(layout: Layout) -> None:
    """Keep only the first column of the first row group, which must be an optional string column."""
    elements = find(layout.footer, FILE_SCHEMA).values
    if (find(elements[1], 1), find(elements[1], 3)) != (_BYTE_ARRAY, _OPTIONAL):
        raise ValueError("The first column is no text.")
    del elements[2:]
    layout.footer[:] = [field for field in layout.footer if field.number != FILE_ORDERS]
    put(elements[0], 5, 1)
    groups = find(layout.footer, FILE_GROUPS).values
    del groups[1:]
    del find(groups[0], GROUP_COLUMNS).values[1:]
    del layout.chunks[1:]


def _repeat(chance: random.Random, layout: Layout) -> None:
    meta, pages = layout.chunks[0]
    rows = chance.choice([1, 130, 1000, 1000, 20_000, 20_000, 400_000])
    codec = find(meta, META_CODEC)
    length = chance.choice([0, 1, 100, 100, 3000, 100_000, 6_000_000 if codec else 300_000])
    pages[:] = _write_pages(chance, codec, rows, b"a" * length)
    put(meta, META_VALUES, rows)
    put(find(layout.footer, FILE_GROUPS).values[0], GROUP_ROWS, rows)
    put(layout.footer, FILE_ROWS, rows)
    put(meta, 2, Items(I32, [PLAIN, RLE, DELTA_BYTE_ARRAY, RLE_DICTIONARY]))


def _write_pages(chance: random.Random, codec: int, rows: int, text: bytes) -> list[Page]:
    present = write_repeated(rows, 1)
    levels = len(present).to_bytes(4, "little") + present
    way = chance.randrange(3)
    if way == 0:
        absent = write_repeated(rows, 0)
        return [_write_page(codec, rows, PLAIN, len(absent).to_bytes(4, "little") + absent)]
    if way == 1:
        deltas = write_deltas(0, len(text), rows) + write_deltas(len(text), 0, rows)
        return [_write_page(codec, rows, DELTA_BYTE_ARRAY, levels + deltas + text)]
    dictionary = len(text).to_bytes(4, "little") + text
    header = [
        Field(PAGE_TYPE, I32, 2),
        Field(PAGE_DICTIONARY, STRUCT, [Field(1, I32, 1), Field(2, I32, PLAIN)]),
    ]
    indices = levels + b"\1" + write_repeated(rows, 0)
    return [
        pack(Page(header, b""), codec, b"", dictionary),
        _write_page(codec, rows, RLE_DICTIONARY, indices),
    ]


def _write_page(codec: int, rows: int, encoding: int, body: bytes) -> Page:
    facts = [Field(1, I32, rows), Field(2, I32, encoding), Field(3, I32, RLE), Field(4, I32, RLE)]
    return pack(Page([Field(PAGE_TYPE, I32, 0), Field(PAGE_DATA, STRUCT, facts)], b""), codec, b"", body)
