"""Looks at cells of a workbook that are merged over several rows, or have a formula without a value."""

import re
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import IO

from tasks.review_files.plans.names import quote_name
from tasks.support.refusals import refusal

_SHEETS, _ODS = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE), "content.xml"
# A formula whose value is an empty text has the type `str`.
_UNSAVED = re.compile(
    rb'<c (?![^>]{0,200}\bt="str")[^>]{0,200}?\br="([A-Z]{1,3})\d+"[^>]{0,200}>'
    rb"<f(?:[^>]{0,300}/>|[^>]{0,300}>[^<]{0,10000}</f>)(?:<v ?/>|<v></v>)?</c>"
)
"""A cell of an xlsx with a formula whose value was not saved, and the letters of its column."""
_SPANS = re.compile(rb'number-rows-spanned="(?:[2-9]|\d\d)')
"""A cell of an ods that is merged over several rows."""
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


def require_values(file: IO[bytes], blank: Mapping[str, tuple[int, str]]) -> None:
    """Refuse (workbook_broken) a workbook if a person sees values in a column where Calamine finds none in some rows.

    `blank` has our column -> its place in the sheet and its name. Calamine has no value for a formula whose value was
    not saved, and for the lower rows of a merged cell of an ods.
    """
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        if "movie_id" in blank and any(_find_all(archive, [_ODS], b"number-rows-spanned", _SPANS)):
            problem = f"{quote_name(blank['movie_id'][1])} has no value in some rows, and cells are merged over several"
            raise refusal(
                "workbook_broken", f"{problem}, of which an ods does not tell which: save it as xlsx"
            )
        sheets = filter(_SHEETS.fullmatch, archive.namelist())
        places = {_find_place(match[1].decode()) for match in _find_all(archive, sheets, b"<f", _UNSAVED)}
    for place, name in sorted(blank.values()):
        if place in places:
            problem = f"{quote_name(name)} has formulas whose values were not saved"
            raise refusal(
                "workbook_broken", f"{problem}: open it in the spreadsheet program and save it again"
            )


def _find_all(
    archive: zipfile.ZipFile, parts: Iterable[str], sign: bytes, pattern: re.Pattern[bytes]
) -> Iterator[re.Match[bytes]]:
    """Yield the matches of a pattern, which has a sign in it, in parts of a zip; one may come twice."""
    for name in set(parts).intersection(archive.namelist()):
        with archive.open(name) as part:
            before = b""
            while piece := part.read(_PIECE_BYTES):
                if sign in (text := before + piece):
                    yield from pattern.finditer(text)
                before = piece[-_LONGEST_CELL:]


def _find_place(letters: str) -> int:
    """Return the place, from 0, of a column with these letters: 0 for A."""
    place = 0
    for letter in letters:
        place = 26 * place + ord(letter) - ord("A") + 1
    return place - 1
