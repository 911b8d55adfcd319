"""Reads and draws all that the overview shows."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from data_contracts.storage.home import Home
from tasks.findings.recorded import LIST_OPEN, make_findings
from tasks.findings.rendering import Shown, show_on_page
from tasks.pages.sections import Row
from tasks.pages.svg_charts import Chart
from tasks.pages.titles import Title
from tasks.queries.run_query import Ask
from tasks.report.writing import name_report
from tasks.site.models_page.facts import list_models
from tasks.site.movie_facts import Movie, count_movies, find_movies, keep_movies
from tasks.site.movie_search import ENOUGH_REVIEWS, Search
from tasks.site.overview_charts import draw_timeline
from tasks.site.overview_facts import OverviewFacts, keep_days, read_overview

WEEKS_LINKED = 8
MOVIES_LISTED = 10
MODELS_LISTED = 5
_WEEK_PAGE = re.compile(r"week-([0-9]{4}-W[0-9]{2})\.html")
"""The names of the pages of weeks, which `tasks/report/week.py` writes."""


@dataclass(frozen=True)
class Overview:
    """What the overview shows."""

    facts: OverviewFacts
    findings: Sequence[Shown]
    charts: Sequence[Chart]
    movies: int
    lists: Mapping[str, Sequence[Movie]]
    """The movies that their reviews rate 'best' and 'worst', of those with enough reviews, and the 'most' reviewed."""
    models: Sequence[Row]
    reports: Mapping[str, str]
    """The names of the files of the reports that there are, by run id."""
    weeks: Mapping[str, str]
    """The names of the files with the newest pages of weeks, by the week."""


def make_overview(ask: Ask, home: Home, titles: Mapping[str, Title]) -> Overview:
    """Read what the overview shows, and draw its charts."""
    keep_days(ask)
    keep_movies(ask, titles)
    facts = read_overview(ask)
    searches = {
        "best": Search(at_least=ENOUGH_REVIEWS, sort="stars", limit=MOVIES_LISTED),
        "worst": Search(at_least=ENOUGH_REVIEWS, sort="stars", is_ascending=True, limit=MOVIES_LISTED),
        "most": Search(limit=MOVIES_LISTED),
    }
    there = {path.name for path in home.reports.glob("*.html")}
    reports = {run["run_id"]: name_report(run["run_id"]) for run in facts.runs}
    return Overview(
        facts,
        show_on_page(make_findings(ask(LIST_OPEN)), home.folder),
        draw_timeline(facts.timeline, [row["source"] for row in facts.sources]),
        count_movies(ask),
        {name: find_movies(ask, search) for name, search in searches.items()},
        list_models(ask, home)[:MODELS_LISTED],
        {run_id: name for run_id, name in reports.items() if name in there},
        _find_weeks(there),
    )


def _find_weeks(there: Collection[str]) -> dict[str, str]:
    """Return those of the files beside the reports that are the newest pages of weeks, by the week."""
    found = {match[1]: name for name in there if (match := _WEEK_PAGE.fullmatch(name))}
    return {week: found[week] for week in sorted(found, reverse=True)[:WEEKS_LINKED]}
