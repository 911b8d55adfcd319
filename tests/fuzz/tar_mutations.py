"""Mutations of tars: fields of headers with corrected checksums, further headers, and the end."""

import random
from collections.abc import Callable, Mapping

from tests.fuzz.byte_mutations import Mutate, choose_integer, mutate_bytes, overwrite
from tests.fuzz.zip_mutations import NAMES

BLOCK = 512
_FIELDS = {
    "name": (0, 100), "mode": (100, 8), "uid": (108, 8), "gid": (116, 8), "size": (124, 12),
    "mtime": (136, 12), "type": (156, 1),
    "link": (157, 100), "magic": (257, 8), "user": (265, 32), "group": (297, 32), "major": (329, 8), "minor": (337, 8),
    "prefix": (345, 155), "sparse": (386, 96), "real size": (483, 12),
}  # fmt: skip
_TYPES = (
    b"0",
    b"\0",
    b"1",
    b"2",
    b"3",
    b"4",
    b"5",
    b"6",
    b"7",
    b"A",
    b"D",
    b"g",
    b"x",
    b"K",
    b"L",
    b"S",
    b"X",
    b"V",
    b"M",
    b"N",
    b"\xff",
)
_PAX_KEYS = (
    "size", "path", "linkpath", "mtime", "uid", "gname", "GNU.sparse.map", "GNU.sparse.size", "GNU.sparse.realsize",
    "GNU.sparse.major", "GNU.sparse.minor", "GNU.sparse.name", "GNU.sparse.numblocks", "hdrcharset", "comment", "",
)  # fmt: skip


def set_field(header: bytes, name: str, value: bytes) -> bytes:
    """Set a field of a header and correct its checksum."""
    start, size = _FIELDS[name]
    changed = overwrite(header, start, value[:size].ljust(size, b"\0"))
    blank = overwrite(changed, 148, b" " * 8)
    return overwrite(blank, 148, b"%06o\0 " % sum(blank))


def write_size(chance: random.Random, size: int) -> bytes:
    """Write a number as octal digits, in base 256 (which may be negative), or invalidly."""
    octal = b"%011o\0" % (abs(size) % 8**11)
    base256 = (b"\x80" if size >= 0 else b"\xff") + (size % 2**88).to_bytes(11, "big")
    return chance.choice(
        [octal, octal, base256, b" " * 12, b"-0000000001\0", b"1_0", b"0x10", b"9999999999 "]
    )


def _find_headers(data: bytes) -> list[int]:
    """Find the offsets of the members' headers, as far as their sizes lead to them."""
    starts, start = [], 0
    while start + BLOCK <= len(data) and any(data[start : start + BLOCK]):
        starts.append(start)
        size = int(data[start + 124 : start + 135].rstrip(b"\0 ") or b"0", 8)
        start += BLOCK + -(-size // BLOCK) * BLOCK
    return starts


def _on_header(mutate: Callable[[random.Random, bytes], bytes]) -> Mutate:
    """Replace one header by the result of `mutate`: a changed header, or several."""

    def apply(chance: random.Random, data: bytes) -> bytes:
        try:
            start = chance.choice(_find_headers(data))
        except (ValueError, IndexError):
            return mutate_bytes(chance, data)
        return data[:start] + mutate(chance, data[start : start + BLOCK]) + data[start + BLOCK :]

    return apply


def _change_field(chance: random.Random, header: bytes) -> bytes:
    name = chance.choice(list(_FIELDS))
    start, size = _FIELDS[name]
    value = chance.choice(
        [mutate_bytes(chance, header[start : start + size]), chance.randbytes(size), b"\xff" * size]
    )
    return set_field(header, name, value)


def _change_size(chance: random.Random, header: bytes) -> bytes:
    before = int(header[124:135].rstrip(b"\0 ") or b"0", 8)
    return set_field(header, "size", write_size(chance, choose_integer(chance, before)))


def _change_type(chance: random.Random, header: bytes) -> bytes:
    return set_field(header, "type", chance.choice(_TYPES))


def _rename(chance: random.Random, header: bytes) -> bytes:
    return set_field(header, "name", chance.choice([*NAMES, mutate_bytes(chance, header[:100])]))


def _change_number(chance: random.Random, header: bytes) -> bytes:
    name = chance.choice(["mode", "uid", "gid", "mtime", "major"])
    return set_field(header, name, write_size(chance, choose_integer(chance)))


def _add_long_name(chance: random.Random, header: bytes) -> bytes:
    """Insert a GNU header with a long name and a length that may be wrong."""
    name = chance.choice([*NAMES, b"d/" * 400 + b"a.csv", b"a.csv\0"])
    stated = chance.choice([len(name), len(name), choose_integer(chance)])
    before = set_field(
        set_field(header, "type", chance.choice([b"L", b"L", b"K"])), "size", write_size(chance, stated)
    )
    return before + _pad(name) + header


def _add_pax(chance: random.Random, header: bytes) -> bytes:
    """Insert a pax header, for this member or for all, with records that may be malformed."""
    records = b"".join(_write_record(chance) for _ in range(chance.choice([1, 1, 2, 50])))
    stated = chance.choice([len(records), len(records), len(records), choose_integer(chance)])
    size = b"%011o\0" % (abs(stated) % 8**11)
    before = set_field(set_field(header, "type", chance.choice([b"x", b"x", b"g", b"X"])), "size", size)
    return before + _pad(records) + header


def _write_record(chance: random.Random) -> bytes:
    numbers = [
        b"%d" % choose_integer(chance),
        b"1.0",
        b"0,1,1,2",
        b"1e400",
        b"nan",
        b"-1",
        b"9" * 5000,
        b"n" * 300_000 + b".csv",
    ]
    value = chance.choice([*NAMES, *numbers, chance.randbytes(8), b"BINARY"])
    body = b" " + chance.choice(_PAX_KEYS).encode() + b"=" + value + b"\n"
    length = len(body) + len(str(len(body)))
    length += len(str(length)) - len(str(len(body)))
    return (
        chance.choice([b"%d" % length] * 6 + [b"0", b"3", b"99999999999", b"%d" % (length + 1), b"x", b""])
        + body
    )


def _pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def _repeat_header(chance: random.Random, header: bytes) -> bytes:
    """Repeat a header many times, as members without content, as folders or as hidden files."""
    empty = set_field(set_field(header, "size", b"%011o\0" % 0), "type", chance.choice([b"0", b"5"]))
    return (
        set_field(empty, "name", chance.choice([header[:100], b".h", b"d/"])) * chance.choice([1, 3, 30])
        + header
    )


def _change_end(chance: random.Random, data: bytes) -> bytes:
    """Truncate the tar at a block, remove its end, concatenate it with itself, or append bytes or zeros."""
    block = BLOCK * chance.randrange(len(data) // BLOCK + 1)
    ends = [
        data[:block],
        data.rstrip(b"\0"),
        data + data,
        data + b"x",
        data + bytes(BLOCK * 50),
        data[:block] + bytes(BLOCK) + data[block:],
    ]
    return chance.choice(ends)


TAR: Mapping[str, Mutate] = {
    "tar field": _on_header(_change_field),
    "tar size": _on_header(_change_size),
    "tar type": _on_header(_change_type),
    "tar name": _on_header(_rename),
    "tar number": _on_header(_change_number),
    "tar long name": _on_header(_add_long_name),
    "tar pax": _on_header(_add_pax),
    "tar headers": _on_header(_repeat_header),
    "tar end": _change_end,
}
