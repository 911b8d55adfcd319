"""Reads and draws all that the overview and the page of the models show, apart from the movies."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from data_contracts.storage.home import Home
from tasks.pages.svg_charts import Chart
from tasks.queries.run_query import Ask
from tasks.report.writing import name_report
from tasks.site.attention import Concern, find_concerns
from tasks.site.kept_charts import MODELS, OVERVIEW, find_charts
from tasks.site.models_page.charts import MODELS_DRAWN, draw_models
from tasks.site.models_page.facts import ModelsFacts, read_models
from tasks.site.overview_charts import draw_timeline
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
    models: ModelsFacts
    model_charts: Sequence[Chart]


def make_overview(ask: Ask, home: Home) -> Overview:
    """Read what the two pages show, and draw their charts."""
    facts, models = read_overview(ask, folder=home.site), read_models(ask, home)
    there = {path.name for path in home.reports.glob("*.html")}
    reports = {run["run_id"]: name_report(run["run_id"]) for run in facts.runs}
    return Overview(
        facts,
        find_concerns(ask, home),
        _find_timeline_charts(home, facts),
        {run_id: name for run_id, name in reports.items() if name in there},
        _find_weeks(there),
        models,
        _find_model_charts(home, models),
    )


def _find_timeline_charts(home: Home, facts: OverviewFacts) -> tuple[Chart, ...]:
    """Return the charts of figures over time."""
    sources = [row["source"] for row in facts.sources]
    figures = (facts.timeline, sources)
    return find_charts(home.site / OVERVIEW, figures, lambda: draw_timeline(facts.timeline, sources))


def _find_model_charts(home: Home, facts: ModelsFacts) -> tuple[Chart, ...]:
    """Return the charts of the first models."""
    figures = [(row["model_id"], row["evaluations"]) for row in facts.models[:MODELS_DRAWN]]
    return find_charts(home.site / MODELS, figures, lambda: draw_models(facts.models))


def _find_weeks(there: Collection[str]) -> dict[str, str]:
    """Return those of the files beside the reports that are the newest pages of weeks, by the week."""
    found = {match[1]: name for name in there if (match := _WEEK_PAGE.fullmatch(name))}
    return {week: found[week] for week in sorted(found, reverse=True)[:WEEKS_LINKED]}
