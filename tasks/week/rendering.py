"""Renders the page of a week, and the few sentences that a webhook gets."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.pages.formatting import cut_name, format_number, format_share
from tasks.pages.jinja_setup import make_environment
from tasks.pages.titles import Title
from tasks.report.names_and_commands import name_measure
from tasks.site.movie_page_parts import format_reviews
from tasks.site.page_names import show_id
from tasks.support.wording import count
from tasks.week.facts import WeekFacts

if TYPE_CHECKING:
    import jinja2

MOVIES_NAMED, SOURCES_NAMED = 3, 5
"""Most movies that moved, and sources that drifted, in the sentences."""
NAME_CHARACTERS = 60
"""Most characters of a name in the sentences."""
_PLAIN = frozenset(" .,;'’!?()–-")
"""What a name in the sentences may have besides letters and digits: programs for chats act on other characters, such as
those of links, of markup, and of mentions that call people."""


def render_week(
    facts: WeekFacts, names: Mapping[str, str], pages: Mapping[str, str], overview: str | None
) -> str:
    """Return the page of a week; `names` and `pages` have the names and the addresses of movies, by their id.

    `overview` is the address of the site's first page, if it is served.
    """
    return (
        _make_environment()
        .get_template("week.html")
        .render(
            facts=facts,
            week=facts.week,
            days=name_days(facts),
            rest=describe_rest(facts),
            wrong=format_reviews(facts.wrong),
            names=names,
            pages=pages,
            overview=overview,
            written_at=datetime.now(UTC),
        )
    )


def name_movie(movie_id: str, title: Title | None) -> str:
    """Return the title of a movie, else its id."""
    return cut_name(title.title) if title else show_id(movie_id)


def name_days(facts: WeekFacts) -> str:
    """Return the first and the last day of the week in words."""
    first, last = facts.week.first_day, facts.week.last_day
    begins = f"{first.day}" if first.month == last.month else f"{first.day} {first:%B}"
    begins += f" {first.year}" if first.year != last.year else ""
    return f"{begins} to {last.day} {last:%B} {last.year}"


def describe_week(facts: WeekFacts, names: Mapping[str, str]) -> str:
    """Return what a week brought in a few sentences, in which names are letters, digits and marks of plain text."""
    totals, given = facts.totals, facts.given
    files = totals["files"] + totals["files_replaced"]
    came = f"{count(facts.rows['during'], 'row')} of {count(files, 'file')} came in"
    sentences = [
        f"{facts.week.name} ({name_days(facts)}): {came}, after {facts.rows['before']:,} in the week before"
    ]
    if totals["reviews"]:
        sentences.append(f"{format_share(totals['share_positive'])} of the reviews are positive")
    if facts.moved:
        moved = (
            f"{make_plain(names[each.movie_id])} from {format_number(each.before, 1)} to "
            f"{format_number(each.after, 1)} stars"
            for each in facts.moved[:MOVIES_NAMED]
        )
        sentences.append(f"Moved most: {', '.join(moved)}")
    sources = list(dict.fromkeys(row["source"] for row in facts.drifted))
    drifted = [make_plain(source) if source else "all reviews of a run" for source in sources]
    more = f" and {len(drifted) - SOURCES_NAMED} more" if len(drifted) > SOURCES_NAMED else ""
    sentences.append(f"Drifted: {', '.join(drifted[:SOURCES_NAMED])}{more}" if drifted else "Nothing drifted")
    if given["labelled"]:
        right = format_share(given["share_agreeing"])
        sentences.append(
            f"Called right: {right} of {count(given['labelled'], 'review')} with the writer's verdict"
        )
    return ". ".join(sentences).replace("\N{NO-BREAK SPACE}", " ") + "."


def describe_rest(facts: WeekFacts) -> str:
    """Return what became of the rows that came in and are no reviews of the page, as a sentence; empty without any."""
    totals = facts.totals
    parts = (
        (totals["rows_quarantined"], "in quarantine at the end of the week"),
        (totals["rows_replaced"], "in files that later ones replaced"),
        (totals["rows_forgotten"], "forgotten"),
        (totals["rows_not_counted"], "not in English, scored but not counted"),
    )
    named = [f"{rows:,} {'is' if rows == 1 else 'are'} {where}" for rows, where in parts if rows]
    return f"Of the other rows that came in, {', '.join(named)}." if named else ""


def make_plain(name: str) -> str:
    """Return a name from outside as plain text of letters, digits and a few marks; a point stands for any other."""
    plain = "".join(each if each.isalnum() or each in _PLAIN else "·" for each in name[:NAME_CHARACTERS])
    return f"{plain}…" if len(name) > NAME_CHARACTERS else plain


@cache
def _make_environment() -> "jinja2.Environment":
    """Return the Jinja environment of the page."""
    return make_environment(Path(__file__).parent / "templates", measure=name_measure)
