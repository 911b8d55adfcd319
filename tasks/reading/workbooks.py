"""Reads the rows of a sheet of a workbook (xlsx, xlsm, xlsb, xls, ods); runs in a process of its own.

The sheet is the one that the profile names, else the only visible one that may have reviews. The header is the first
row that is not empty, at or below the one that the profile names; empty rows are no rows. Every cell becomes the text
that a person sees: dates in ISO 8601, whole numbers without a decimal point, an error of an xlsx as its name, such as
`#N/A`, and nothing for that of another format, since Calamine has none. A cell that is merged with those above has
their value. A workbook with a formula whose value was not saved is refused, since a person
may see one.
Calamine holds the sheet whole, so the size of a workbook is limited, packed and unpacked.
"""

import datetime as dt
import io
import os
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
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
    choose_reading,
    name_columns,
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

_PARTS = (".xml", ".rels", ".bin")
_SHEETS = "xl/worksheets/"
# The value of a formula whose cell has the type `str` may be an empty text.
_UNSAVED = re.compile(
    rb'<c (?![^>]{0,200}\bt="str")[^>]{0,200}?\br="([A-Z]{1,3}\d{1,7})"[^>]{0,200}>'
    rb"<f(?:[^>]{0,300}/>|[^>]{0,300}>[^<]{0,10000}</f>)(?:<v ?/>|<v></v>)?</c>"
)
"""A cell of an xlsx with a formula whose value was not saved, and the cell's name."""
_LONGEST_CELL = 12_000
_ERROR = re.compile(rb'(<c [^<>]{0,300}?\bt=")e(?=")')
"""The type of a cell of an xlsx that has an error."""
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The name of the part that holds an encrypted xlsx."""
_PIECE_BYTES = 1 << 20
_FEWEST_ROWS = 2
"""Rows of a sheet up to which it is a note, if it has no text, and no table that may have reviews."""
_PRECISE = 2**53
"""Beyond this, a floating-point number is not exact: it is no whole number that a person entered."""
_Row = list[str]


def read_workbook(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a sheet; the first one below the header gets the number `first_row`.

    Raises `FileRefusedError`: workbook_broken, workbook_too_large, archive_encrypted, sheet_missing, header_broken,
    header_changed, and the rules of `choose_reading`.
    """
    if _require_sound(file, options.limits):
        file = _write_errors_as_texts(file)
    with _refusing_broken(file), _silence_panics():
        sheet = _choose_sheet(CalamineWorkbook.from_filelike(file), options)
        names, rows = _open_table(sheet, options)
        if len(names) > MAX_COLUMNS:
            raise refusal("header_broken", f"it has {len(names):,} columns, the limit is {MAX_COLUMNS:,}")
        if not names:
            raise refusal("header_broken", f"the sheet {quote_name(sheet.name)} has no cell")
        reading = choose_reading(names, options.profile)
        table = (reading, names, select_columns(names, reading.profile))
        next_row = first_row
        for batch in group_into_batches(
            rows, lambda row: sum(map(len, row)), options.batch_rows, options.batch_bytes
        ):
            require_rows(next_row - 1 + len(batch), options.most_rows)
            arrays = [pa.array(column, pa.string()) for column in zip(*batch, strict=True)]
            numbers = number_rows(next_row, len(batch))
            headers = find_headers(arrays, names, numbers)
            yield make_raw_rows(table, [(array, {}) for array in arrays], numbers, headers)
            next_row += len(batch)


def _require_sound(file: IO[bytes], limits: ContainerLimits) -> bool:
    """Refuse a workbook too large to be held, packed or unpacked, and a damaged zip; the file is left at its start.

    Return whether it is an xlsx with a cell that has an error.
    """
    has_error = False
    size, most = file.seek(0, io.SEEK_END), limits.workbook_unpacked_bytes
    if size > limits.workbook_bytes:
        raise refusal("workbook_too_large", f"it has {size:,} bytes, the limit is {limits.workbook_bytes:,}")
    file.seek(0)
    if file.read(2) == b"PK":
        # What is no picture is unpacked, since the sizes that a zip states may be false; that verifies checksums too.
        with refusing("workbook_broken", lambda: "the zip that it is can't be unpacked"):
            archive, unpacked = zipfile.ZipFile(file), 0
            for info in archive.infolist():
                with archive.open(info) as part:
                    before = b""
                    while info.filename.lower().endswith(_PARTS) and (chunk := part.read(_PIECE_BYTES)):
                        unpacked += len(chunk)
                        if unpacked > most:
                            raise refusal("workbook_too_large", f"it unpacks to more than {most:,} bytes")
                        if info.filename.startswith(_SHEETS):
                            piece = before + chunk
                            _require_saved(piece)
                            has_error = has_error or bool(b't="e"' in piece and _ERROR.search(piece))
                            before = chunk[-_LONGEST_CELL:]
    file.seek(0)
    return has_error


def _require_saved(text: bytes) -> None:
    """Refuse a piece of a sheet with a formula whose value was not saved: Calamine finds nothing in its cell."""
    found = _UNSAVED.search(text) if b"<f" in text else None
    if found:
        problem = f"the cell {found[1].decode()} has a formula whose value was not saved"
        way = "open the workbook in the spreadsheet program and save it again"
        raise refusal("workbook_broken", f"{problem}: {way}")


def _write_errors_as_texts(file: IO[bytes]) -> IO[bytes]:
    """Return a sound xlsx without its pictures, and with texts in place of errors, which Calamine leaves out."""
    written = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as copy:
        for info in archive.infolist():
            if info.filename.lower().endswith(_PARTS):
                with archive.open(info) as part, copy.open(info.filename, "w") as out:
                    is_sheet, rest = info.filename.startswith(_SHEETS), b""
                    while chunk := part.read(_PIECE_BYTES):
                        # A tag that is cut in two is left to the next piece.
                        piece, sign, rest = (rest + chunk).rpartition(b"<") if is_sheet else (chunk, b"", b"")
                        out.write(_ERROR.sub(rb"\1str", piece) if is_sheet else piece)
                        rest = sign + rest
                    out.write(rest)
    written.seek(0)
    return written


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
    """Return the sheet to read: the one that the profile names, else the only visible one that may have reviews.

    That has a text, or is a table whose text no profile names. A workbook without any is read as its first sheet with
    cells, so that its refusal names columns.
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
    likely = [
        sheet
        for sheet in filled
        if _has_text(sheet, options)
        or (options.profile is None and sheet.height > _FEWEST_ROWS and sheet.width > 1)
    ]
    if len(likely) > 1:
        largest = max(likely, key=lambda sheet: sheet.height).name
        found = f"{quote_name(likely[0].name)} and {quote_name(likely[1].name)} may both have reviews"
        command = f"reviews sources init NAME FILE --sheet {quote_word(largest)}"
        raise refusal("sheet_missing", f"{found}, and no profile says which is read: {command}")
    return (likely or filled)[0]


def _has_text(sheet: CalamineSheet, options: ReadOptions) -> bool:
    """Return whether the table of a sheet has a text, and a row."""
    names, rows = _open_table(sheet, options)
    try:
        choose_reading(names, options.profile)
    except FileRefusedError as error:
        return error.rule == "text_column_doubled"
    return next(rows, None) is not None


# The rows


def _open_table(sheet: CalamineSheet, options: ReadOptions) -> tuple[_Row, Iterator[_Row]]:
    """Return the names of the columns, and the rows below them."""
    header = options.profile.file.header if options.profile else 1
    rows = _read_rows(sheet, max(header - 1, 0))
    names = next(rows, [])
    return (names, rows) if header else (name_columns(len(names)), chain([names] if names else [], rows))


def _read_rows(sheet: CalamineSheet, first: int = 0) -> Iterator[_Row]:
    """Yield the rows that are not empty, as texts, from the one with the number `first`, from 0.

    A cell that is merged with those above has their value.
    """
    merged = _list_merged(sheet)
    held: dict[int, tuple[int, str]] = {}  # the last row of a merged cell and its value, by column
    for number, cells in enumerate(sheet.iter_rows()):
        row = [cell if type(cell) is str else _format_cell(cell) for cell in cells]
        if not any(row):
            continue
        filled = row[:]
        for column, (last, value) in held.items():
            if number <= last and not row[column]:
                filled[column] = value
        held |= {column: (last, row[column]) for column, last in merged.get(number, ())}
        if number >= first:
            yield filled


def _list_merged(sheet: CalamineSheet) -> dict[int, list[tuple[int, int]]]:
    """Return the cells that are merged with those below: by their row the place in the row and the last row."""
    start = sheet.start[1] if sheet.start else 0
    merged: dict[int, list[tuple[int, int]]] = {}
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or ():
        if bottom > top and start <= left < start + sheet.width:
            merged.setdefault(top, []).append((left - start, bottom))
    return merged


def _format_cell(cell: Any) -> str:
    """Return the value of a cell that is no text as a person sees it."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _PRECISE else f"{cell:.15g}"
    if isinstance(cell, (dt.date, dt.time)):
        return cell.isoformat()
    return str(cell)
