"""Reads and draws all that the overview shows, apart from the movies."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from data_contracts.storage.home import Home
from tasks.pages.svg_charts import Chart
from tasks.queries.answers import Ask
from tasks.report.writing import name_report
from tasks.site.attention import Concern, find_concerns
from tasks.site.kept_charts import find_charts
from tasks.site.overview_facts import OverviewFacts, read_overview

WEEKS_LINKED = 8
_WEEK_PAGE = re.compile(r"week-([0-9]{4}-W[0-9]{2})\.html")
"""The names of the pages of weeks, which `tasks/week/` writes."""


@dataclass(frozen=True)
class Overview:
    """What the overview shows besides movies."""

    facts: OverviewFacts
    concerns: Sequence[Concern]
    charts: Sequence[Chart]
    reports: Mapping[str, str]
    """The names of the files of the reports that there are, by run id."""
    weeks: Mapping[str, str]
    """The names of the files with the newest pages of weeks, by the week."""


def make_overview(ask: Ask, home: Home) -> Overview:
    """Read what the overview shows, and draw its charts."""
    facts = read_overview(ask, folder=home.site)
    there = {path.name for path in home.reports.glob("*.html")}
    reports = {run["run_id"]: name_report(run["run_id"]) for run in facts.runs}
    return Overview(
        facts,
        find_concerns(ask, home),
        find_charts(home.site, facts.timeline, [row["source"] for row in facts.sources]),
        {run_id: name for run_id, name in reports.items() if name in there},
        _find_weeks(there),
    )


def _find_weeks(there: Collection[str]) -> dict[str, str]:
    """Return those of the files beside the reports that are the newest pages of weeks, by the week."""
    found = {match[1]: name for name in there if (match := _WEEK_PAGE.fullmatch(name))}
    return {week: found[week] for week in sorted(found, reverse=True)[:WEEKS_LINKED]}
