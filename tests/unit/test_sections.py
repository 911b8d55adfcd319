"""Tests of sections: everything on a page is the answer of a named query, which its reader can ask too."""

import html
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from data_contracts.queries import list_names, read_named
from data_contracts.storage.home import Home
from tasks.pages.cells import Place, format_cell
from tasks.pages.looks import show_table, show_words
from tasks.pages.sections import Answers, Part, Section
from tasks.pages.svg_charts import Caption, Series, draw_bars
from tasks.queries.named_queries import read_values
from tasks.report import scoring, training, week
from tasks.report.run_choice import SCORING
from tasks.report.writing import read_report
from tasks.site import models, movie, overview
from tests.support.report_homes import HOSTILE, NEXT_RUN, asking
from tests.support.weeks import WEEK, make_week_home

PAGES = (
    *week.SECTIONS,
    *scoring.SECTIONS,
    *training.SECTIONS,
    *overview.SECTIONS,
    *models.SECTIONS,
    *movie.SECTIONS,
)
"""The sections of all pages."""


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Home]:
    """A home for each page, in which its queries have rows."""
    return {"week": make_week_home(tmp_path_factory.mktemp("week"))}


def list_parts(homes: dict[str, Home]) -> Iterator[tuple[Home, Part]]:
    """Yield the sections of all pages with their rows."""
    with asking(homes["week"].folder) as ask:
        yield from ((homes["week"], part) for part in week.read_week(Answers(ask, {"week": WEEK.name})))
    with asking(homes["week"].folder) as ask:
        yield from ((homes["week"], part) for part in read_report(ask, NEXT_RUN, SCORING))
    with asking(homes["week"].folder) as ask:
        for part in (*overview.read_overview(Answers(ask)), *models.read_models(Answers(ask))):
            yield homes["week"], part
    with asking(homes["week"].folder) as ask:
        yield from ((homes["week"], part) for part in movie.read_movie(Answers(ask), "tt1") or ())


def ask_command(home: Path, command: str) -> list[dict[str, object]]:
    """Return the answer of a command that stands in a section, as `reviews sql` gives it."""
    _, _, name, *values = shlex.split(command)
    query = read_named(name)
    with asking(home) as ask:
        return ask(query.sql, read_values(query, [each for each in values if each != "--param"]))


@pytest.mark.slow
def test_what_a_section_shows_is_what_its_query_answers(homes: dict[str, Home]) -> None:
    for home, part in list_parts(homes):
        assert ask_command(home.folder, part.command) == part.rows, part.command
        assert not part.rows or {name for name, _ in part.columns} <= {*part.rows[0]}


def test_every_query_of_pages_is_shown_or_read_by_one_that_is() -> None:
    shown = {
        name
        for section in PAGES
        for name in (section.query, *[each.name for each in read_named(section.query).reads])
    }
    assert set(list_names(of_pages=True)) <= shown


def test_values_are_shown_as_words_and_never_as_markup() -> None:
    place = Place(names={"movie_id": lambda text: text})
    rows = [HOSTILE]
    shown = str(show_table(Part(Section("A & b", "none"), rows, ""), place))
    assert set(re.findall(r"<(\w+)", shown)) <= {"div", "table", "thead", "tr", "th", "tbody", "td", "span"}
    assert "\u202e" not in shown
    assert HOSTILE["script"] in html.unescape(shown)
    assert str(show_words("`reviews` <b>")) == '<p class="note"><code>reviews</code> &lt;b&gt;</p>'
    assert format_cell("movie_id", "<i>", place) == "&lt;i&gt;"


def test_a_chart_escapes_its_words_and_its_series_differ_by_more_than_colour() -> None:
    bars = [Series(f"series {number}", [1.0, float(number)]) for number in range(2)]
    svg = draw_bars(Caption("scores", "A & b", "Says <this>.", ("x", "y")), ["a", "b <c>"], bars)
    assert '<title id="scores-title">A &amp; b</title>' in svg
    assert '<desc id="scores-summary">Says &lt;this&gt;.</desc>' in svg
    assert "b &lt;c&gt;" in svg
    assert "<pattern" in svg
