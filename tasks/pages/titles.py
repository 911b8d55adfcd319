"""The titles that a user gives to movies: `titles.csv` of the home, with the columns movie_id, title and year."""

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data_contracts.errors import UsageError
from tasks.pages.formatting import cut_name
from tasks.pages.page_names import show_id
from tasks.support.wording import escape_controls

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


def name_movie(titles: Mapping[str, Title], movie_id: str) -> str:
    """Return the name of a movie: its title with its year or, where the user gave none, its id."""
    if movie_id not in titles:
        return show_id(movie_id)
    title = titles[movie_id]
    return f"{cut_name(title.title)}{f' ({title.year})' if title.year else ''}"


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
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(SEPARATORS, key=head.count), strict=True)
    names = [name.strip().lower() for name in next(rows, [])]
    if missing := [name for name in COLUMNS[:2] if name not in names]:
        raise ValueError(f"has no column {' and no column '.join(missing)}")
    titles = {}
    try:
        for row in rows:
            cells = {name: " ".join(cell.split()) for name, cell in zip(names, row, strict=False)}
            movie_id, title, year = (cells.get(name, "") for name in COLUMNS)
            if movie_id and title:
                titles[movie_id] = Title(title, year if _YEAR.fullmatch(year) else "")
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num}: {error} (check the quotation marks)") from error
    return titles
