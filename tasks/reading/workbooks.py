"""Reads the rows of a sheet of a workbook (xlsx, xlsm, xlsb, xls, ods); runs in a process of its own.

The sheet is the one that the profile names, else the only visible one that has a text column. The header is the first
row that is not empty, at or below the one that the profile names; empty rows are no rows. Every cell becomes the text
that a person sees: dates in ISO 8601, whole numbers without a decimal point, nothing for an error. A cell that is
merged with those above has their value.
Calamine holds the sheet whole, so the size of a workbook is limited, packed and unpacked.
"""

import datetime as dt
import io
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from data_contracts.errors import FileRefusedError
from tasks.reading.columns import (
    MAX_COLUMNS,
    Columns,
    Reading,
    choose_reading,
    quote_name,
    quote_names,
    select_columns,
)
from tasks.reading.rows import (
    RawRows,
    ReadOptions,
    find_headers,
    group_into_batches,
    make_raw_rows,
    number_rows,
    require_rows,
)
from tasks.reading.streams import ContainerLimits
from tasks.support.refusals import refusal, refusing
from tasks.support.wording import quote_word

_WORKBOOK, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
_SHEET = re.compile(rb'<(?:\w+:)?sheet [^<]{0,2000}?\w:id="([^"<]+)"')
_TARGET = rb'<(?:\w+:)?Relationship (?=[^<]{0,2000}?\bId="%b")[^<]{0,2000}?\bTarget="([^"<]+)"'
# A formula whose value is an empty text has the type `str`.
_UNSAVED = re.compile(
    rb'<c (?![^>]{0,200}\bt="str")[^>]{0,200}?\br="([A-Z]{1,3})(\d{1,7})"[^>]{0,200}>'
    rb"<f(?:[^>]{0,300}/>|[^>]{0,300}>[^<]{0,10000}</f>)(?:<v ?/>|<v></v>)?</c>"
)
"""A cell of an xlsx with a formula whose value was not saved: the letters of its column, and its row."""
_LONGEST_CELL = 12_000
_PARTS = (".xml", ".rels", ".bin")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The name of the part that holds an encrypted xlsx."""
_OF_ODS = "mimetype"
"""A part by which Calamine knows an ods."""
_KEPT_UNPACKED = 64 << 20
"""Bytes of parts up to which they are kept unpacked until Calamine has read them."""
_PIECE_BYTES = 1 << 20
_FEWEST_ROWS = 2
"""Rows of a sheet up to which it is a note, and no table that may have reviews."""
_PRECISE = 2**53
"""Beyond this, a floating-point number is not exact: it is no whole number that a person entered."""
_Row = list[str]
_Numbered = tuple[int, _Row]
"""A row, with its number in the sheet from 0."""


def read_workbook(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a sheet; the first one below the header gets the number `first_row`.

    Raises `FileRefusedError`: workbook_broken, workbook_too_large, archive_encrypted, sheet_missing, header_broken,
    header_changed, and the rules of `choose_reading`.
    """
    file = _open_checked(file, options.limits)
    with _refusing_broken(file), _silence_panics():
        workbook = CalamineWorkbook.from_filelike(file)
        sheet = _choose_sheet(workbook, options)
        names, rows = _open_table(sheet, options)
        if len(names) > MAX_COLUMNS:
            raise refusal("header_broken", f"it has {len(names):,} columns, the limit is {MAX_COLUMNS:,}")
        if not names:
            raise refusal("header_broken", f"the sheet {quote_name(sheet.name)} has no cell")
        reading = choose_reading(names, options.profile, options.text_column)
        table = (reading, names, select_columns(names, reading.profile))
        unsaved = _find_unsaved_columns(file, workbook.sheet_names.index(sheet.name))
        start = _list_columns(sheet).start
        next_row = first_row
        for batch in group_into_batches(
            rows, lambda row: sum(map(len, row[1])), options.batch_rows, options.batch_bytes
        ):
            require_rows(next_row - 1 + len(batch), options.most_rows)
            made = _make_rows([row for _, row in batch], table, next_row)
            for ours, place in table[2].known.items():
                if start + place in unsaved and not pc.min(pc.binary_length(made.known[ours])).as_py():
                    problem = f"{quote_name(names[place])} has formulas whose values were not saved"
                    way = "open the workbook in the spreadsheet program and save it again"
                    raise refusal("workbook_broken", f"{problem}: {way}")
            yield made
            next_row += len(batch)


def _open_checked(file: IO[bytes], limits: ContainerLimits) -> IO[bytes]:
    """Return the workbook, perhaps unpacked; refuse one too large to be held, packed or unpacked, and a damaged zip."""
    size = file.seek(0, io.SEEK_END)
    if size > limits.workbook_bytes:
        raise refusal("workbook_too_large", f"it has {size:,} bytes, the limit is {limits.workbook_bytes:,}")
    file.seek(0)
    if file.read(2) == b"PK":
        with refusing("workbook_broken", lambda: "the zip that it is can't be unpacked"):
            file = _unpack(zipfile.ZipFile(file), limits.workbook_unpacked_bytes) or file
    file.seek(0)
    return file


def _unpack(archive: zipfile.ZipFile, most: int) -> IO[bytes] | None:
    """Unpack what is no picture, since the sizes that a zip states may be false; checksums are verified with it.

    Return a zip with the unpacked parts, so that Calamine need not unpack them again; None where it would be large, or
    where it might not be the same workbook.
    """
    parts = [info for info in archive.infolist() if info.filename.lower().endswith(_PARTS)]
    is_small = sum(info.file_size for info in parts) <= _KEPT_UNPACKED
    has_others = _OF_ODS in archive.namelist() or len(set(archive.namelist())) < len(archive.namelist())
    kept = io.BytesIO() if is_small and not has_others else None
    unpacked = 0
    with nullcontext() if kept is None else zipfile.ZipFile(kept, "w") as copy:
        for info in parts:
            with (
                archive.open(info) as part,
                copy.open(info.filename, "w") if copy else nullcontext() as target,
            ):
                while chunk := part.read(_PIECE_BYTES):
                    unpacked += len(chunk)
                    if unpacked > most:
                        raise refusal("workbook_too_large", f"it unpacks to more than {most:,} bytes")
                    if target:
                        target.write(chunk)
    return kept


@contextmanager
def _refusing_broken(file: IO[bytes]) -> Iterator[None]:
    """Turn the errors of Calamine into refusals."""
    try:
        with refusing("workbook_broken", lambda: "it can't be read as a workbook"):
            yield
    except PasswordError as error:
        raise refusal("archive_encrypted", "the workbook is encrypted") from error
    except CalamineError as error:
        file.seek(0)
        if _ENCRYPTED in file.read():
            raise refusal("archive_encrypted", "the workbook is encrypted") from error
        raise refusal("workbook_broken", "it can't be read as a workbook") from error
    except BaseException as error:
        # What Rust calls a panic; it is no `Exception`.
        if type(error).__name__ != "PanicException":
            raise
        raise refusal("workbook_broken", "it can't be read as a workbook") from error


@contextmanager
def _silence_panics() -> Iterator[None]:
    """Discard what is written to standard error: Rust writes there why it panics, with values from the file."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


# The sheet


def _choose_sheet(workbook: CalamineWorkbook, options: ReadOptions) -> CalamineSheet:
    """Return the sheet to read: the one that the profile names, else the only visible one that has a table with a text.

    A workbook of which no sheet has a text is read as its first sheet with cells, so that its refusal names columns.
    """
    wanted = options.profile.file.sheet if options.profile else None
    if wanted is not None:
        if wanted not in workbook.sheet_names:
            raise refusal(
                "sheet_missing", f"no sheet is called '{wanted}', but {quote_names(workbook.sheet_names)}"
            )
        return workbook.get_sheet_by_name(wanted)
    sheets = [
        workbook.get_sheet_by_name(sheet.name)
        for sheet in workbook.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
    ]
    filled = [sheet for sheet in sheets if next(_read_rows(sheet), None) is not None]
    if not filled:
        raise refusal("sheet_missing", "no visible sheet has any cell")
    with_text = [sheet for sheet in filled if _has_text(sheet, options)]
    if not with_text:
        return filled[0]
    first, *others = with_text
    if others:
        _refuse_choice(f"{quote_name(first.name)} and {quote_name(others[0].name)} both have texts", first)
    # It may be a legend, and the reviews, or more of them, be in a column whose name is not known.
    tables = [sheet for sheet in filled if sheet.height > _FEWEST_ROWS and sheet.width > 1]
    rest = [sheet for sheet in tables if sheet.name != first.name and options.profile is None]
    if rest:
        found = f"{quote_name(first.name)} has a text, but {quote_name(rest[0].name)} has rows too"
        _refuse_choice(found, max((first, *rest), key=lambda sheet: sheet.height))
    return first


def _refuse_choice(found: str, likely: CalamineSheet) -> NoReturn:
    """Refuse (sheet_missing) a workbook of which several sheets may have the reviews."""
    command = f"reviews sources init NAME FILE --sheet {quote_word(likely.name)}"
    raise refusal("sheet_missing", f"{found}, and no profile says which is read: {command}")


def _has_text(sheet: CalamineSheet, options: ReadOptions) -> bool:
    """Return whether the table of a sheet has a text, and a row."""
    names, rows = _open_table(sheet, options)
    try:
        choose_reading(names, options.profile, options.text_column)
    except FileRefusedError as error:
        return error.rule == "text_column_doubled"
    return next(rows, None) is not None


# The rows


def _open_table(sheet: CalamineSheet, options: ReadOptions) -> tuple[_Row, Iterator[_Numbered]]:
    """Return the names of the columns, and the rows below them with the values of merged cells in each."""
    number = options.profile.file.header if options.profile else 1
    rows = _fill_merged(sheet, _read_rows(sheet))
    names = next((row for place, row in rows if place >= number - 1), [])
    return names, rows


def _list_columns(sheet: CalamineSheet) -> range:
    """Return the columns of a sheet, by number from 0, from the first one that has a cell."""
    start = sheet.start[1] if sheet.start else 0
    return range(start, start + sheet.width)


def _read_rows(sheet: CalamineSheet) -> Iterator[_Numbered]:
    """Yield the rows that are not empty, as texts, each with its number from 0."""
    for number, cells in enumerate(sheet.iter_rows()):
        row = [cell if type(cell) is str else _format_cell(cell) for cell in cells]
        if any(row):
            yield number, row


def _format_cell(cell: Any) -> str:
    """Return the value of a cell that is no text as a person sees it."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _PRECISE else f"{cell:.15g}"
    if isinstance(cell, (dt.date, dt.time)):
        return cell.isoformat()
    return str(cell)


def _make_rows(rows: Sequence[_Row], table: tuple[Reading, _Row, Columns], first_row: int) -> RawRows:
    """Build the raw rows of n rows of cells; those that repeat the header have a defect."""
    arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    numbers = number_rows(first_row, len(rows))
    defects = find_headers(arrays, table[1], numbers)
    return make_raw_rows(table, [(array, {}) for array in arrays], numbers, defects)


# Cells that are merged over several rows, or have a formula without a value


def _fill_merged(sheet: CalamineSheet, rows: Iterable[_Numbered]) -> Iterator[_Numbered]:
    """Yield numbered rows with the value of a merged cell in each of its rows, as a person sees it."""
    columns = _list_columns(sheet)
    spans: dict[int, list[tuple[int, int]]] = {}
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        if bottom > top and left in columns:
            spans.setdefault(top, []).append((columns.index(left), bottom))
    open_cells: dict[int, tuple[int, str]] = {}
    for number, row in rows:
        filled = row[:]
        for column, (last, value) in open_cells.items():
            if number <= last and not row[column]:
                filled[column] = value
        open_cells |= {column: (last, row[column]) for column, last in spans.get(number, ())}
        yield number, filled


def _find_unsaved_columns(file: IO[bytes], sheet: int) -> set[int]:
    """Return the columns of a sheet of an xlsx, by number from 0, that have a formula whose value was not saved.

    Calamine finds no value in such a cell, though a person may see one. `sheet` is its number from 0.
    """
    places: set[int] = set()
    if not zipfile.is_zipfile(file):
        return places
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        if not {_WORKBOOK, _RELATIONS} <= set(names):
            return places
        sheets = _SHEET.findall(archive.read(_WORKBOOK))
        target = _TARGET % re.escape(sheets[sheet]) if sheet < len(sheets) else b"$."
        found = re.search(target, archive.read(_RELATIONS))
        path = found[1].decode("utf-8", "replace") if found else ""
        path = path[1:] if path.startswith("/") else f"xl/{path}"
        if path not in names:
            return places
        with archive.open(path) as part:
            before = b""
            while piece := part.read(_PIECE_BYTES):
                if b"<f" in (text := before + piece):
                    for match in _UNSAVED.finditer(text):
                        place = 0
                        for letter in match[1].decode():
                            place = 26 * place + ord(letter) - ord("A") + 1
                        places.add(place - 1)
                before = text[-_LONGEST_CELL:]
    return places
