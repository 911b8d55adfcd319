"""Mutations of zips: local headers, central directory and end record, consistently or not."""

import random
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tests.fuzz.byte_mutations import Mutate, choose_integer, mutate_bytes

LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_LOCAL_FIELDS = ("version", "flags", "method", "time", "date", "crc", "packed", "size", "name", "extra")
_LOCAL_FORMAT = "<HHHHHIIIHH"
_CENTRAL_FIELDS = ("made_by", *_LOCAL_FIELDS, "comment", "disk", "internal", "external", "offset")
_CENTRAL_FORMAT = "<HHHHHHIIIHHHHHII"
_END_FIELDS = ("disk", "first_disk", "entries_here", "entries", "bytes", "offset", "comment")
_END_FORMAT = "<HHHHIIH"
_UNREADABLE = (ValueError, IndexError, struct.error)

NAMES = (
    b"../up.csv", b"/etc/reviews.csv", b"a/../../b.csv", b"..\\up.csv", b"C:\\x.csv", b"a\0b.csv", b"",
    b"/", b".csv", b"a/",
    b"b\xe4d.csv", b"\xff\xfe.csv", b"a//b.csv", b"./a.csv", b".hidden.csv", b"__MACOSX/a.csv", b"a.zip",
    b"a.exe", b"a.parquet",
    b"a.jsonl", b"a.tsv.gz", b"12_9.txt", b"x" * 5000 + b".csv", b"a\nb.csv", b"a.csv ",
    b"\xed\xa0\x80.csv", b"....csv", b"~/a.csv",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One member: the fields of its two headers, and its compressed bytes."""

    local: Mapping[str, int]
    central: Mapping[str, int]
    name: bytes
    central_name: bytes
    extra: bytes
    central_extra: bytes
    packed: bytes
    behind: bytes = b""
    """What stands behind the content: a data descriptor."""


@dataclass(frozen=True)
class Zip:
    """All members, and the deviations in the end record and the offsets."""

    entries: tuple[Entry, ...]
    end: Mapping[str, int]
    comment: bytes = b""
    before: bytes = b""


def split(data: bytes) -> Zip:
    """Split a zip; raises `ValueError`, `IndexError` or `struct.error` for an invalid one."""
    end = _read_fields(data, data.rindex(END), _END_FORMAT, _END_FIELDS)
    start, entries = end["offset"], []
    for _ in range(end["entries"]):
        entry, start = _read_entry(data, start)
        entries.append(entry)
    return Zip(tuple(entries), {})


def join(parts: Zip) -> bytes:
    """Join a zip; offsets, lengths and counts are correct except those that were set."""
    out, directory = bytearray(parts.before), bytearray()
    for entry in parts.entries:
        offset = len(out)
        out += _write_fields(
            LOCAL, _LOCAL_FORMAT, _LOCAL_FIELDS, _state_lengths(entry.local, entry.name, entry.extra)
        )
        out += entry.name + entry.extra + entry.packed + entry.behind
        fields = {
            "offset": offset,
            "comment": 0,
            **_state_lengths(entry.central, entry.central_name, entry.central_extra),
        }
        directory += _write_fields(CENTRAL, _CENTRAL_FORMAT, _CENTRAL_FIELDS, fields)
        directory += entry.central_name + entry.central_extra
    count, offset = len(parts.entries), len(out)
    true = {"entries_here": count, "entries": count, "bytes": len(directory), "offset": offset}
    end = {"comment": len(parts.comment), "disk": 0, "first_disk": 0, **true, **parts.end}
    return bytes(out + directory) + _write_fields(END, _END_FORMAT, _END_FIELDS, end) + parts.comment


def _read_fields(data: bytes, start: int, form: str, names: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(names, struct.unpack_from(form, data, start + 4), strict=True))


def _write_fields(magic: bytes, form: str, names: tuple[str, ...], fields: Mapping[str, int]) -> bytes:
    sizes = [struct.calcsize(f"<{letter}") for letter in form[1:]]
    return magic + b"".join(
        (fields[name] % (1 << 8 * size)).to_bytes(size, "little")
        for name, size in zip(names, sizes, strict=True)
    )


def _state_lengths(fields: Mapping[str, int], name: bytes, extra: bytes) -> dict[str, int]:
    """Return a header's fields with the lengths of its name and extra field, unless these were set."""
    return {"name": len(name), "extra": len(extra), **fields}


def _read_entry(data: bytes, start: int) -> tuple[Entry, int]:
    central = _read_fields(data, start, _CENTRAL_FORMAT, _CENTRAL_FIELDS)
    names_at = start + 4 + struct.calcsize(_CENTRAL_FORMAT)
    extra_at = names_at + central["name"]
    end = extra_at + central["extra"] + central["comment"]
    local_at = central["offset"]
    local = _read_fields(data, local_at, _LOCAL_FORMAT, _LOCAL_FIELDS)
    local_name_at = local_at + 4 + struct.calcsize(_LOCAL_FORMAT)
    body = local_name_at + local["name"] + local["extra"]
    name = data[local_name_at : local_name_at + local["name"]]
    packed = data[body : body + central["packed"]]
    drop = {"name", "extra", "offset", "comment"}
    fields = [{key: value for key, value in header.items() if key not in drop} for header in (local, central)]
    central_name = data[names_at:extra_at]
    return Entry(
        fields[0], fields[1], name, central_name, b"", data[extra_at : extra_at + central["extra"]], packed
    ), end


# Mutations


def _on_entry(mutate: Callable[[random.Random, Entry], Entry]) -> Mutate:
    def apply(chance: random.Random, parts: Zip) -> Zip:
        place = chance.randrange(len(parts.entries))
        changed = mutate(chance, parts.entries[place])
        return replace(parts, entries=(*parts.entries[:place], changed, *parts.entries[place + 1 :]))

    return _on_zip(apply)


def _on_zip(mutate: Callable[[random.Random, Zip], Zip]) -> Mutate:
    def apply(chance: random.Random, data: bytes) -> bytes:
        try:
            return join(mutate(chance, split(data)))
        except _UNREADABLE:
            return mutate_bytes(chance, data)

    return apply


def _change_field(chance: random.Random, entry: Entry) -> Entry:
    """Change a field of one header or, to the same value, of both."""
    name = chance.choice(["flags", "method", "crc", "packed", "size", "version", "time", "name", "extra"])
    small = chance.choice([0, 1, 2, 8, 9, 12, 14, 20, 45, 93, 95, 2048, choose_integer(chance)])
    value = (
        small if name in ("flags", "method", "version") else choose_integer(chance, entry.local.get(name, 0))
    )
    where = chance.choice(["local", "central", "both"])
    local = {**entry.local, name: value} if where != "central" else entry.local
    central = {**entry.central, name: value} if where != "local" else entry.central
    return replace(entry, local=local, central=central)


def _change_central(chance: random.Random, entry: Entry) -> Entry:
    name = chance.choice(
        ["offset", "external", "internal", "disk", "made_by", "comment", "size", "packed", "date"]
    )
    modes = (0o120777 << 16, 0o040755 << 16, 0o060644 << 16, 0o100644 << 16, 0o010644 << 16)
    value = chance.choice(modes) if name == "external" else choose_integer(chance, entry.central.get(name, 0))
    return replace(entry, central={**entry.central, name: value})


def _rename(chance: random.Random, entry: Entry) -> Entry:
    name = chance.choice([*NAMES, mutate_bytes(chance, entry.name)])
    flags = {**entry.central, "flags": chance.choice([0, 0x800])}
    if chance.random() < 0.7:
        return replace(
            entry, name=name, central_name=name, central=flags, local={**entry.local, "flags": flags["flags"]}
        )
    return replace(entry, central_name=name)


def _add_extra(chance: random.Random, entry: Entry) -> Entry:
    """Add extra fields: zip64 with or without the sizes, Unicode names, and invalid fields."""
    sizes = struct.pack("<3Q", *(choose_integer(chance, len(entry.packed)) % 2**64 for _ in range(3)))
    length = chance.choice([0, 4, 8, 16, 24, 28, 65535])
    zip64 = struct.pack("<HH", 1, length) + sizes[: chance.choice([length, 8, 24]) % 25]
    unicode = struct.pack("<HHBI", 0x7075, 5 + 7, 1, zlib.crc32(entry.name)) + chance.choice(
        [b"new.csv", b"..\\..\\x", b"\xff" * 7]
    )
    extra = chance.choice(
        [zip64, zip64, unicode, chance.randbytes(9), b"\x01\0", struct.pack("<HH", 0x5455, 60000)]
    )
    central = dict(entry.central)
    for name in ("size", "packed"):
        central[name] = chance.choice([0xFFFFFFFF, central[name]])
    return replace(entry, central_extra=extra, extra=chance.choice([b"", extra]), central=central)


def _add_descriptor(chance: random.Random, entry: Entry) -> Entry:
    """Move sizes and checksum, correct or not, into a descriptor after the content."""
    facts = [entry.central["crc"], entry.central["packed"], entry.central["size"]]
    if chance.random() < 0.5:
        facts[chance.randrange(3)] = choose_integer(chance) % 2**32
    behind = chance.choice([b"PK\x07\x08", b""]) + struct.pack("<3I", *facts)
    central = {**entry.central, "flags": entry.central["flags"] | 8}
    local = {**entry.local, "flags": central["flags"], "crc": 0, "packed": 0, "size": 0}
    return replace(entry, local=local, central=central, behind=behind)


def _change_packed(chance: random.Random, entry: Entry) -> Entry:
    """Change the compressed bytes and, mostly, update their length."""
    packed = mutate_bytes(chance, entry.packed)
    size = len(packed) if chance.random() < 0.8 else entry.central["packed"]
    return _state(replace(entry, packed=packed), packed=size)


def _store(chance: random.Random, entry: Entry) -> Entry:
    """Store mutated content uncompressed, with a correct checksum."""
    data = mutate_bytes(chance, entry.packed)
    return _state(
        replace(entry, packed=data), packed=len(data), size=len(data), crc=zlib.crc32(data), method=0
    )


def _deflate_more(chance: random.Random, entry: Entry) -> Entry:
    """Compress content that unpacks to a thousand times its size, or to more or less than its stated size."""
    data = chance.choice([bytes(1 << 20), b"text\n" + b"good film\n" * 100_000, b"text\nx\n"])
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    stated = chance.choice([len(data), len(data) - 1, len(data) + 1, 5, choose_integer(chance)])
    return _state(
        replace(entry, packed=packed), packed=len(packed), size=stated, crc=zlib.crc32(data), method=8
    )


def _state(entry: Entry, **fields: int) -> Entry:
    return replace(entry, local={**entry.local, **fields}, central={**entry.central, **fields})


def _repeat(chance: random.Random, parts: Zip) -> Zip:
    """Duplicate or remove entries, or add many that share one content."""
    place = chance.randrange(len(parts.entries))
    entry = parts.entries[place]
    way = chance.randrange(4)
    if way == 0:
        return replace(parts, entries=parts.entries[:place] + parts.entries[place + 1 :])
    if way == 1:
        return replace(parts, entries=parts.entries * chance.choice([2, 3]))
    overlap = replace(
        entry, central={**entry.central, "offset": chance.choice([0, 1, choose_integer(chance)])}
    )
    return replace(parts, entries=(*parts.entries, *[overlap] * chance.choice([1, 5, 50, 500])))


def _change_end(chance: random.Random, parts: Zip) -> Zip:
    """Change the end record, append a comment, or insert bytes before the first member."""
    way = chance.randrange(4)
    if way == 0:
        return replace(
            parts, comment=chance.choice([b"c", END + bytes(18), chance.randbytes(70_000)[:65_535], CENTRAL])
        )
    if way == 1:
        return replace(parts, before=chance.choice([b"MZ", LOCAL, LOCAL + bytes(40), bytes(100)]))
    name = chance.choice(_END_FIELDS)
    return replace(parts, end={**parts.end, name: choose_integer(chance, len(parts.entries))})


def _add_zip64_end(chance: random.Random, parts: Zip) -> Zip:
    """Insert a zip64 end record and its locator before the end record, with arbitrary numbers."""
    numbers = [chance.choice([len(parts.entries), choose_integer(chance)]) % 2**64 for _ in range(4)]
    end = b"PK\x06\x06" + struct.pack("<QHHII", 44, 45, 45, 0, 0) + struct.pack("<4Q", *numbers)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, choose_integer(chance) % 2**64, 1)
    last = parts.entries[-1]
    changed = replace(
        last,
        central_extra=last.central_extra + end + locator,
        central={**last.central, "extra": len(last.central_extra)},
    )
    fields = {"entries": 0xFFFF, "entries_here": 0xFFFF} if chance.random() < 0.5 else {}
    return replace(parts, entries=(*parts.entries[:-1], changed), end={**parts.end, **fields})


ZIP: Mapping[str, Mutate] = {
    "zip field": _on_entry(_change_field),
    "zip directory": _on_entry(_change_central),
    "zip name": _on_entry(_rename),
    "zip extra": _on_entry(_add_extra),
    "zip descriptor": _on_entry(_add_descriptor),
    "zip packed": _on_entry(_change_packed),
    "zip stored": _on_entry(_store),
    "zip deflated": _on_entry(_deflate_more),
    "zip entries": _on_zip(_repeat),
    "zip end": _on_zip(_change_end),
    "zip64 end": _on_zip(_add_zip64_end),
}
