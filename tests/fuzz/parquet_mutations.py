"""Mutations of Parquet files that pass the first checks: fields of footers and page headers, and unpacked pages.

If a file was already broken and can't be split, its bytes are mutated.
"""

import base64
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tests.fuzz.byte_mutations import Mutate, choose_integer, mutate_bytes
from tests.fuzz.parquet_bombs import bomb
from tests.fuzz.parquet_layout import (
    CODECS,
    FILE_FACTS,
    FILE_GROUPS,
    FILE_ROWS,
    FILE_SCHEMA,
    GROUP_COLUMNS,
    GROUP_ROWS,
    META_CODEC,
    META_VALUES,
    PAGE_DATA,
    PAGE_DATA_2,
    PAGE_DICTIONARY,
    PAGE_TYPE,
    UNREADABLE,
    Layout,
    Page,
    cut_footer,
    join,
    join_footer,
    pack,
    renew_checksum,
    split,
    unpack,
)
from tests.fuzz.thrift import (
    BINARY,
    INTEGERS,
    LIST,
    STRUCT,
    Field,
    Items,
    find,
    list_slots,
    put,
    write_varint,
)

ENCODINGS = range(10)
"""Parquet's numbers of encodings: PLAIN is 0, RLE 3, DELTA_BYTE_ARRAY 7, RLE_DICTIONARY 8, BYTE_STREAM_SPLIT 9."""

_MutatePage = Callable[[random.Random, Page, list[Field]], Page]


def _on_footer(mutate: Callable[[random.Random, list[Field]], None]) -> Mutate:
    def apply(chance: random.Random, data: bytes) -> bytes:
        try:
            body, footer = cut_footer(data)
            mutate(chance, footer)
            return join_footer(body, footer)
        except UNREADABLE:
            return mutate_bytes(chance, data)

    return apply


def _on_pages(mutate: Callable[[random.Random, Layout], None]) -> Mutate:
    def apply(chance: random.Random, data: bytes) -> bytes:
        try:
            layout = split(data)
            mutate(chance, layout)
            return join(layout)
        except (*UNREADABLE, OSError):
            return mutate_bytes(chance, data)

    return apply


def _on_page(mutate: _MutatePage) -> Mutate:
    def apply(chance: random.Random, layout: Layout) -> None:
        meta, pages = chance.choice([chunk for chunk in layout.chunks if chunk[1]])
        place = chance.randrange(len(pages))
        pages[place] = mutate(chance, replace(pages[place], written=b""), meta)

    return _on_pages(apply)


# The footer


def _change_slot(chance: random.Random, slots: list[tuple[list[Any], int]]) -> None:
    """Change one field or item: its value, its type, or whether it is there."""
    holder, place = chance.choice(slots)
    way = chance.random()
    if way < 0.1:
        del holder[place]
    elif way < 0.2:
        holder.insert(place, holder[place])
    else:
        holder[place] = _change(chance, holder[place])


def _change(chance: random.Random, value: Any) -> Any:
    if isinstance(value, Field):
        if chance.random() < 0.05:
            return replace(value, kind=chance.choice([3, 5, 6, 8, 9, 12]))
        if chance.random() < 0.05:
            return replace(value, number=max(value.number + chance.choice([-1, 1, 100]), 0))
        return replace(value, value=_change(chance, value.value))
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return choose_integer(chance, value)
    if isinstance(value, bytes):
        return mutate_bytes(chance, value)
    return _change_group(chance, value)


def _change_group(chance: random.Random, value: Any) -> Any:
    if isinstance(value, Items):
        claimed = chance.choice([0, 1, len(value.values) + 1, 1000, 2**24, 2**31 - 1, 2**32 - 1])
        shorter = value.values[: chance.randrange(len(value.values) + 1)]
        longer = value.values * chance.choice([2, 20])
        return chance.choice(
            [replace(value, claimed=claimed), Items(value.kind, shorter), Items(value.kind, longer)]
        )
    return list(value)[: chance.randrange(len(value) + 1)] if isinstance(value, list) else value


def _mutate_field(chance: random.Random, footer: list[Field]) -> None:
    _change_slot(chance, list_slots(footer))


def _mutate_schema(chance: random.Random, footer: list[Field]) -> None:
    """Change the schema: types, repetition, number of children, names, nesting."""
    elements = find(footer, FILE_SCHEMA).values
    if chance.random() < 0.2:
        return _nest(chance, elements)
    element = chance.choice(elements)
    number = chance.choice([1, 2, 3, 3, 4, 5, 5, 6, 7, 8, 10])
    small = chance.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 20, choose_integer(chance)])
    if number == 4:
        put(element, 4, chance.choice([b"text", b"", b"\xff", b"review", b"a" * 1000, b"text\0"]), BINARY)
    elif number == 10:
        _mutate_logical_type(chance, element)
    else:
        put(element, number, small, 5)
    return None


def _mutate_logical_type(chance: random.Random, element: list[Field]) -> None:
    kind = chance.choice([1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18])
    unit = [Field(chance.randrange(4), STRUCT, [])]
    inner = chance.choice([[], [Field(1, 5, choose_integer(chance)), Field(2, 5, choose_integer(chance))]])
    times = [Field(1, chance.choice([1, 2]), False), Field(2, STRUCT, unit)]
    put(element, 10, [Field(kind, STRUCT, times if kind in (7, 8) else inner)], STRUCT)


def _nest(chance: random.Random, elements: list[list[Field]]) -> None:
    """Nest a column in a few or very many groups."""
    place = chance.randrange(1, len(elements))
    group = [Field(3, 5, chance.choice([0, 1, 2])), Field(4, BINARY, b"g"), Field(5, 5, 1)]
    elements[place:place] = [list(group) for _ in range(chance.choice([1, 2, 5, 100, 2000, 20_000]))]


def _mutate_counts(chance: random.Random, footer: list[Field]) -> None:
    """Set the same wrong number of rows in the file, its row groups and its columns."""
    rows = choose_integer(chance, find(footer, FILE_ROWS))
    levels = chance.randrange(1, 8)
    if levels & 1:
        put(footer, FILE_ROWS, rows)
    for group in find(footer, FILE_GROUPS).values:
        if levels & 2:
            put(group, GROUP_ROWS, rows)
        for column in find(group, GROUP_COLUMNS).values if levels & 4 else ():
            put(find(column, 3), META_VALUES, rows)


def _mutate_chunk(chance: random.Random, footer: list[Field]) -> None:
    """Change the metadata of one column chunk: type, encodings, codec, counts, offsets."""
    group = chance.choice(find(footer, FILE_GROUPS).values)
    column = chance.choice(find(group, GROUP_COLUMNS).values)
    if chance.random() < 0.2:
        return _change_slot(chance, list_slots(column))
    meta = find(column, 3)
    number = chance.choice([1, 2, 4, 5, 6, 7, 9, 11])
    if number == 2:
        put(meta, 2, Items(5, [chance.choice(ENCODINGS) for _ in range(chance.randrange(4))]), LIST)
    elif number in (1, 4):
        put(meta, number, chance.choice([*range(9), choose_integer(chance)]), 5)
    else:
        put(meta, number, choose_integer(chance, find(meta, number) or 0))
    return None


def _swap_groups(chance: random.Random, footer: list[Field]) -> None:
    """Duplicate, remove or swap row groups or column chunks."""
    groups = find(footer, FILE_GROUPS).values
    items = chance.choice([groups, find(chance.choice(groups), GROUP_COLUMNS).values])
    place = chance.randrange(len(items))
    way = chance.randrange(4)
    if way == 0:
        del items[place]
    elif way == 1:
        items.extend([items[place]] * chance.choice([1, 2, 100]))
    else:
        other = chance.randrange(len(items))
        items[place], items[other] = items[other], items[place]


def _mutate_arrow_schema(chance: random.Random, footer: list[Field]) -> None:
    """Change the Arrow schema in the metadata, a flatbuffer in base64."""
    for fact in find(footer, FILE_FACTS).values:
        if find(fact, 1) == b"ARROW:schema":
            data = base64.b64decode(find(fact, 2))
            for _ in range(chance.choice([1, 1, 2, 4])):
                data = mutate_bytes(chance, data)
            put(fact, 2, base64.b64encode(data), BINARY)


# Pages


def _mutate_page_header(chance: random.Random, page: Page, meta: list[Field]) -> Page:
    _change_slot(chance, list_slots(page.header))
    return page


def _mutate_page_facts(chance: random.Random, page: Page, meta: list[Field]) -> Page:
    """Change the number of values, the encodings or the sizes of levels in a page's header."""
    for number in (PAGE_DATA, PAGE_DICTIONARY, PAGE_DATA_2):
        facts = find(page.header, number)
        if facts:
            place = chance.randrange(len(facts))
            if facts[place].kind in INTEGERS:
                value = chance.choice([chance.choice(ENCODINGS), choose_integer(chance, facts[place].value)])
                facts[place] = replace(facts[place], value=value)
    return page


def _mutate_page_encoding(chance: random.Random, page: Page, meta: list[Field]) -> Page:
    for number, place in ((PAGE_DATA, 2), (PAGE_DICTIONARY, 2), (PAGE_DATA_2, 4)):
        facts = find(page.header, number)
        if facts:
            put(facts, place, chance.choice(ENCODINGS), 5)
    return page


def _mutate_page_content(chance: random.Random, page: Page, meta: list[Field]) -> Page:
    """Mutate the decompressed content of a page, and compress it again."""
    codec = find(meta, META_CODEC)
    levels, rest = unpack(page, codec)
    for _ in range(chance.choice([1, 1, 2, 4])):
        if levels and chance.random() < 0.3:
            levels = mutate_bytes(chance, levels)[: len(levels)].ljust(len(levels), b"\0")
        else:
            rest = chance.choice([mutate_bytes, _mutate_start, _mutate_lengths])(chance, rest)
    return pack(page, codec, levels, rest)


def _mutate_start(chance: random.Random, data: bytes) -> bytes:
    """Overwrite or shift the first bytes, which contain lengths, bit widths and run lengths."""
    number = choose_integer(chance)
    new = chance.choice(
        [write_varint(abs(number)), bytes([abs(number) & 255]), (number % 2**32).to_bytes(4, "little")]
    )
    start = chance.choice([0, 0, 1, 2, 4, 5, 6, 8])
    return data[:start] + new + data[start + chance.choice([0, 1, len(new)]) :]


def _mutate_lengths(chance: random.Random, data: bytes) -> bytes:
    """Change a possible length of a text: four bytes of which the upper two are zeros."""
    places = [place for place in range(len(data) - 4) if data[place + 2 : place + 4] == b"\0\0"]
    if not places:
        return mutate_bytes(chance, data)
    place = chance.choice(places)
    before = int.from_bytes(data[place : place + 4], "little")
    return data[:place] + (choose_integer(chance, before) % 2**32).to_bytes(4, "little") + data[place + 4 :]


def _mutate_packed(chance: random.Random, page: Page, meta: list[Field]) -> Page:
    """Mutate the compressed bytes of a page and correct its checksum, to test the decompressor."""
    return renew_checksum(replace(page, payload=mutate_bytes(chance, page.payload)))


def _mutate_sizes(chance: random.Random, page: Page, meta: list[Field]) -> Page:
    number = chance.choice([2, 2, 3])
    put(page.header, number, choose_integer(chance, find(page.header, number)), 5)
    return page


def _change_codec(chance: random.Random, layout: Layout) -> None:
    """Compress a column chunk by another codec."""
    meta, pages = chance.choice(layout.chunks)
    before, after = find(meta, META_CODEC), chance.choice([0, *CODECS])
    pages[:] = [pack(page, after, *unpack(page, before)) for page in pages]
    put(meta, META_CODEC, after)


def _move_pages(chance: random.Random, layout: Layout) -> None:
    """Duplicate, remove or reorder pages, or move them to another column."""
    _, pages = chance.choice([chunk for chunk in layout.chunks if chunk[1]])
    _, others = chance.choice(layout.chunks)
    place = chance.randrange(len(pages))
    way = chance.randrange(4)
    if way == 0:
        del pages[place]
    elif way == 1:
        pages.extend([pages[place]] * chance.choice([1, 2, 100]))
    elif way == 2:
        others.insert(chance.randrange(len(others) + 1), pages[place])
    else:
        pages.reverse()


def _retype_page(chance: random.Random, page: Page, meta: list[Field]) -> Page:
    put(page.header, PAGE_TYPE, chance.choice([0, 1, 2, 3, 4, -1]), 5)
    return page


PARQUET: Mapping[str, Mutate] = {
    "footer field": _on_footer(_mutate_field),
    "footer schema": _on_footer(_mutate_schema),
    "footer counts": _on_footer(_mutate_counts),
    "footer chunk": _on_footer(_mutate_chunk),
    "footer groups": _on_footer(_swap_groups),
    "arrow schema": _on_footer(_mutate_arrow_schema),
    "page header": _on_page(_mutate_page_header),
    "page facts": _on_page(_mutate_page_facts),
    "page encoding": _on_page(_mutate_page_encoding),
    "page content": _on_page(_mutate_page_content),
    "page content again": _on_page(_mutate_page_content),
    "page packed": _on_page(_mutate_packed),
    "page sizes": _on_page(_mutate_sizes),
    "page type": _on_page(_retype_page),
    "page order": _on_pages(_move_pages),
    "codec": _on_pages(_change_codec),
    "bomb": bomb,
}
