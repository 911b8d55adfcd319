"""Reads the rows of a sheet of a workbook (xlsx, xlsm, xlsb, xls, ods); runs in a process of its own.

The sheet is the one that the profile names, else the only visible one that may have reviews. The header is the first
row that is not empty, at or below the one that the profile names; empty rows are no rows. Every cell becomes the text
that a person sees: dates in ISO 8601, whole numbers without a decimal point, an error of an xlsx as its name, such as
`#N/A`, and nothing for that of another format, since Calamine has none. A cell of an xlsx or xls that is merged with
those above has their value. A workbook with a formula whose value was not saved is refused, since a person may see one.
Calamine holds the sheet whole, so the size of a workbook is limited, packed and unpacked.
"""

import datetime as dt
import io
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

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

_PARTS = (".xml", ".rels", ".bin", "mimetype")
_TELLING = re.compile(rb"[<:]f[\s/>]|[\"']e[\"']|:formula|:line-break|:tab[\s/>]|\xff\xfe|\xfe\xff")
"""What a part has in which a cell may have a formula, an error or a break, and one in UTF-16."""
_LONGEST_TELLING = 11
_ERROR = re.compile(rb"(\bt\s*=\s*[\"'])e(?=[\"'])")
"""The type of a cell of an xlsx that has an error."""
_TAG, _BREAKS = re.compile(rb"<(?:[^\s:]+:)?([\w-]+)"), {"line-break": b"\n", "tab": b"\t"}
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
    if places := _require_sound(file, options.limits):
        file = _write_as_texts(file, places)
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


def _require_sound(file: IO[bytes], limits: ContainerLimits) -> dict[str, list[int]]:
    """Refuse a workbook too large to be held, packed or unpacked, and a damaged zip; the file is left at its start.

    Return the places of what Calamine leaves out, as `_check_cells` does, by the part that has them.
    """
    places: dict[str, list[int]] = {}
    size, most = file.seek(0, io.SEEK_END), limits.workbook_unpacked_bytes
    if size > limits.workbook_bytes:
        raise refusal("workbook_too_large", f"it has {size:,} bytes, the limit is {limits.workbook_bytes:,}")
    file.seek(0)
    if file.read(2) == b"PK":
        # What is no picture is unpacked, since the sizes that a zip states may be false; that verifies checksums too.
        with refusing("workbook_broken", lambda: "the zip that it is can't be unpacked"):
            archive, unpacked = zipfile.ZipFile(file), 0
            for info in archive.infolist():
                is_telling, before = False, b""
                with archive.open(info) as part:
                    while info.filename.lower().endswith(_PARTS) and (chunk := part.read(_PIECE_BYTES)):
                        unpacked += len(chunk)
                        if unpacked > most:
                            raise refusal("workbook_too_large", f"it unpacks to more than {most:,} bytes")
                        is_telling = is_telling or _TELLING.search(before + chunk) is not None
                        before = chunk[-_LONGEST_TELLING:]
                if is_telling and info.filename.lower().endswith(".xml"):
                    with archive.open(info) as part:
                        places[info.filename] = _check_cells(part)
    file.seek(0)
    return {name: found for name, found in places.items() if found}


def _check_cells(part: IO[bytes]) -> list[int]:
    """Return the places, in bytes, of tags that Calamine leaves out: cells of an xlsx with an error, breaks of an ods.

    Refuses one with a formula whose value was not saved (workbook_broken): Calamine finds nothing in its cell.
    """
    places: list[int] = []
    cell, kind = "", ""
    has_formula = is_value = has_value = False
    parser = expat.ParserCreate()

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        nonlocal cell, kind, has_formula, is_value, has_value
        name, has = tag.rpartition(":")[2], {key.rpartition(":")[2] for key in attributes}
        if name == "c":
            cell, kind = attributes.get("r", "without a name"), attributes.get("t", "")
            has_formula = has_value = False
        elif name == "table-cell" and "formula" in has and "value-type" not in has:
            raise _refuse_unsaved("")
        if name in _BREAKS or (name == "c" and kind == "e"):
            places.append(parser.CurrentByteIndex)
        has_formula, is_value = has_formula or name == "f", name in ("v", "t")

    def read(text: str) -> None:
        nonlocal has_value
        has_value = has_value or (is_value and not text.isspace())

    def end(tag: str) -> None:
        nonlocal is_value
        is_value = False
        # The value of a formula whose cell has the type `str` may be an empty text.
        if tag.rpartition(":")[2] == "c" and has_formula and not has_value and kind != "str":
            raise _refuse_unsaved(f" {cell}")

    parser.StartElementHandler, parser.CharacterDataHandler, parser.EndElementHandler = start, read, end
    with refusing("workbook_broken", lambda: "a part of it is no XML"):
        parser.ParseFile(part)
    return places


def _refuse_unsaved(cell: str) -> FileRefusedError:
    """Return the refusal of a workbook with a formula without a value."""
    problem = f"the cell{cell} has a formula whose value was not saved"
    way = "open the workbook in the spreadsheet program and save it again"
    return refusal("workbook_broken", f"{problem}: {way}")


def _write_as_texts(file: IO[bytes], places: Mapping[str, Sequence[int]]) -> IO[bytes]:
    """Return a sound workbook without its pictures, and with texts for what Calamine leaves out.

    `places` are those of its tags in the parts of the file.
    """
    written = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as copy:
        for info in archive.infolist():
            if info.filename.lower().endswith(_PARTS):
                with archive.open(info) as part, copy.open(info.filename, "w") as out:
                    data, done = part.read(), 0
                    for place in places.get(info.filename, ()):
                        tag = data[place : data.index(b">", place)]
                        name = _TAG.match(tag)
                        before = _BREAKS.get(name[1].decode() if name else "", b"")
                        out.write(data[done:place] + before + _ERROR.sub(rb"\1str", tag, count=1))
                        done = place + len(tag)
                    out.write(data[done:])
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
    held: dict[int, tuple[int, str]] = {}  # the last row that a merged cell covers and its value, by column
    for number, cells in enumerate(sheet.iter_rows()):
        row = [cell if type(cell) is str else _format_cell(cell) for cell in cells]
        covered = {column: value for column, (last, value) in held.items() if number <= last}
        for column in covered:
            row[column] = ""
        for left, right, bottom in merged.get(number, ()):
            row[left + 1 : right] = [""] * (right - left - 1)
            held |= {column: (bottom, row[left] if column == left else "") for column in range(left, right)}
        if any(row) and number >= first:
            yield [covered.get(column, value) for column, value in enumerate(row)] if covered else row


def _list_merged(sheet: CalamineSheet) -> dict[int, list[tuple[int, int, int]]]:
    """Return the merged cells: by their first row the columns from which and before which they reach, and the last row.

    What a cell has that another one covers is not seen.
    """
    start = sheet.start[1] if sheet.start else 0
    merged: dict[int, list[tuple[int, int, int]]] = {}
    for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
        if start <= left < start + sheet.width:
            end = min(right - start + 1, sheet.width)
            merged.setdefault(top, []).append((left - start, end, bottom))
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
