"""Tests of the titles that a user gives: any content is titles, or is refused; and of the names of movies' pages."""

import csv
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data_contracts.errors import UsageError
from tasks.pages.page_names import name_page
from tasks.pages.titles import Title, parse_titles, read_titles
from tests.conftest import PROJECT_ROOT
from tests.support.sites import make_site_home


@pytest.mark.parametrize(
    "text",
    [
        "movie_id,title,year\ntt1,The Film,1999\n",
        "\ufeffYear;Title;Movie_ID\r\n1999;The  Film;tt1\r\n",
        'movie_id\ttitle\tmore\tyear\ntt1\t"The  Film"\tx\t1999',
        "movie_id,title,year\ntt1,Old,1888\ntt1,The Film,1999\n,No id,2000\ntt2,,2000\n",
    ],
)
def test_titles_are_read_by_the_names_of_their_columns(text: str, tmp_path: Path) -> None:
    path = tmp_path / "titles.csv"
    path.write_bytes(text.encode())
    assert read_titles(path) == {"tt1": Title("The Film", "1999")}


def test_duckdb_itself_joins_the_titles_as_a_page_shows(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = make_site_home(tmp_path / "home")
    home.titles.write_text("movie_id,title,year\ntt0000001,The Film,1999\n")
    page = (PROJECT_ROOT / "docs" / "queries.md").read_text("utf-8")
    [code] = re.findall(r"```python\n(import duckdb\n.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code.replace("data/demo", str(home.folder)), names)
    names["published"].close()
    assert re.search(r"The Film\W+2\W", capfd.readouterr().out)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"movie_id,title\ntt1,caf\xe9", "is not UTF-8"),
        (b"id,name\n1,x", "has no column movie_id and no column title"),
        (b'movie_id,title\ntt1,A\ntt2,"B\ntt3,C\n', "unexpected end of data .check the quotation marks"),
        (b'movie_id,title\ntt1,A\ntt2,"B" C\n', "line 3: .* expected after"),
        (b'movie_id,title\ntt1,"' + b"x" * 200_000, "field larger than field limit"),
    ],
)
def test_a_file_that_has_no_titles_is_named_with_the_next_step(
    content: bytes, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "titles.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=rf"titles\.csv: .*{says}.*Next: save it as CSV in UTF-8"):
        read_titles(path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_regular_file_is_refused_not_waited_for(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "titles.csv")
    with pytest.raises(UsageError, match=r"titles\.csv: is no regular file\. Next"):
        read_titles(tmp_path / "titles.csv")


@given(st.text(st.sampled_from('movie_id,title;year\t"\n\r1\x00é\u2028'), max_size=60))
@example('movie_id,title\n"\x00",\x00')
def test_any_text_is_titles_or_is_refused(text: str) -> None:
    try:
        found = parse_titles(f"movie_id,title,year\n{text}")
    except (ValueError, csv.Error):
        return
    assert all(key and each.title and "\n" not in each.title for key, each in found.items())


@given(st.text(max_size=80), st.text(max_size=80))
@example("../../etc/passwd", "..")
@example("con", "nul")
@example("tt0000001", "TT0000001")
@example("MOVIE", "COM1")
@example("B00ID7", "b00id7-capitals")
@example("\ud800", "\x00")
def test_a_page_has_a_safe_name_and_no_two_movies_have_one(one: str, other: str) -> None:
    names = [name_page(one), name_page(other)]
    safe = "(?!com|lpt)[a-z]{0,12}[0-9]{1,40}|[a-z0-9]{1,40}-capitals|movie-[0-9a-f]{32}"
    assert all(re.fullmatch(safe, name) for name in names)
    assert (names[0] == names[1]) == (one == other)
