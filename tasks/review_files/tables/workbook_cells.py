"""Looks at cells of a workbook that are merged over several rows, or have a formula without a value."""

import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.rules_and_limits import READING_RULES, STEP_OF_FILE
from tasks.review_files.plans.normalized_names import quote_name
from tasks.review_files.plans.reading_plan import Doubt
from tasks.review_files.raw_rows import RawRows
from tasks.support.refusals import refusal

_WORKBOOK, _RELATIONS, _ODS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "content.xml"
_SHEET = re.compile(rb'<(?:\w+:)?sheet [^<]{0,2000}?\w:id="([^"<]+)"')
_TARGET = rb'<(?:\w+:)?Relationship (?=[^<]{0,2000}?\bId="%b")[^<]{0,2000}?\bTarget="([^"<]+)"'
# A formula whose value is an empty text has the type `str`.
_UNSAVED = re.compile(
    rb'<c (?![^>]{0,200}\bt="str")[^>]{0,200}?\br="([A-Z]{1,3})(\d{1,7})"[^>]{0,200}>'
    rb"<f(?:[^>]{0,300}/>|[^>]{0,300}>[^<]{0,10000}</f>)(?:<v ?/>|<v></v>)?</c>"
)
"""A cell of an xlsx with a formula whose value was not saved: the letters of its column, and its row."""
_SPANS = re.compile(
    rb'<(table:table)[ />]|<table:table-cell [^<]{0,2000}?number-rows-spanned="(?:[2-9]|\d\d)'
)
"""The beginning of a sheet of an ods, or a cell that is merged over several rows."""
_PIECE_BYTES, _LONGEST_CELL = 1 << 20, 12_000
_MOST_ROWS = 1 << 20
"""Rows of a sheet of an xlsx, at most."""
_SAVE = "open the workbook in the spreadsheet program and save it again"
UNSAVED = f"some rows have a formula there whose value was not saved, so they have none{STEP_OF_FILE}{_SAVE}"
MERGED = (
    "some rows have none, and cells are merged over several rows, of which an ods does not tell which"
    f"{STEP_OF_FILE}save it as xlsx"
)

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


def fill_spans(
    rows: Iterable[tuple[int, Row]], spans: Spans, kept: Collection[int] = ()
) -> Iterator[tuple[int, Row]]:
    """Yield numbered rows with the value of a merged cell in each of its rows, as a person sees it, but for `kept`."""
    open_cells: dict[int, tuple[int, str]] = {}
    for number, row in rows:
        filled = row[:]
        for column, (last, value) in open_cells.items():
            if number <= last and column not in kept and not row[column]:
                filled[column] = value
        open_cells |= {column: (last, row[column]) for column, last in spans.get(number, ())}
        yield number, filled


class BlankCells:
    """The cells of a sheet in which Calamine finds no value, though a person may see one.

    It has none for a formula whose value was not saved, and for the lower rows of a merged cell of an ods.
    """

    def __init__(self, file: IO[bytes], sheet: int, columns: Mapping[str, tuple[int, str]]) -> None:
        """Take the number of the sheet, from 0, and our columns, each with its place in the sheet and its name."""
        self._file, self._sheet, self._columns = file, sheet, columns

    def list_doubts(self, rows: RawRows, numbers: Sequence[int], is_first: bool) -> tuple[Doubt, ...]:
        """Return the doubts about the columns in which n rows with a text have no value, by their numbers from 0.

        Refuses a sheet (workbook_broken) none of whose first rows has a text, if the texts are such formulas.
        """
        places, has_text = np.array(numbers), _is_filled(rows.known["text"])
        if is_first and not has_text.any() and self._are_unsaved("text", places):
            problem = f"{quote_name(self._columns['text'][1])} has formulas whose values were not saved"
            raise refusal("workbook_broken", f"{problem}: {_SAVE}")
        has_text[list(rows.defects)] = False
        doubts = []
        for ours in sorted(self._columns.keys() & (READING_RULES.keys() - {"text"})):
            blank = places[has_text & ~_is_filled(rows.known[ours])]
            if self._are_unsaved(ours, blank):
                doubts.append(Doubt(ours, self._columns[ours][1], UNSAVED))
            elif ours == "movie_id" and len(blank) and self._has_spans:
                doubts.append(Doubt(ours, self._columns[ours][1], MERGED))
        return tuple(doubts)

    def _are_unsaved(self, ours: str, numbers: NDArray[np.int64]) -> bool:
        """Return whether one of our columns has formulas without a value in one of the rows with these numbers."""
        if not len(numbers):
            return False
        found = self._unsaved.get(self._columns[ours][0])
        return found is not None and bool(found[numbers].any())

    @cached_property
    def _unsaved(self) -> Mapping[int, NDArray[np.bool_]]:
        """The place of one of our columns -> which rows have a formula whose value was not saved."""
        places = {place for place, _ in self._columns.values()}
        found: dict[int, NDArray[np.bool_]] = {}
        for match in _find_all(self._file, _find_part(self._file, self._sheet), b"<f", _UNSAVED):
            place, row = _find_place(match[1].decode()), int(match[2])
            if place in places and row <= _MOST_ROWS:
                found.setdefault(place, np.zeros(_MOST_ROWS, bool))[row - 1] = True
        return found

    @cached_property
    def _has_spans(self) -> bool:
        """Whether a cell of the sheet of an ods is merged over several rows."""
        sheet = -1
        for match in _find_all(self._file, _ODS, b"<table:table", _SPANS):
            sheet += match[1] is not None
            if match[1] is None and sheet == self._sheet:
                return True
        return False


def _is_filled(column: pa.Array) -> NDArray[np.bool_]:
    """Return which values of a column, [n], are not empty."""
    filled: NDArray[np.bool_] = pc.fill_null(pc.not_equal(column, ""), False).to_numpy(zero_copy_only=False)
    return filled.copy()


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
