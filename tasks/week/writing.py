"""Writes the pages of weeks beside the reports: one that is asked for, or those that are over and have none yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from data_contracts.storage.durable import make_folder, write_whole
from data_contracts.storage.home import Home
from tasks.pages.titles import Title, read_titles
from tasks.pages.writing import write_page
from tasks.queries.run_query import MOST_MEMORY, ask_published
from tasks.report.writing import require_nothing_forgotten
from tasks.site.page_names import link_served
from tasks.site.pages import INDEX
from tasks.support.locking import hold_folder
from tasks.week.due_weeks import RECORD, Week, find_due_weeks
from tasks.week.facts import WeekFacts, read_week
from tasks.week.rendering import describe_week, name_movie, render_week

_HAS_BEGUN = "SELECT count(*) > 0 AS has_begun FROM scored_files WHERE committed_at < $end"


@dataclass(frozen=True)
class WeekPage:
    """The page of a week, and what it says in a few sentences."""

    week: Week
    path: Path
    page: str
    summary: str
    has_begun: bool = True
    """Whether the first file of the home came before the end of the week."""


def write_week(home: Home, week: Week, *, is_served: bool = False) -> WeekPage:
    """Write the page of a week beside the reports, in place of an older one; it links the site where that is served.

    Raises `UsageError` if the file of titles can't be read, `WarehouseError` if nothing has been published, and
    `SourceError` if the page can't be written, or a review on it was forgotten meanwhile.
    """
    made = _make_page(home, week, is_served)
    write_page(made.path, made.page)
    require_nothing_forgotten(home, made.path)
    return made


def write_due_weeks(home: Home, now: datetime | None = None, *, is_served: bool = False) -> list[WeekPage]:
    """Write the pages of the weeks that are over and have none yet, and return them, the oldest first.

    A record says up to which week they are written, so that a page which was deleted is not written again. It comes
    after the pages: a killed run leaves pages that the next one replaces.
    """
    due = find_due_weeks(home, now)
    made = [_make_page(home, week, is_served) for week in due]
    make_folder(home.reports)
    with hold_folder(home.reports):
        if find_due_weeks(home, now) != due:
            return []  # another run has written them meanwhile
        for each in made:
            _write(each.path, each.page)
            require_nothing_forgotten(home, each.path)
        if due:
            _write(home.reports / RECORD, f"{due[-1].name}\n")
    return made


def _write(path: Path, content: str) -> None:
    """Write a file completely or not at all, while the lock on its folder is held."""
    with write_whole(path) as building:
        building.write_bytes(content.encode("utf-8", "replace"))


def _make_page(home: Home, week: Week, is_served: bool) -> WeekPage:
    """Read the facts of a week, and render its page."""
    titles = read_titles(home.titles)
    with ask_published(home.published, MOST_MEMORY) as ask:
        facts = read_week(ask, week)
        [begun] = ask(_HAS_BEGUN, {"end": week.end})
    names = _name_movies(facts, titles)
    pages = {each.movie_id: f"../site/{link_served(each.movie_id)}" for each in facts.moved if is_served}
    page = render_week(facts, names, pages, f"../site/{INDEX}" if is_served else None)
    return WeekPage(
        week, home.reports / name_week_page(week), page, describe_week(facts, names), begun["has_begun"]
    )


def name_week_page(week: Week) -> str:
    """Return the name of the file with the page of a week."""
    return f"week-{week.name}.html"


def _name_movies(facts: WeekFacts, titles: Mapping[str, Title]) -> dict[str, str]:
    """Return the names of the movies that moved, by their id."""
    return {each.movie_id: name_movie(each.movie_id, titles.get(each.movie_id)) for each in facts.moved}
