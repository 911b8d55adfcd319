"""Reads what the overview shows from the published copy: over time, by source, and the newest runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from data_contracts.queries import read_named
from tasks.pages.sections import Row
from tasks.queries.run_query import Ask

RUNS_SHOWN, SOURCES_SHOWN = 20, 50
DAYS_UP_TO, WEEKS_UP_TO, MONTHS_UP_TO = 45, 280, 1300
"""Most days between the first and the last for which figures are shown by day, by week, and by month."""

# Under the names of the views, so that the queries which follow read these instead of all scores.
_KEEP_DAYS = ("daily_scores", "live_accuracy")
_FIND_SPAN = """
SELECT min(day) AS first, greatest(max(day), $today) AS last
FROM (SELECT day FROM daily_scores UNION ALL SELECT day FROM source_days)
"""
_FIND_PERIOD = "SELECT date_trunc($step, $today::DATE)::DATE AS first"
_Values = dict[str | None, dict[date, Any]]
"""Values by source and period."""


@dataclass(frozen=True)
class Timeline:
    """Figures over time, by source: the periods that are over, each named by its first day, and their values."""

    step: str
    """'day', 'week', 'month' or 'year'."""
    periods: Sequence[date]
    arrived: Mapping[str | None, Mapping[date, Any]]
    """The rows that came; under None."""
    positive: Mapping[str | None, Mapping[date, Any]]
    """The share of positive reviews among those scored, by source."""
    accuracy: Mapping[str | None, Mapping[date, Any]]
    """The share of reviews called right among those whose writers gave a verdict, by source."""
    drifted: Mapping[str | None, Mapping[date, Any]]
    """The measures that drifted, by what they were compared with."""


@dataclass(frozen=True)
class OverviewFacts:
    """What the overview shows."""

    totals: Row
    """Of the current reviews that count, and how many do not."""
    timeline: Timeline
    sources: Sequence[Row]
    """The largest first; figures of their current reviews."""
    runs: Sequence[Row]
    """The newest first; `counts` are a dict."""


def keep_days(ask: Ask) -> None:
    """Sum by day what models scored, for the queries of this connection."""
    for view in _KEEP_DAYS:
        ask(f"CREATE TEMP TABLE {view} AS FROM {view}")


def read_overview(ask: Ask, today: date | None = None) -> OverviewFacts:
    """Read what the overview shows; `today` is by default that of UTC; needs `keep_days`."""
    totals, *sources = ask(read_named("source-figures").sql) or [{"reviews": 0, "not_counted": 0}]
    runs = ask(read_named("run-history").sql, {"flow": None, "limit": RUNS_SHOWN})
    return OverviewFacts(
        totals=totals,
        timeline=_read_timeline(ask, today or datetime.now(UTC).date()),
        sources=sources[:SOURCES_SHOWN],
        runs=[{**row, "counts": json.loads(row["counts"] or "{}")} for row in runs],
    )


def _read_timeline(ask: Ask, today: date) -> Timeline:
    """Read the figures over time, in steps that leave a few dozen periods.

    The present period is left out: as it is not over, it would look like a fall.
    """
    [span] = ask(_FIND_SPAN, {"today": today})
    step = choose_step(span["first"], span["last"]) if span["first"] else "day"
    [present] = ask(_FIND_PERIOD, {"step": step, "today": today})
    rows = [
        row
        for row in ask(read_named("figures-over-time").sql, {"step": step})
        if row["period"] < present["first"]
    ]
    periods = sorted({row["period"] for row in rows if row["measure"] in {"arrived", "positive"}})
    measures = ("arrived", "positive", "accuracy", "drifted")
    return Timeline(step, periods, *(_group(rows, measure, periods) for measure in measures))


def choose_step(first: date, last: date) -> str:
    """Return the step of figures between two days."""
    days = (last - first).days
    limits = {"day": DAYS_UP_TO, "week": WEEKS_UP_TO, "month": MONTHS_UP_TO}
    return next((step for step, limit in limits.items() if days <= limit), "year")


def _group(rows: Sequence[Row], measure: str, periods: Sequence[date]) -> _Values:
    """Return the values of a measure in these periods by source and period."""
    grouped: _Values = {}
    for row in rows:
        if row["measure"] == measure and row["period"] in periods:
            grouped.setdefault(row["source"], {})[row["period"]] = row["value"]
    return grouped


def name_period(period: date, step: str) -> str:
    """Return the name of a period by its first day."""
    if step == "year":
        return f"{period:%Y}"
    return f"{period:%b %Y}" if step == "month" else f"{period:%d %b}".lstrip("0")
