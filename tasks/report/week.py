"""Writes the pages of weeks beside the reports: one that is asked for, or the last one if it has none yet.

The page of a week says what came in, which movies moved, what drifted, and what the model got wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from data_contracts.storage.home import Home
from tasks.pages.cells import Place
from tasks.pages.formatting import format_moment, format_number, format_share
from tasks.pages.page_names import INDEX, link_served
from tasks.pages.sections import Answers, Part, Rows, Section
from tasks.pages.titles import Title, name_movie, read_titles
from tasks.queries.run_query import MOST_MEMORY, ask_published
from tasks.report.verdict import tell_verdicts
from tasks.report.weeks import Week
from tasks.report.writing import write_page
from tasks.support.wording import count

MOVIES_NAMED, SOURCES_NAMED = 3, 5
"""Most movies that moved, and sources that drifted, in the sentences."""
NAME_CHARACTERS = 60
"""Most characters of a name in the sentences."""
_PLAIN = frozenset(" .,;'’!?()–-")
"""What a name in the sentences may have besides letters and digits: programs for chats act on other characters, such as
those of links, of markup, and of mentions that call people."""


def _tell_rest(rows: Rows) -> str:
    """Return what became of the rows that came in and are no reviews of the page; '' if there are none."""
    parts = (
        ("rows_quarantined", "in quarantine at the end of the week"),
        ("rows_replaced", "in files that later ones replaced"),
        ("rows_forgotten", "forgotten"),
        ("rows_not_counted", "not in English, scored but not counted"),
    )
    found = ((rows[0][name], where) for name, where in parts)
    named = [f"{rows:,} {'is' if rows == 1 else 'are'} {where}" for rows, where in found if rows]
    return f"Of the other rows that came in, {', '.join(named)}." if named else ""


SECTIONS = (
    Section(
        "In figures", "week-figures", _tell_rest, "figures", "rows, rows_the_week_before, reviews, files, files_refused"
    ),
    Section(
        "What came in", "period-sources", tell_verdicts,
        columns="source, reviews, share_positive, stars, share_called_right, judged=of reviews, stars_off",
        empty="No review of this week was scored.",
    ),
    Section(
        "Movies that moved", "period-movies",
        empty="No movie with reviews of this week had enough of them, both before it and at its end, to be compared.",
    ),
    Section(
        "What drifted", "week-drift",
        "Measures in which reviews were unlike those on which the model was tested or, of a source, unlike its own "
        "past. The values are of the last time; `reviews report RUN` shows them in full.",
        empty="Nothing: no measure that was checked in this week was found to have drifted.",
    ),
    Section(
        "What the model got wrong", "period-reviews",
        "Reviews of which the model was surest, and whose writers say the opposite; they may be wrong too.",
        "reviews", given={"kind": "surely wrong", "limit": 6},
        empty="Nothing, as far as writers gave a label or a clear rating.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class WeekPage:
    """The page of a week, and what it says in a few sentences."""

    week: Week
    path: Path
    summary: str
    has_begun: bool = True
    """Whether the first file of the home came before the end of the week."""


def write_week(home: Home, week: Week, *, is_served: bool = False) -> WeekPage:
    """Write the page of a week beside the reports, in place of an older one; it links the site where that is served.

    Raises `UsageError` if the file of titles can't be read, `WarehouseError` if nothing has been published, and
    `SourceError` if the page can't be written, or a review on it was forgotten meanwhile.
    """
    titles, path = read_titles(home.titles), home.reports / week.page
    with ask_published(home.published, MOST_MEMORY) as ask:
        parts = read_week(Answers(ask, {"week": week.name}))
    write_page(home, path, render_week(week, parts, titles, is_served))
    return WeekPage(week, path, describe_week(week, parts, titles), bool(parts[0].rows[0]["has_begun"]))


def read_week(answers: Answers) -> list[Part]:
    """Read the sections of the page of a week."""
    return [answers.read(section) for section in SECTIONS]


def render_week(week: Week, parts: list[Part], titles: Mapping[str, Title], is_served: bool) -> str:
    """Return the page of a week; where the site is served, it links its movies and first page."""
    from tasks.pages.rendering import Frame, render_page  # loads Jinja

    [figures], now = parts[0].rows, datetime.now(UTC)
    frame = Frame(
        heading=f"{count(figures['rows'], 'row')} came in",
        eyebrow=f"The week {week.name}, {figures['days']}, in UTC",
        title=f"The week {week.name}",
        meta="The week is not over: this is what came until the page was written." if now < week.end else "",
        foot=f"reviews report --week {week.name}, {format_moment(now)}",
        links=((f"../site/{INDEX}", "Overview of all reviews"),) if is_served else (),
    )
    links = {"movie_id": lambda movie_id: f"../site/{link_served(movie_id)}"} if is_served else {}
    return render_page(frame, parts, Place(names={"movie_id": partial(name_movie, titles)}, links=links))


def describe_week(week: Week, parts: list[Part], titles: Mapping[str, Title]) -> str:
    """Return what a week brought in a few sentences, in which names are letters, digits and marks of plain text."""
    [figures], sources, movies, drifted = (part.rows for part in parts[:4])
    files = figures["files"] + figures["files_replaced"]
    came = f"{count(figures['rows'], 'row')} of {count(files, 'file')} came in"
    sentences = [
        f"{week.name} ({figures['days']}): {came}, after {figures['rows_the_week_before']:,} in the week before"
    ]
    if figures["reviews"]:
        sentences.append(f"{format_share(sources[0]['share_positive'])} of the reviews are positive")
    if movies:
        moved = (
            f"{make_plain(name_movie(titles, row['movie_id']))} from {format_number(row['before'], 1)} to "
            f"{format_number(row['after'], 1)} stars"
            for row in movies[:MOVIES_NAMED]
        )
        sentences.append(f"Moved most: {', '.join(moved)}")
    names = list(dict.fromkeys(row["source"] for row in drifted))
    named = [make_plain(source) if source else "all reviews of a run" for source in names]
    more = f" and {len(named) - SOURCES_NAMED} more" if len(named) > SOURCES_NAMED else ""
    sentences.append(f"Drifted: {', '.join(named[:SOURCES_NAMED])}{more}" if named else "Nothing drifted")
    if sources and sources[0]["judged"]:
        right, of = format_share(sources[0]["share_called_right"]), count(sources[0]["judged"], "review")
        sentences.append(f"Called right: {right} of {of} with the writer's verdict")
    return ". ".join(sentences).replace("\N{NO-BREAK SPACE}", " ") + "."


def make_plain(name: str) -> str:
    """Return a name from outside as plain text of letters, digits and a few marks; a point stands for any other."""
    plain = "".join(each if each.isalnum() or each in _PLAIN else "·" for each in name[:NAME_CHARACTERS])
    return f"{plain}…" if len(name) > NAME_CHARACTERS else plain
