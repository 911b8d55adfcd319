"""Mutations of workbooks: the XML inside an xlsx or ods changed and packed again, and the records of an xls."""

import io
import random
import re
import struct
import zipfile
from collections.abc import Callable, Mapping

from tests.fuzz.byte_mutations import Mutate, choose_integer, mutate_bytes, overwrite
from tests.support.review_file_builders import to_zip

_VALUES = (
    b"", b"0", b"1", b"-1", b"A0", b"A1", b"XFD1048576", b"ZZZZZZ99999999999", b"1048576", b"4294967296", b"s", b"e",
    b"b", b"n", b"inlineStr", b"str", b"d", b"1e308", b"NaN", b"nothing", b"S", b"float", b"date", b"percentage",
    b"2024-13-45T99:00", b"true", b"\xff", b"rId1",
)  # fmt: skip
_PIECES = (
    b"<", b">", b"/>", b"&amp;", b"&#0;", b"&#xFFFFFFFF;", b"&a;", b"]]>", b"<!--", b"<![CDATA[", b"<row>", b"</row>",
    b'<c r="A1"/>', b"<v>1</v>", b"<v>99999999999999999999</v>", b"<v>-1e999</v>", b"</sheetData>", b"</worksheet>",
    b'<mergeCell ref="A1:XFD1048576"/>', b'<dimension ref="A1:XFD1048576"/>', b"<is><t>", b"<table:table-row/>",
    b'<table:table-cell table:number-columns-repeated="999999999"/>',
    b'<table:table-row table:number-rows-repeated="999999999"><table:table-cell/></table:table-row>', b"<text:p/>",
    b'<!DOCTYPE a [<!ENTITY a "b">]>',
)  # fmt: skip
_ATTRIBUTE = re.compile(rb'"[^"]*"')


def _on_part(mutate: Callable[[random.Random, bytes], bytes]) -> Mutate:
    """Return a mutation of one part of a zip, mostly of the sheet; the zip itself stays sound."""

    def apply(chance: random.Random, data: bytes) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                parts = {name: archive.read(name) for name in archive.namelist()}
        except Exception:
            return mutate_bytes(chance, data)
        sheets = [name for name in parts if "sheet1" in name or name == "content.xml"]
        name = chance.choice(sheets if sheets and chance.random() < 0.7 else list(parts) or [""])
        return to_zip(parts | {name: mutate(chance, parts.get(name, b""))})

    return apply


def _change_attribute(chance: random.Random, part: bytes) -> bytes:
    places = list(_ATTRIBUTE.finditer(part))
    if not places:
        return part + b" "
    place = chance.choice(places)
    return part[: place.start()] + b'"' + chance.choice(_VALUES) + b'"' + part[place.end() :]


def _insert_xml(chance: random.Random, part: bytes) -> bytes:
    places = [match.end() for match in re.finditer(b">", part)] or [0]
    place = chance.choice(places)
    return part[:place] + chance.choice(_PIECES) * chance.choice([1, 1, 1, 3, 5000]) + part[place:]


def _drop_part(chance: random.Random, part: bytes) -> bytes:
    return chance.choice(
        [b"", b"<a/>", part[: len(part) // 2], part * 2, part.decode("utf-8", "replace").encode("utf-16")]
    )


def _change_record(chance: random.Random, data: bytes) -> bytes:
    """Change the kind, the length or a field of a record of an xls, or of the compound file around it."""
    place = chance.choice(
        [chance.randrange(0, 512, 2), 512 + 4 * chance.randrange(20), 1024 + chance.randrange(256)]
    )
    if chance.random() < 0.6:
        place = 1536 + chance.randrange(max(len(data) - 4096 - 1536, 400))
    size = chance.choice(["<B", "<H", "<I"])
    bits = 8 * struct.calcsize(size)
    return overwrite(data, place, struct.pack(size, choose_integer(chance) % 2**bits))


WORKBOOK: Mapping[str, Mutate] = {
    "workbook attribute": _on_part(_change_attribute),
    "workbook element": _on_part(_insert_xml),
    "workbook part": _on_part(_drop_part),
    "workbook bytes": _on_part(mutate_bytes),
}
XLS: Mapping[str, Mutate] = {"xls record": _change_record}
