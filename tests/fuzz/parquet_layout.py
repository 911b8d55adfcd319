"""A Parquet file taken apart into its footer and the pages of its column chunks, and put together again."""

import struct
import zlib
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa

from tests.fuzz.thrift import I32, Field, find, put, read_struct, write_struct

MAGIC = b"PAR1"
# Fields of Parquet's structures, by the numbers in its Thrift file.
FILE_SCHEMA, FILE_ROWS, FILE_GROUPS, FILE_FACTS, FILE_ORDERS = 2, 3, 4, 5, 7
GROUP_COLUMNS, GROUP_ROWS = 1, 3
CHUNK_META = 3
META_CODEC, META_VALUES, META_SIZE, META_PACKED, META_DATA, META_DICTIONARY = 4, 5, 6, 7, 9, 11
PAGE_TYPE, PAGE_SIZE, PAGE_PACKED, PAGE_CHECKSUM, PAGE_DATA, PAGE_DICTIONARY, PAGE_DATA_2 = (
    1,
    2,
    3,
    4,
    5,
    7,
    8,
)

CODECS = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}

_MOST_UNPACKED = 1 << 22


@dataclass(frozen=True)
class Page:
    """A page of a column: its header and its bytes as they stand in the file."""

    header: list[Field]
    payload: bytes
    written: bytes = b""
    """The header as it stands in the file, as long as nothing is changed."""


@dataclass(frozen=True)
class Layout:
    """A file: its footer, and for each column chunk what the footer says of it and its pages."""

    footer: list[Field]
    chunks: list[tuple[list[Field], list[Page]]]


def split(data: bytes) -> Layout:
    """Take a file apart; what it raises on one that is not valid is in `UNREADABLE`."""
    (size,) = struct.unpack("<I", data[-8:-4])
    footer, _ = read_struct(data[-8 - size : -8], 0)
    metas = [
        find(column, CHUNK_META)
        for group in find(footer, FILE_GROUPS).values
        for column in find(group, GROUP_COLUMNS).values
    ]
    return Layout(footer, [(meta, _read_pages(data, meta)) for meta in metas])


UNREADABLE = (AttributeError, IndexError, TypeError, ValueError, struct.error, OverflowError)


def join(layout: Layout) -> bytes:
    """Put a file together, the offsets and sizes in its footer made right."""
    out = bytearray(MAGIC)
    for meta, pages in layout.chunks:
        starts = [len(out)]
        for page in pages:
            out += (page.written or write_struct(page.header)) + page.payload
            starts.append(len(out))
        _place_chunk(meta, pages, starts)
    return join_footer(bytes(out), layout.footer)


def join_footer(body: bytes, footer: list[Field]) -> bytes:
    """Put a footer behind the pages."""
    written = write_struct(footer)
    return body + written + struct.pack("<I", len(written)) + MAGIC


def cut_footer(data: bytes) -> tuple[bytes, list[Field]]:
    """Split a file into all before its footer, and its footer."""
    (size,) = struct.unpack("<I", data[-8:-4])
    return data[: -8 - size], read_struct(data[-8 - size : -8], 0)[0]


def unpack(page: Page, codec: int) -> tuple[bytes, bytes]:
    """Give the part of a page that is never compressed (the levels of a page of version 2), and the rest unpacked."""
    levels = _measure_levels(page)
    packed = page.payload[levels:]
    if codec not in CODECS or not packed or not _is_packed(page):
        return page.payload[:levels], packed
    size = find(page.header, PAGE_SIZE) - levels
    if not 0 <= size <= _MOST_UNPACKED:
        raise ValueError("Another mutation changed the size of the page.")
    return page.payload[:levels], bytes(pa.Codec(CODECS[codec]).decompress(packed, size, asbytes=True))


def pack(page: Page, codec: int, levels: bytes, rest: bytes) -> Page:
    """Make a page of unpacked bytes; sizes and, if the page has one, checksum are right."""
    packs = codec in CODECS and _is_packed(page)
    packed = bytes(pa.Codec(CODECS[codec]).compress(rest, asbytes=True)) if packs else rest
    header = list(page.header)
    put(header, PAGE_SIZE, len(levels) + len(rest), I32)
    put(header, PAGE_PACKED, len(levels) + len(packed), I32)
    return renew_checksum(Page(header, levels + packed))


def renew_checksum(page: Page) -> Page:
    """Make a page's checksum right, if it has one."""
    header = list(page.header)
    if find(header, PAGE_CHECKSUM) is not None:
        checksum = zlib.crc32(page.payload)
        put(header, PAGE_CHECKSUM, checksum - (1 << 32) if checksum >> 31 else checksum, I32)
    return Page(header, page.payload)


def _read_pages(data: bytes, meta: list[Field]) -> list[Page]:
    dictionary = find(meta, META_DICTIONARY)
    start = min(find(meta, META_DATA), dictionary or find(meta, META_DATA))
    end = start + find(meta, META_PACKED)
    pages = []
    while start < end:
        at = start
        header, body = read_struct(data, at)
        start = body + find(header, PAGE_PACKED)
        pages.append(Page(header, data[body:start], data[at:body]))
    return pages


def _place_chunk(meta: list[Field], pages: list[Page], starts: list[int]) -> None:
    put(meta, META_PACKED, starts[-1] - starts[0])
    put(
        meta, META_SIZE, sum(_measure(page, ends) for page, ends in zip(pages, pairwise(starts), strict=True))
    )
    kinds = [find(page.header, PAGE_TYPE) for page in pages]
    data_pages = [start for start, kind in zip(starts, kinds, strict=False) if kind != 2]
    put(meta, META_DATA, data_pages[0] if data_pages else starts[0])
    if kinds[:1] == [2] and find(meta, META_DICTIONARY) is not None:
        put(meta, META_DICTIONARY, starts[0])


def _measure(page: Page, ends: tuple[int, int]) -> int:
    return ends[1] - ends[0] - len(page.payload) + (find(page.header, PAGE_SIZE) or 0)


def _is_packed(page: Page) -> bool:
    """Tell whether a page is compressed by its column's codec: one of version 2 may say that it is not."""
    return find(find(page.header, PAGE_DATA_2) or [], 7) is not False


def _measure_levels(page: Page) -> int:
    facts = find(page.header, PAGE_DATA_2) or []
    return (find(facts, 5) or 0) + (find(facts, 6) or 0)
