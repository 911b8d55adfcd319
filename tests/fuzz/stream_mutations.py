"""Mutations of gzip members, zstd frames, bzip2 and xz streams: headers, blocks, checksums, and concatenations."""

import bz2
import lzma
import random
import struct
import zlib
from collections.abc import Mapping

import pyarrow as pa

from tests.fuzz.byte_mutations import Mutate, choose_integer, overwrite

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


# gzip


def write_gzip(data: bytes, flags: int = 0, fields: bytes = b"", level: int = 6) -> bytes:
    """Write a gzip member with any flags and the fields that these require."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    head = struct.pack("<BBBBIBB", 0x1F, 0x8B, 8, flags % 256, 0, 0, 255)
    return head + fields + packed + struct.pack("<II", zlib.crc32(data), len(data) % 2**32)


_MEBIBYTE = write_gzip(bytes(1 << 20))


def _unpack_gzip(data: bytes) -> bytes:
    """Decompress as much as possible."""
    try:
        return zlib.decompressobj(31).decompress(data, 1 << 20)
    except zlib.error:
        return data


def _gzip_header(chance: random.Random, data: bytes) -> bytes:
    """Rewrite the member with optional fields that may or may not match the flags."""
    fields = {
        4: struct.pack("<H", chance.choice([3, 3, 0, 65535])) + b"abc",
        8: chance.choice([b"name.csv\0", b"\0", b"no end", b"n" * 70_000 + b"\0"]),
        16: chance.choice([b"a comment\0", b"\xff\0", b""]),
        2: chance.choice([b"\0\0", b"\xff\xff"]),
    }
    flags = chance.choice([0, 1, 2, 4, 8, 16, 28, 30, 31, 32, 128, 255])
    present = b"".join(field for flag, field in fields.items() if flags & flag)
    return write_gzip(_unpack_gzip(data), flags, present, chance.choice([0, 1, 9]))


def _gzip_field(chance: random.Random, data: bytes) -> bytes:
    """Change a byte of the header, or the checksum or the length at the end."""
    if chance.random() < 0.5:
        return overwrite(
            data, chance.randrange(10), bytes([chance.choice([0, 1, 8, 255, chance.randrange(256)])])
        )
    place = max(len(data) - chance.choice([4, 8]), 0)
    return overwrite(data, place, (choose_integer(chance) % 2**32).to_bytes(4, "little"))


def _gzip_members(chance: random.Random, data: bytes) -> bytes:
    """Insert members, or other bytes, around or between."""
    content = _unpack_gzip(data)
    cut = chance.randrange(len(content) + 1)
    other = chance.choice(
        [
            write_gzip(b""),
            bytes(20),
            b"rest",
            b"\x1f",
            b"\x1f\x8b\x08",
            write_gzip(content),
            _MEBIBYTE,
        ]
    )
    split = write_gzip(content[:cut]) + write_gzip(content[cut:])
    return chance.choice([data + other, other + data, split, split + other, write_gzip(b"") * 500 + data])


# zstd


def write_zstd(blocks: bytes, descriptor: int = 0x20, fields: bytes = b"\0") -> bytes:
    """Write a zstd frame of given blocks with any descriptor and the fields that follow it."""
    return ZSTD_MAGIC + bytes([descriptor % 256]) + fields + blocks


def write_block(kind: int, data: bytes, *, last: bool, size: int | None = None) -> bytes:
    """Write a block: kind 0 is raw, 1 one byte `size` times, 2 compressed, 3 invalid."""
    stated = len(data) if size is None else size
    return ((stated << 3 | kind << 1 | last) % 2**24).to_bytes(3, "little") + data


def skip(chance: random.Random, size: int) -> bytes:
    """Write a skippable frame of some bytes that states `size`."""
    return struct.pack("<II", 0x184D2A50 + chance.randrange(16), size % 2**32) + bytes(min(abs(size), 100))


def _unpack_zstd(data: bytes) -> bytes:
    try:
        stream = pa.CompressedInputStream(pa.BufferReader(data), "zstd")
        return bytes(stream.read(1 << 16))
    except (OSError, ValueError):
        return data[:1000]


def _zstd_descriptor(chance: random.Random, data: bytes) -> bytes:
    """Change the frame's descriptor or the fields after it: window, dictionary, content size, checksum flag."""
    place = chance.choice([4, 4, 5, 6, 7])
    return overwrite(
        data, place, bytes([chance.choice([0, 0x20, 0x24, 0xFF, 0xF8, 0x58, chance.randrange(256)])])
    )


def _zstd_blocks(chance: random.Random, data: bytes) -> bytes:
    """Rewrite the content as raw blocks and repeated bytes, with a header that may be wrong."""
    content = _unpack_zstd(data)
    cut = chance.randrange(len(content) + 1)
    between = chance.choice([
        b"", b"", b"",
        write_block(1, b" ", last=False, size=chance.choice([1, 1000, 1 << 17, 2**21 - 1])),
        write_block(0, b"", last=False),
        write_block(3, b"x", last=False), write_block(2, chance.randbytes(30), last=False),
        write_block(1, b"\n", last=False, size=1 << 17) * 20,
    ])  # fmt: skip
    body = (
        write_block(0, content[:cut], last=False)
        + between
        + write_block(0, content[cut:], last=chance.random() < 0.9)
    )
    window = bytes([chance.choice([0x50, 0x58, 0x70, 0x80, 0xA0, 0xF8, 0xFF, chance.randrange(256)])])
    size = struct.pack("<Q", chance.choice([len(content), choose_integer(chance)]) % 2**64)
    dictionary = struct.pack("<I", choose_integer(chance) % 2**32)
    heads = [
        (0, b"\x50"),
        (0, window),
        (0xC0, window + size),
        (0xE0, size),
        (3, window + dictionary),
        (4, window),
        (8, window),
    ]
    return write_zstd(body, *chance.choice(heads))


def _zstd_frames(chance: random.Random, data: bytes) -> bytes:
    """Insert frames, skippable frames or other bytes around the frame."""
    other = chance.choice([
        skip(chance, 0), skip(chance, 100), skip(chance, choose_integer(chance)), bytes(20), b"x", data,
        ZSTD_MAGIC, ZSTD_MAGIC[:2],
        write_zstd(write_block(0, b"", last=True), 0, b"\x50"),
    ])  # fmt: skip
    return chance.choice([data + other, other + data, data + other + data, other * 100 + data])


# bzip2 and xz


def _unpack_stream(data: bytes) -> bytes:
    """Decompress as much of the first stream as is small."""
    try:
        if data.startswith(b"BZh"):
            return bz2.BZ2Decompressor().decompress(data, 1 << 16)
        return lzma.LZMADecompressor(memlimit=1 << 26).decompress(data, 1 << 16)
    except (OSError, ValueError, lzma.LZMAError):
        return data[:1000]


def _bzip2_streams(chance: random.Random, data: bytes) -> bytes:
    """Insert streams, the beginning of one, or other bytes around the stream."""
    other = chance.choice([bz2.compress(b""), bz2.compress(bytes(1 << 20)), b"BZh9", bytes(20), b"x", data])
    return chance.choice([data + other, other + data, data + other + data, bz2.compress(b"") * 100 + data])


def _bzip2_field(chance: random.Random, data: bytes) -> bytes:
    """Change the level, a block's mark or checksum, or the checksum at the end."""
    place = chance.choice([3, 4, 9, 10, 13, 14, 18, max(len(data) - 3, 0)])
    return overwrite(data, place, bytes([chance.choice([0, 0x30, 0x39, 255, chance.randrange(256)])]))


def _xz_streams(chance: random.Random, data: bytes) -> bytes:
    """Insert streams, padding or other bytes around the stream."""
    other = chance.choice(
        [lzma.compress(b""), lzma.compress(bytes(1 << 20)), bytes(4), bytes(3), b"\xfd7zXZ\0"]
    )
    return chance.choice([data + other, other + data, data + other + data, data * 3])


def _xz_filters(chance: random.Random, data: bytes) -> bytes:
    """Write the content again with other filters, checks or sizes of the dictionary."""
    filters: list[dict[str, int]] = [
        {"id": lzma.FILTER_LZMA2, "dict_size": 1 << chance.choice([12, 16, 20, 23])}
    ]
    if chance.random() < 0.5:
        filters.insert(0, chance.choice([{"id": lzma.FILTER_DELTA, "dist": 5}, {"id": lzma.FILTER_X86}]))
    check = chance.choice([lzma.CHECK_NONE, lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256])
    return lzma.compress(_unpack_stream(data), lzma.FORMAT_XZ, check, filters=filters)


def _xz_field(chance: random.Random, data: bytes) -> bytes:
    """Change a byte of a header, with its checksum corrected, or of the end."""
    if chance.random() < 0.3 or len(data) < 24:
        return overwrite(data, max(len(data) - chance.randrange(1, 30), 0), chance.randbytes(1))
    size = max((data[12] + 1) * 4, 8)  # another mutation may have made it less than a header has
    header = bytearray(data[12 : 12 + size])
    header[chance.choice([1, 2, 3, 4])] = chance.choice([0, 0x40, 0xC0, 0x21, 40, 37, chance.randrange(256)])
    header[-4:] = struct.pack("<I", zlib.crc32(header[:-4]))
    return overwrite(data, 12, bytes(header))


GZIP: Mapping[str, Mutate] = {
    "gzip header": _gzip_header,
    "gzip field": _gzip_field,
    "gzip members": _gzip_members,
}
ZSTD: Mapping[str, Mutate] = {
    "zstd descriptor": _zstd_descriptor,
    "zstd blocks": _zstd_blocks,
    "zstd frames": _zstd_frames,
}
BZIP2: Mapping[str, Mutate] = {"bzip2 streams": _bzip2_streams, "bzip2 field": _bzip2_field}
XZ: Mapping[str, Mutate] = {"xz streams": _xz_streams, "xz filters": _xz_filters, "xz field": _xz_field}
