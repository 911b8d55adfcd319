"""Builds workbooks by hand, since no library in the lock writes them: xlsx, ods and the old xls (BIFF 8)."""

import datetime as dt
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from tests.support.review_file_builders import Rows, to_zip

Grid = Sequence[Sequence[Any]]
"""Rows of cells: texts, numbers, booleans, dates, times, `Fault`, `Formula` (in xlsx) or None."""

_LIKE_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_HIDDEN = ' state="hidden"'
_DAY_ZERO = dt.datetime(1899, 12, 30)
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_SHEET_XML = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


@dataclass(frozen=True)
class Fault:
    """A cell with an error, such as #N/A."""

    name: str = "#N/A"


@dataclass(frozen=True)
class Formula:
    """A cell with a formula, and the XML of its value as a program has written it; by openpyxl without a value."""

    text: str
    value: str = "<v></v>"
    kind: str = ""
    """The cell's type, such as `str`."""


def to_grid(rows: Rows) -> Grid:
    """Return rows as a header and cells."""
    return [list(rows[0]), *(list(row.values()) for row in rows)]


def encode_xlsx(rows: Rows) -> bytes:
    return write_xlsx({"Sheet1": to_grid(rows)})


def encode_ods(rows: Rows) -> bytes:
    return write_ods({"Sheet1": to_grid(rows)})


def encode_xls(rows: Rows) -> bytes:
    return write_xls({"Sheet1": to_grid(rows)})


# xlsx


def write_xlsx(sheets: Mapping[str, Grid], hidden: Sequence[str] = (), merged: Sequence[str] = ()) -> bytes:
    """Write a workbook with inline texts, and a style for dates; cells such as A2:A4 are `merged` in each sheet."""
    numbered = list(enumerate(sheets.items(), 1))
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{number}" r:id="rId{number}"'
        f"{_HIDDEN if name in hidden else ''}/>"
        for number, (name, _) in numbered
    )
    relations = "".join(
        f'<Relationship Id="rId{number}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{number}.xml"/>'
        for number, _ in numbered
    )
    members = {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" '
        f'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{_SHEET_XML}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">{relations}<Relationship '
        f'Id="rId999" Type="{_RELATIONS}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="22"/>'
        '<xf numFmtId="14"/></cellXfs></styleSheet>',
    }
    members |= {
        f"xl/worksheets/sheet{number}.xml": write_xlsx_sheet(grid, merged) for number, (_, grid) in numbered
    }
    return to_zip({name: (_XML + text).encode() for name, text in members.items()})


def write_xlsx_sheet(grid: Grid, merged: Sequence[str] = ()) -> str:
    rows = (
        f'<row r="{number}">{"".join(_xlsx_cells(number, row))}</row>' for number, row in enumerate(grid, 1)
    )
    ranges = "".join(f'<mergeCell ref="{each}"/>' for each in merged)
    cells = f"<mergeCells>{ranges}</mergeCells>" if merged else ""
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(rows)}</sheetData>{cells}</worksheet>'


def _xlsx_cells(number: int, row: Sequence[Any]) -> Iterator[str]:
    for column, value in enumerate(row):
        place = f"{name_column(column)}{number}"
        match value:
            case None:
                continue
            case Fault():
                yield f'<c r="{place}" t="e"><v>{value.name}</v></c>'
            case Formula():
                kind = f' t="{value.kind}"' if value.kind else ""
                yield f'<c r="{place}"{kind}><f>{_escape_xml(value.text)}</f>{value.value}</c>'
            case bool():
                yield f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
            case int() | float():
                yield f'<c r="{place}"><v>{value!r}</v></c>'
            case dt.datetime():
                yield f'<c r="{place}" s="1"><v>{_to_serial(value)!r}</v></c>'
            case dt.date():
                yield f'<c r="{place}" s="2"><v>{(value - _DAY_ZERO.date()).days}</v></c>'
            case _:
                text = _escape_xml(_LIKE_ESCAPE.sub("_x005F_", value))
                yield f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def name_column(column: int) -> str:
    """Return the letters of a column: A for 0, AA for 26."""
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def _to_serial(moment: dt.datetime) -> float:
    return (moment - _DAY_ZERO) / dt.timedelta(days=1)


def _escape_xml(text: str) -> str:
    return escape(text, {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"})


# ods


def write_ods(sheets: Mapping[str, Grid]) -> bytes:
    """Write a workbook as OpenDocument."""
    names = " ".join(
        f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0"'
        for prefix in ("office", "table", "text")
    )
    tables = "".join(
        f"<table:table table:name={quoteattr(name)}>{''.join(map(_ods_row, grid))}</table:table>"
        for name, grid in sheets.items()
    )
    content = (
        f"{_XML}<office:document-content {names}><office:body><office:spreadsheet>{tables}"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    kind = b"application/vnd.oasis.opendocument.spreadsheet"
    manifest = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    return to_zip(
        {"mimetype": kind, "content.xml": content.encode(), "META-INF/manifest.xml": manifest.encode()}, 0
    )


def _ods_row(row: Sequence[Any]) -> str:
    return f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>"


def _ods_cell(value: Any) -> str:
    match value:
        case None:
            return "<table:table-cell/>"
        case bool():
            return (
                f'<table:table-cell office:value-type="boolean" office:boolean-value="{str(value).lower()}"/>'
            )
        case int() | float():
            return f'<table:table-cell office:value-type="float" office:value="{value!r}"/>'
        case dt.date():
            moment = value.isoformat()
            return f'<table:table-cell office:value-type="date" office:date-value="{moment}"/>'
        case _:
            lines = "".join(f"<text:p>{_escape_xml(line)}</text:p>" for line in value.split("\n"))
            return f'<table:table-cell office:value-type="string">{lines}</table:table-cell>'


# xls: a stream of records (BIFF 8) in a compound file


def write_xls(sheets: Mapping[str, Grid]) -> bytes:
    """Write an old workbook of short texts and numbers."""
    streams = [
        _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0))
        + b"".join(_xls_cells(grid))
        + _record(0x0A)
        for grid in sheets.values()
    ]
    start = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    listed = [len(_xls_sheet(name, 0)) for name in sheets]
    place = len(start) + sum(listed) + len(_record(0x0A))
    globals_ = start
    for name, stream in zip(sheets, streams, strict=True):
        globals_ += _xls_sheet(name, place)
        place += len(stream)
    return to_compound_file("Workbook", globals_ + _record(0x0A) + b"".join(streams))


def _record(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def _xls_sheet(name: str, place: int) -> bytes:
    return _record(0x85, struct.pack("<IBBBB", place, 0, 0, len(name), 0) + name.encode("latin-1"))


def _xls_cells(grid: Grid) -> Iterator[bytes]:
    for number, row in enumerate(grid):
        for column, value in enumerate(row):
            place = struct.pack("<HHH", number, column, 0)
            if isinstance(value, (int, float)):
                yield _record(0x203, place + struct.pack("<d", value))
            elif value is not None:
                text = value.encode("utf-16-le")
                yield _record(0x204, place + struct.pack("<HB", len(text) // 2, 1) + text)


def to_compound_file(name: str, data: bytes) -> bytes:
    """Put one stream, at least 4,096 bytes long, into a compound file: header, its list of sectors, folder, stream."""
    data = data.ljust(max(-(-len(data) // 512) * 512, 4096), b"\0")
    count = len(data) // 512
    next_sectors = [0xFFFFFFFD, 0xFFFFFFFE, *range(3, count + 2), 0xFFFFFFFE]
    assert len(next_sectors) <= 128, "only what fits into one list of sectors"
    table = struct.pack("<128I", *next_sectors, *[0xFFFFFFFF] * (128 - len(next_sectors)))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6xIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096)
    header += struct.pack("<IIIII", 0xFFFFFFFE, 0, 0xFFFFFFFE, 0, 0)
    header += struct.pack("<108I", *[0xFFFFFFFF] * 108)
    folder = _folder_entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + _folder_entry(
        name, 2, 0xFFFFFFFF, 2, len(data)
    )
    return header[:512] + table + folder.ljust(512, b"\0") + data


def _folder_entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0"
    links = struct.pack("<III", 0xFFFFFFFF, 0xFFFFFFFF, child)
    return (
        text.ljust(64, b"\0")
        + struct.pack("<HBB", len(text), kind, 1)
        + links
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )
