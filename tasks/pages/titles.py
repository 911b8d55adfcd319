"""Reads the titles that a user gives to movies: `titles.csv` of the home, with the columns movie_id, title and year."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.errors import UsageError
from tasks.support.wording import escape_controls

if TYPE_CHECKING:
    import _csv

COLUMNS = ("movie_id", "title", "year")
"""The columns of the file, in any order and case; the year may be missing."""
SEPARATORS = (",", ";", "\t")
_YEAR = re.compile(r"[0-9]{4}")
_ADVICE = "Next: save it as CSV in UTF-8, with the columns movie_id, title and year."


@dataclass(frozen=True)
class Title:
    """The title of a movie, and the year of four digits, '' if the file has none."""

    title: str
    year: str = ""


def read_titles(path: Path) -> dict[str, Title]:
    """Return the titles by movie_id; none if there is no file.

    A row without an id or a title names nothing; of several rows of a movie the last counts, and a year that is not
    four digits is left out. Raises `UsageError` if the file is no such table.
    """
    if not path.exists():
        return {}
    if not path.is_file():
        raise UsageError(f"{path}: is no regular file. {_ADVICE}")  # a named pipe would be waited for
    try:
        return parse_titles(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path}: can't be read ({error.strerror or error}). {_ADVICE}") from error
    except (UnicodeDecodeError, ValueError, csv.Error) as error:
        what = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else escape_controls(str(error))
        raise UsageError(f"{path}: {what}. {_ADVICE}") from error


def parse_titles(text: str) -> dict[str, Title]:
    """Return the titles of a table as text; raise `ValueError` or `csv.Error` if it is no such table."""
    head = text.partition("\n")[0]
    separator = max(SEPARATORS, key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    places = _find_columns(next(rows, []))
    found = (_read_row(row, places) for row in _require_lines(rows))
    return {movie_id: title for movie_id, title in found if movie_id and title.title}


def _require_lines(rows: "_csv.Reader") -> Iterator[Sequence[str]]:
    """Yield the rows; raise `ValueError` with the line of one that has a line end or unmatched quotation marks."""
    line = rows.line_num
    try:
        for row in rows:
            if rows.line_num > line + 1:
                raise csv.Error("goes on over a line end")
            line = rows.line_num
            yield row
    except csv.Error as error:
        raise ValueError(f"line {line + 1}: {error} (check the quotation marks)") from error


def _find_columns(names: Sequence[str]) -> Mapping[str, int]:
    """Return the places of the known columns; raise `ValueError` if the id or the title has none."""
    known = {name.strip().lower(): place for place, name in reversed(list(enumerate(names)))}
    if missing := [name for name in COLUMNS[:2] if name not in known]:
        raise ValueError(f"has no column {' and no column '.join(missing)}")
    return {name: known[name] for name in COLUMNS if name in known}


def _read_row(row: Sequence[str], places: Mapping[str, int]) -> tuple[str, Title]:
    """Return the id and the title of a row, with white space of the title as single spaces."""
    cells = {name: row[place] if place < len(row) else "" for name, place in places.items()}
    year = cells.get("year", "").strip()
    title = " ".join(cells["title"].split())
    return cells["movie_id"].strip(), Title(title, year if _YEAR.fullmatch(year) else "")
