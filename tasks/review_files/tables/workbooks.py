"""Reads the rows of a sheet of a workbook (xlsx, xlsm, xlsb, xls, ods); runs in a process of its own.

The sheet is the one that `ReadOptions` names, else the first visible one whose header has a text column. The header is
the first row that is not empty, or the one below titles; empty rows are no rows. Every cell becomes the text that a
person sees: dates in ISO 8601, whole numbers without a decimal point, nothing for an error. A cell that is merged with
those above has their value, but for the text, the id, the rating and the label, which are each those of one review.
Calamine holds the sheet whole, so the size of a workbook is limited, packed and unpacked.
"""

import datetime as dt
import io
import os
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any

import numpy as np
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
from tasks.containers.unpacking_limits import ContainerLimits
from tasks.review_files.column_mapping import (
    MAX_COLUMNS,
    MOST_TITLES,
    Columns,
    require_names,
    require_text,
    select_columns,
    skip_titles,
)
from tasks.review_files.grouping_items import group_into_batches
from tasks.review_files.options import ReadOptions, require_rows
from tasks.review_files.plans.normalized_names import normalize_name, quote_name
from tasks.review_files.plans.reading_plan import ReadingPlan
from tasks.review_files.raw_rows import (
    Defect,
    RawRows,
    find_headers,
    find_outer_rows,
    make_raw_rows,
    require_order,
)
from tasks.review_files.tables.workbook_cells import BlankCells, Row, fill_spans, list_spans
from tasks.support.refusals import refusal, refusing
from tasks.support.wording import quote_word

_PARTS = (".xml", ".rels", ".bin")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""The name of the part that holds an encrypted xlsx."""
_OF_ODS = "mimetype"
"""A part by which Calamine knows an ods."""
_KEPT_UNPACKED = 64 << 20
"""Bytes of parts up to which they are kept unpacked until Calamine has read them."""
_PIECE_BYTES = 1 << 20
_NAMES_SHOWN = 12
_FEW_CELLS = 2
_PRECISE = 2**53
"""Beyond this, a floating-point number is not exact: it is no whole number that a person entered."""

_OF_REVIEWS = {"review_id", "movie_id", "given_rating", "given_label"}
"""Our columns beside a text that a sheet of remarks hardly has."""
_JUDGEMENTS = {"given_rating", "given_label"}
_SHARED = {"movie_id", "reviewed_at"}
"""Our columns that several reviews may share."""

_Numbered = tuple[int, Row]
"""A row, with its number in the sheet from 0."""


def read(file: IO[bytes], first_row: int, options: ReadOptions) -> Iterator[RawRows]:
    """Yield the rows of a sheet; the first one below the header gets the number `first_row`.

    Raises `FileRefusedError`: workbook_broken, workbook_too_large, archive_encrypted, sheet_missing, header_broken,
    header_changed, text_column_missing, text_column_doubled.
    """
    file = _open_checked(file, options.limits)
    with _refusing_broken(file), _silence_panics():
        workbook = CalamineWorkbook.from_filelike(file)
        sheet = _choose_sheet(workbook, options)
        names, rows = _open_table(sheet, options.column_plan)
        columns = _select_columns(names, sheet.name, options.column_plan)
        places = list(zip(_list_columns(sheet), names, strict=True))
        known = {ours: places[place] for ours, place in columns.known.items()}
        blank = BlankCells(file, workbook.sheet_names.index(sheet.name), known)
        next_row = first_row
        batches = group_into_batches(rows, _measure, options.batch_rows, options.batch_bytes)
        for numbered, is_last in _mark_last(batches):
            numbers, batch = zip(*numbered, strict=True)
            require_rows(next_row - 1 + len(batch), options.most_rows)
            is_first = next_row == first_row
            outer = find_outer_rows(batch, columns.known["text"], is_first, is_last)
            made = _make_rows(batch, names, columns, next_row, outer)
            yield replace(made, doubts=blank.list_doubts(made, numbers, is_first))
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
    """Return the sheet to read; refuse a workbook if another one seems to have rows of reviews too.

    It does if its texts have the same name, or if it has ids, ratings or labels beside a text. A sheet that has a text
    and nothing else of a review may be a legend: then a larger one with ratings or labels is enough.
    """
    if options.sheet is not None:
        return _find_sheet(workbook, options.sheet)
    sheets = _list_sheets(workbook)
    chosen: tuple[CalamineSheet, str] | None = None
    others, is_bare = list[CalamineSheet](), False
    for name in sheets:
        sheet = workbook.get_sheet_by_name(name)
        header, rows = _open_table(sheet, options.column_plan)
        known = select_columns(header, options.column_plan).known
        if "text" not in known:
            others += [sheet] if _JUDGEMENTS & known.keys() else []
            continue
        text = header[known["text"]]
        if chosen is None:
            chosen = sheet, text
            is_bare = not (_OF_REVIEWS | {"reviewed_at"}) & known.keys()
        elif (_OF_REVIEWS & known.keys() or _are_alike(text, chosen[1])) and next(rows, None) is not None:
            raise _refuse_sheets((chosen[0].name, chosen[1]), (name, text))
    if chosen is None:
        return _first_filled(workbook, sheets)
    if is_bare:
        _require_largest(chosen[0], others)
    return chosen[0]


def _require_largest(chosen: CalamineSheet, others: Sequence[CalamineSheet]) -> None:
    """Refuse a workbook if one of its other sheets, without a text but with ratings or labels, has more rows."""
    larger = next((sheet for sheet in others if sheet.total_height > chosen.total_height), None)
    if larger is not None:
        raise refusal(
            "sheet_missing",
            f"'{chosen.name[:40]}' has a text column, but '{larger.name[:40]}' has more rows, and ratings or "
            "labels: `sheet` in a profile names the one to read",
        )


def _are_alike(name: str, other: str) -> bool:
    """Return whether two columns have one name."""
    return normalize_name(name) == normalize_name(other)


def _refuse_sheets(*sheets: tuple[str, str]) -> FileRefusedError:
    """Return the refusal of a workbook with several sheets of texts, given the names of each and of its text column."""
    found = " and ".join(f"{quote_name(sheet)} (column {quote_name(text)})" for sheet, text in sheets)
    command = f"reviews sources init NAME FILE --sheet {quote_word(sheets[0][0])}"
    return refusal(
        "sheet_missing", f"{found} both have texts, and one is read: `sheet` in a profile names it: {command}"
    )


def _find_sheet(workbook: CalamineWorkbook, name: str) -> CalamineSheet:
    """Return the sheet of that name."""
    if name not in workbook.sheet_names:
        raise refusal("sheet_missing", f"no sheet is called '{name}', but {_quote(workbook.sheet_names)}")
    return workbook.get_sheet_by_name(name)


def _list_sheets(workbook: CalamineWorkbook) -> list[str]:
    """Return the names of the visible sheets with cells, not charts and macros."""
    return [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.typ == SheetTypeEnum.WorkSheet and sheet.visible == SheetVisibleEnum.Visible
    ]


def _first_filled(workbook: CalamineWorkbook, names: Sequence[str]) -> CalamineSheet:
    """Return the first sheet that is not empty, so that its refusal names its columns."""
    for name in names:
        sheet = workbook.get_sheet_by_name(name)
        if next(_read_rows(sheet), None) is not None:
            return sheet
    raise refusal("sheet_missing", "no visible sheet has any cell")


def _quote(names: Sequence[str]) -> str:
    """List names for a message."""
    shown = ", ".join(map(quote_name, names[:_NAMES_SHOWN]))
    return f"{shown} and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else shown


def _select_columns(names: Sequence[str], sheet: str, plan: ReadingPlan) -> Columns:
    """Map the columns of the sheet to ours."""
    if len(names) > MAX_COLUMNS:
        raise refusal("header_broken", f"it has {len(names):,} columns, the limit is {MAX_COLUMNS:,}")
    if not names:
        raise refusal("header_broken", f"the sheet {quote_name(sheet)} has no cell")
    columns = select_columns(names, plan)
    if plan.text or "text" not in columns.known:
        require_names(names, plan.text)
    require_text(columns, names, plan)
    return columns


# The rows


def _open_table(sheet: CalamineSheet, plan: ReadingPlan) -> tuple[Row, Iterator[_Numbered]]:
    """Return the names of the columns, below titles if there are any, and the rows below them."""
    rows, spans = _read_rows(sheet), list_spans(sheet.merged_cell_ranges or (), _list_columns(sheet))
    start = list(islice(rows, MOST_TITLES + 1))
    if not start:
        return [], iter(())
    first = [row for _, row in fill_spans(start, spans)]
    place = _find_header(first, plan)
    if spans and "text" not in select_columns(first[place], plan).known:
        # A title that is merged over several rows is none of the names beside it.
        place = _find_header([row for _, row in start], plan)
    rows = chain(start[place + 1 :], rows)
    if spans:
        known = select_columns(first[place], plan).known
        rows = fill_spans(rows, spans, {at for ours, at in known.items() if ours not in _SHARED})
    return first[place], rows


def _find_header(rows: Sequence[Row], plan: ReadingPlan) -> int:
    """Return the place of the header among the first rows of a sheet."""
    is_first = len(rows[0]) <= _FEW_CELLS and "text" in select_columns(rows[0], plan).known
    return 0 if is_first else skip_titles(rows, plan)


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


def _measure(numbered: _Numbered) -> int:
    """Return roughly the bytes of a row."""
    return sum(map(len, numbered[1]))


def _mark_last(batches: Iterator[list[_Numbered]]) -> Iterator[tuple[list[_Numbered], bool]]:
    """Yield each batch, and whether it is the last one."""
    before = next(batches, None)
    for batch in batches:
        if before is not None:
            yield before, False
        before = batch
    if before is not None:
        yield before, True


def _make_rows(
    rows: Sequence[Row], names: Sequence[str], columns: Columns, first_row: int, outer: Mapping[int, str]
) -> RawRows:
    """Build the raw rows of n rows of cells; those that repeat the header, and the `outer` ones, have a defect."""
    arrays = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    numbers = pa.array(np.arange(first_row, first_row + len(rows)), pa.int64())
    require_order(arrays, names, columns.known["text"], numbers)
    line = "\t".join(names).encode()
    defects = {
        position: Defect("row_shape", "it repeats the column names", line)
        for position in find_headers(arrays, names)
    }
    for position, detail in outer.items():
        defects[position] = Defect("row_shape", detail, "\t".join(rows[position]).encode())
    return make_raw_rows(names, columns, [(array, {}) for array in arrays], numbers, defects)
