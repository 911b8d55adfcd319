"""Reads and draws all that the overview shows, apart from the movies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data_contracts.storage.home import Home
from tasks.pages.svg_charts import Chart
from tasks.queries.answers import Ask
from tasks.report.writing import name_report
from tasks.site.attention import Concern, find_concerns
from tasks.site.kept_charts import find_charts
from tasks.site.overview_facts import OverviewFacts, read_overview


@dataclass(frozen=True)
class Overview:
    """What the overview shows besides movies."""

    facts: OverviewFacts
    concerns: Sequence[Concern]
    charts: Sequence[Chart]
    reports: Mapping[str, str]
    """The names of the files of the reports that there are, by run id."""


def make_overview(ask: Ask, home: Home) -> Overview:
    """Read what the overview shows, and draw its charts."""
    facts = read_overview(ask)
    there = {path.name for path in home.reports.glob("*.html")}
    reports = {run["run_id"]: name_report(run["run_id"]) for run in facts.runs}
    return Overview(
        facts,
        find_concerns(ask, home),
        find_charts(home.site, facts.timeline, [row["source"] for row in facts.sources]),
        {run_id: name for run_id, name in reports.items() if name in there},
    )
