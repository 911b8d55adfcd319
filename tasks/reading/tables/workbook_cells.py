"""Looks at cells of a workbook that are merged over several rows, or have a formula without a value."""

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO

_WORKBOOK, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_SHEET = re.compile(rb'<(?:\w+:)?sheet [^<]{0,2000}?\w:id="([^"<]+)"')
_TARGET = rb'<(?:\w+:)?Relationship (?=[^<]{0,2000}?\bId="%b")[^<]{0,2000}?\bTarget="([^"<]+)"'
# A formula whose value is an empty text has the type `str`.
_UNSAVED = re.compile(
    rb'<c (?![^>]{0,200}\bt="str")[^>]{0,200}?\br="([A-Z]{1,3})(\d{1,7})"[^>]{0,200}>'
    rb"<f(?:[^>]{0,300}/>|[^>]{0,300}>[^<]{0,10000}</f>)(?:<v ?/>|<v></v>)?</c>"
)
"""A cell of an xlsx with a formula whose value was not saved: the letters of its column, and its row."""
_PIECE_BYTES, _LONGEST_CELL = 1 << 20, 12_000
Row = list[str]
Spans = Mapping[int, Sequence[tuple[int, int]]]
"""The number of a row, from 0 -> the columns of its cells that are merged with those below, each with the last row."""


def list_spans(ranges: Iterable[tuple[tuple[int, int], tuple[int, int]]], columns: range) -> Spans:
    """Return the cells in some columns that are merged over several rows, given the corners of each."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for (top, left), (bottom, _) in ranges:
        if bottom > top and left in columns:
            spans.setdefault(top, []).append((columns.index(left), bottom))
    return spans


def fill_spans(rows: Iterable[tuple[int, Row]], spans: Spans) -> Iterator[tuple[int, Row]]:
    """Yield numbered rows with the value of a merged cell in each of its rows, as a person sees it."""
    open_cells: dict[int, tuple[int, str]] = {}
    for number, row in rows:
        filled = row[:]
        for column, (last, value) in open_cells.items():
            if number <= last and not row[column]:
                filled[column] = value
        open_cells |= {column: (last, row[column]) for column, last in spans.get(number, ())}
        yield number, filled


def find_unsaved_columns(file: IO[bytes], sheet: int) -> set[int]:
    """Return the columns of a sheet of an xlsx, by number from 0, that have a formula whose value was not saved.

    Calamine finds no value in such a cell, though a person may see one. `sheet` is its number from 0.
    """
    matches = _find_all(file, _find_part(file, sheet), b"<f", _UNSAVED)
    return {_find_place(match[1].decode()) for match in matches}


def _find_part(file: IO[bytes], sheet: int) -> str:
    """Return the part of an xlsx that has a sheet, by its number from 0; "" if there is none."""
    if not zipfile.is_zipfile(file):
        return ""
    with zipfile.ZipFile(file) as archive:
        if not {_WORKBOOK, _RELATIONS} <= set(archive.namelist()):
            return ""
        sheets = _SHEET.findall(archive.read(_WORKBOOK))
        target = _TARGET % re.escape(sheets[sheet]) if sheet < len(sheets) else b"$."
        found = re.search(target, archive.read(_RELATIONS))
    path = found[1].decode("utf-8", "replace") if found else ""
    return path[1:] if path.startswith("/") else f"xl/{path}"


def _find_all(
    file: IO[bytes], name: str, sign: bytes, pattern: re.Pattern[bytes]
) -> Iterator[re.Match[bytes]]:
    """Yield the matches of a pattern, which has a sign in it, in a part of a zip that a file may be."""
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        if name not in archive.namelist():
            return
        with archive.open(name) as part:
            before = b""
            while piece := part.read(_PIECE_BYTES):
                if sign in (text := before + piece):
                    yield from (match for match in pattern.finditer(text) if match.end() > len(before))
                before = text[-_LONGEST_CELL:]


def _find_place(letters: str) -> int:
    """Return the place, from 0, of a column with these letters: 0 for A."""
    place = 0
    for letter in letters:
        place = 26 * place + ord(letter) - ord("A") + 1
    return place - 1
