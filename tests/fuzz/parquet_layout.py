"""Splits a Parquet file into its footer and the pages of its column chunks, and joins them again."""

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
    """A page of a column: its header and its bytes as stored."""

    header: list[Field]
    payload: bytes
    written: bytes = b""
    """The header as it stands in the file, as long as nothing is changed."""


@dataclass(frozen=True)
class Layout:
    """A file: its footer, and for each column chunk its metadata and its pages."""

    footer: list[Field]
    chunks: list[tuple[list[Field], list[Page]]]


def split(data: bytes) -> Layout:
    """Split a file; raises one of `UNREADABLE` for an invalid one."""
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
    """Join a file, with correct offsets and sizes in its footer."""
    out = bytearray(MAGIC)
    for meta, pages in layout.chunks:
        starts = [len(out)]
        for page in pages:
            out += (page.written or write_struct(page.header)) + page.payload
            starts.append(len(out))
        _place_chunk(meta, pages, starts)
    return join_footer(bytes(out), layout.footer)


def join_footer(body: bytes, footer: list[Field]) -> bytes:
    """Append a footer to the pages."""
    written = write_struct(footer)
    return body + written + struct.pack("<I", len(written)) + MAGIC


def cut_footer(data: bytes) -> tuple[bytes, list[Field]]:
    """Split a file into its footer and everything before it."""
    (size,) = struct.unpack("<I", data[-8:-4])
    return data[: -8 - size], read_struct(data[-8 - size : -8], 0)[0]


def unpack(page: Page, codec: int) -> tuple[bytes, bytes]:
    """Return the part of a page that is never compressed (levels in version 2), and the rest decompressed."""
    levels = _measure_levels(page)
    packed = page.payload[levels:]
    if codec not in CODECS or not packed or not _is_packed(page):
        return page.payload[:levels], packed
    size = find(page.header, PAGE_SIZE) - levels
    if not 0 <= size <= _MOST_UNPACKED:
        raise ValueError("Another mutation changed the size of the page.")
    return page.payload[:levels], bytes(pa.Codec(CODECS[codec]).decompress(packed, size, asbytes=True))


def pack(page: Page, codec: int, levels: bytes, rest: bytes) -> Page:
    """Compress bytes into a page, with correct sizes and, if the page has one, checksum."""
    packs = codec in CODECS and _is_packed(page)
    packed = bytes(pa.Codec(CODECS[codec]).compress(rest, asbytes=True)) if packs else rest
    header = list(page.header)
    put(header, PAGE_SIZE, len(levels) + len(rest), I32)
    put(header, PAGE_PACKED, len(levels) + len(packed), I32)
    return renew_checksum(Page(header, levels + packed))


def renew_checksum(page: Page) -> Page:
    """Correct a page's checksum, if it has one."""
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
    """Return whether a page is compressed by its column's codec; in version 2 its header may deny that."""
    return find(find(page.header, PAGE_DATA_2) or [], 7) is not False


def _measure_levels(page: Page) -> int:
    facts = find(page.header, PAGE_DATA_2) or []
    return (find(facts, 5) or 0) + (find(facts, 6) or 0)
