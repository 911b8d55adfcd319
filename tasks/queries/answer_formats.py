"""Formats the rows of a result: a table for people, CSV (RFC 4180, but LF) or JSON (one array of objects) for programs.

All three take rows in batches and yield text piece by piece, so that memory does not grow with the result. A table
shows at most `TABLE_ROWS` rows. Imports the standard library and a part of Rich only, so that commands start fast.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain, islice
from types import SimpleNamespace
from typing import Any

from tasks.support.wording import drop_nan, escape_controls, format_json

TABLE_ROWS = 100
"""Most rows of a table."""
CELL_WIDTH = 80
"""Width of the widest cell of a table, in terminal columns; longer values are cut."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", *"\uff1d\uff0b\uff0d\uff20")
"""First characters by which a spreadsheet takes a cell for a formula; by the full-width ones where it is Japanese."""
NARROWEST_CELL = 12
"""Columns are narrowed to this width at most; if the table is still too wide, its last columns are dropped."""

Row = Sequence[Any]
Rows = Iterator[Sequence[Row]]
"""Batches of rows."""


def format_answer(
    columns: Sequence[tuple[str, str]], rows: Rows, form: str, width: int | None = None
) -> Iterator[str]:
    """Yield the text of a result piece by piece; `form` is 'table', 'csv' or 'json'.

    `columns` are (name, DuckDB type); `width` is that of the terminal, None for any length of line. The plan of an
    EXPLAIN is yielded as it is in place of a table.
    """
    if form == "csv":
        return _format_csv(columns, rows)
    if form == "json":
        return _format_json(columns, rows)
    if [name for name, _ in columns] == ["explain_key", "explain_value"]:
        return (f"{escape_controls(plan, keep=chr(10))}\n" for batch in rows for _, plan in batch)
    return _format_table(columns, rows, width)


def _format_csv(columns: Sequence[tuple[str, str]], rows: Rows) -> Iterator[str]:
    """Yield a header line, then a line per row; null is an empty field, dates are ISO 8601, nested values JSON.

    Lines end in LF, as Unix tools expect; a line end inside a text is kept, in quotes.
    """
    buffer = io.StringIO(newline="")
    # The csv module quotes a text with a CR only if lines end in CRLF; the CRLF becomes LF here.
    lines = SimpleNamespace(write=lambda line: buffer.write(f"{line[:-2]}\n"))
    writer = csv.writer(lines, lineterminator="\r\n")
    for batch in chain([[[name for name, _ in columns]]], rows):
        writer.writerows([_format_as_text(value) for value in row] for row in batch)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def escape_formulas(row: Iterable[Any]) -> list[Any]:
    """Return `row` with an apostrophe before each text that a spreadsheet would take for a formula."""
    return [f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell for cell in row]


def _format_json(columns: Sequence[tuple[str, str]], rows: Rows) -> Iterator[str]:
    """Yield one array with an object per row; NaN and infinities are null, columns of type JSON are parsed."""
    names = _make_unique([name for name, _ in columns])
    kinds = [kind for _, kind in columns]
    separator = "[\n"
    for batch in rows:
        objects = (
            {
                name: to_json(json.loads(value) if kind == "JSON" and value is not None else value)
                for name, kind, value in zip(names, kinds, row, strict=True)
            }
            for row in batch
        )
        yield separator + ",\n".join(map(format_json, objects))
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def _make_unique(names: Sequence[str]) -> list[str]:
    """Return column names for the JSON format, with a number after repeated ones (`a`, `a_1`): its keys are unique."""
    unique: list[str] = []
    for name in names:
        number, candidate = 0, name
        while candidate in unique:
            number += 1
            candidate = f"{name}_{number}"
        unique.append(candidate)
    return unique


def to_json(value: Any) -> Any:
    """Return a value as one that `json` can write: numbers become floats, other types text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float | Decimal):
        return drop_nan(float(value))
    if isinstance(value, Mapping):
        return {_format_as_text(name): to_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(each) for each in value]
    return _format_as_text(value)


def _format_as_text(value: Any) -> str:
    """Return a value of an answer as text for CSV or a table, without loss; null becomes an empty text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return "".join(chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\x{byte:02X}" for byte in value)
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(to_json(value), ensure_ascii=False)
    return str(value)


def _format_table(columns: Sequence[tuple[str, str]], rows: Rows, width: int | None) -> Iterator[str]:
    """Yield a table of the first rows, with numbers aligned right, and a line about the rows and columns not shown."""
    from rich.cells import cell_len

    all_rows = chain.from_iterable(rows)
    shown = list(islice(all_rows, TABLE_ROWS))
    is_more = next(all_rows, None) is not None
    grid = [[_format_cell(value) for value in row] for row in ([name for name, _ in columns], *shown)]
    needed = [min(max(map(cell_len, column)), CELL_WIDTH) for column in zip(*grid, strict=True)]
    widths = _fit_widths(needed, width)
    is_number = [
        all(isinstance(row[place], int | float | Decimal | None) for row in shown)
        for place in range(len(widths))
    ]
    header, *body = [_draw_row(row, widths, is_number) for row in grid]
    lines = [_draw_rule("┌┬┐", widths), header, _draw_rule("├┼┤", widths), *body, _draw_rule("└┴┘", widths)]
    yield "\n".join([*lines, _describe_size(len(shown), is_more, len(widths), len(columns))]) + "\n"


def _format_cell(value: Any) -> str:
    """Format a value as a cell of a table, shortened to the largest width of a cell."""
    if value is None:
        return "NULL"
    if isinstance(value, float) and (value == 0 or 1e-4 <= abs(value) < 1e15):
        whole, decimals = f"{value:.4f}".split(".")
        return f"{whole}.{decimals.rstrip('0') or '0'}"
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return escape_controls(_format_as_text(value)[: CELL_WIDTH + 1])


def _fit_widths(widths: Sequence[int], terminal: int | None) -> list[int]:
    """Return column widths with which a line fits the terminal; the last columns are dropped if they can't fit."""
    fitted = list(widths)
    if terminal is None:
        return fitted
    while len(fitted) > 1 and sum(min(each, NARROWEST_CELL) + 3 for each in fitted) + 1 > terminal:
        fitted.pop()
    while sum(each + 3 for each in fitted) + 1 > terminal and max(fitted) > NARROWEST_CELL:
        fitted[fitted.index(max(fitted))] -= 1
    return fitted


def _draw_row(cells: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> str:
    """Return a line of a table from the cells of a row."""
    drawn = (_pad(cell, width, right) for cell, width, right in zip(cells, widths, is_number, strict=False))
    return f"│ {' │ '.join(drawn)} │"


def _pad(cell: str, width: int, right: bool) -> str:
    """Pad the text of a cell to the width of its column, by the columns that it takes on a terminal."""
    from rich.cells import cell_len, set_cell_size

    length = cell_len(cell)
    if length > width:
        return set_cell_size(cell, width - 1) + "…"
    return " " * (width - length) + cell if right else cell + " " * (width - length)


def _draw_rule(corners: str, widths: Sequence[int]) -> str:
    """Return a horizontal line of a table."""
    return corners[0] + corners[1].join("─" * (width + 2) for width in widths) + corners[2]


def _describe_size(rows: int, is_more: bool, columns_shown: int, columns: int) -> str:
    """Return the number of rows and, if some rows or columns are not shown, how to see all of them."""
    counted = f"the first {rows} rows" if is_more else f"{rows} row{'' if rows == 1 else 's'}"
    cut = f", {columns_shown} of {columns} columns" if columns_shown < columns else ""
    return f"({counted}{cut}: --format csv shows all)" if is_more or cut else f"({counted})"
