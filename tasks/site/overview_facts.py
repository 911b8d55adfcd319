"""Reads what the overview shows from the published copy: over time, by source, and the newest runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tasks.queries.run_query import Ask
from tasks.report.run_choice import Row
from tasks.site.kept_days import make_days
from tasks.warehouse.tallies.score_sums import CAN_JUDGE, GIVEN_SENTIMENT

RUNS_SHOWN, SOURCES_SHOWN = 20, 50
DAYS_UP_TO, WEEKS_UP_TO, MONTHS_UP_TO = 45, 280, 1300
"""Most days between the first and the last for which figures are shown by day, by week, and by month."""

# The rows of latest_scores: a review that was sent again counts once. A table, so that they are read once. What a model
# may have learnt from does not judge it, as in live_accuracy.
_KEEP_CURRENT = f"""
CREATE TEMP TABLE current_reviews AS
WITH current AS (
    SELECT
        file_source AS source, best_sentiment AS sentiment, best_predicted_rating AS predicted_rating, best_scored_at,
        {CAN_JUDGE} AS can_judge,
        {GIVEN_SENTIMENT} AS verdict, CASE WHEN can_judge THEN verdict END AS label,
        CASE WHEN can_judge THEN given_rating END AS given_stars
    FROM source_reviews LEFT JOIN models ON model_id = best_model_id
    WHERE is_latest AND best_model_id IS NOT NULL
)
SELECT
    source, count(*) AS reviews, count(*) FILTER (sentiment = 'positive') AS positive, sum(predicted_rating) AS stars,
    count(verdict) - count(label) AS learnt, count(label) AS judged, count(*) FILTER (sentiment = label) AS "right",
    count(given_stars) AS rated, sum(abs(predicted_rating - given_stars)) AS stars_off,
    max(best_scored_at) AS last_scored_at
FROM current GROUP BY source
"""  # noqa: S608 (our own words)
_KEEP_UNCOUNTED = """
CREATE TEMP TABLE uncounted_reviews AS
SELECT file_source AS source, count(*) AS not_counted FROM source_reviews WHERE is_latest AND NOT counts GROUP BY source
"""
_COUNT = """
SELECT
    (SELECT coalesce(sum(not_counted), 0)::BIGINT FROM uncounted_reviews) AS not_counted,
    coalesce(sum(reviews), 0)::BIGINT AS reviews, sum(positive) / sum(reviews) AS share_positive,
    sum(stars) / sum(reviews) AS stars, coalesce(sum(judged), 0)::BIGINT AS judged,
    coalesce(sum(learnt), 0)::BIGINT AS learnt,
    sum("right") / nullif(sum(judged), 0) AS accuracy, max(last_scored_at) AS last_scored_at
FROM current_reviews
"""
_FIND_SPAN = """
SELECT min(day) AS first, greatest(max(day), $today) AS last
FROM (SELECT day FROM scored_days UNION ALL SELECT day FROM source_days)
"""
_FIND_PERIOD = "SELECT date_trunc($step, $today::DATE)::DATE AS first"
_COUNT_ARRIVED = """
SELECT date_trunc($step, day)::DATE AS period, NULL AS source, sum(rows)::BIGINT AS value FROM source_days GROUP BY ALL
"""
_SHARE_POSITIVE = """
SELECT date_trunc($step, day)::DATE AS period, source, sum(positive) / sum(rows) AS value FROM scored_days GROUP BY ALL
"""
_MEASURE_ACCURACY = """
SELECT date_trunc($step, day)::DATE AS period, source, sum("right") / sum(labelled) AS value
FROM scored_days WHERE labelled > 0 GROUP BY ALL
"""
_COUNT_DRIFTED = """
SELECT
    date_trunc($step, make_timestamp(epoch_us(checked_at)))::DATE AS period,
    CASE WHEN source IS NULL THEN 'from held-out reviews' ELSE 'from a source''s own past' END AS source,
    count(*) FILTER (NOT success) AS value
FROM contract_results WHERE boundary = 'drift' GROUP BY ALL
"""
_DESCRIBE_SOURCES = """
WITH known AS (SELECT source FROM scored_days UNION SELECT source FROM uncounted_reviews),
counted AS (
    SELECT
        source, reviews, judged, positive / reviews AS share_positive, stars / reviews AS stars,
        "right" / nullif(judged, 0) AS accuracy, stars_off / nullif(rated, 0) AS stars_off
    FROM current_reviews
),
sent AS (
    SELECT source, sum(files)::BIGINT AS files, max(last_file_at) AS last_file_at FROM source_days GROUP BY source
),
drifted AS (
    SELECT source, list(measure ORDER BY measure) FILTER (NOT success) AS drifted FROM (
        SELECT source, columns AS measure, success FROM contract_results WHERE boundary = 'drift' AND source IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY source, columns ORDER BY checked_at DESC) = 1
    ) GROUP BY source
)
SELECT
    * REPLACE (coalesce(reviews, 0) AS reviews, coalesce(not_counted, 0) AS not_counted),
    drifted.source IS NOT NULL AS is_compared
FROM known LEFT JOIN counted USING (source) LEFT JOIN uncounted_reviews USING (source) LEFT JOIN sent USING (source)
LEFT JOIN drifted USING (source) LEFT JOIN (SELECT source, is_late FROM deliveries) AS late USING (source)
ORDER BY reviews + not_counted DESC, source LIMIT $limit
"""
_LIST_RUNS = """
SELECT run_id, flow, status, started_at, ended_at, counts FROM runs ORDER BY started_at DESC, run_id LIMIT $limit
"""


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


def read_overview(ask: Ask, today: date | None = None, folder: Path | None = None) -> OverviewFacts:
    """Read what the overview shows; `today` is by default that of UTC, `folder` where figures of days are kept.

    Creates temporary tables, so it can be called only once for a connection.
    """
    ask(_KEEP_CURRENT)
    ask(_KEEP_UNCOUNTED)
    make_days(ask, folder)
    [totals] = ask(_COUNT)
    runs = [
        {**row, "counts": json.loads(row["counts"] or "{}")} for row in ask(_LIST_RUNS, {"limit": RUNS_SHOWN})
    ]
    return OverviewFacts(
        totals=totals,
        timeline=_read_timeline(ask, today or datetime.now(UTC).date()),
        sources=ask(_DESCRIBE_SOURCES, {"limit": SOURCES_SHOWN}),
        runs=runs,
    )


def _read_timeline(ask: Ask, today: date) -> Timeline:
    """Read the figures over time, in steps that leave a few dozen periods.

    The present period is left out: as it is not over, it would look like a fall. So charts stay the same within it.
    """
    [span] = ask(_FIND_SPAN, {"today": today})
    step = choose_step(span["first"], span["last"]) if span["first"] else "day"
    queries = (_COUNT_ARRIVED, _SHARE_POSITIVE, _MEASURE_ACCURACY, _COUNT_DRIFTED)
    arrived, positive, accuracy, drifted = (_group(ask(query, {"step": step})) for query in queries)
    [present] = ask(_FIND_PERIOD, {"step": step, "today": today})
    periods = sorted(
        period
        for period in {each for found in (arrived, positive) for values in found.values() for each in values}
        if period < present["first"]
    )
    return Timeline(
        step, periods, *(_keep(found, periods) for found in (arrived, positive, accuracy, drifted))
    )


def choose_step(first: date, last: date) -> str:
    """Return the step of figures between two days."""
    days = (last - first).days
    limits = {"day": DAYS_UP_TO, "week": WEEKS_UP_TO, "month": MONTHS_UP_TO}
    return next((step for step, limit in limits.items() if days <= limit), "year")


def _keep(found: Mapping[str | None, Mapping[date, Any]], periods: Sequence[date]) -> _Values:
    """Return the values of these periods."""
    kept = {
        source: {period: values[period] for period in periods if period in values}
        for source, values in found.items()
    }
    return {source: values for source, values in kept.items() if values}


def _group(rows: Sequence[Row]) -> _Values:
    """Return the values of rows by source and period."""
    grouped: _Values = {}
    for row in rows:
        grouped.setdefault(row["source"], {})[row["period"]] = row["value"]
    return grouped


def name_period(period: date, step: str) -> str:
    """Return the name of a period by its first day."""
    return (
        f"{period:%Y}"
        if step == "year"
        else f"{period:%b %Y}"
        if step == "month"
        else f"{period:%d %b}".lstrip("0")
    )


def last_moment(facts: OverviewFacts) -> datetime | None:
    """Return when the newest of what is shown was scored."""
    moment = facts.totals["last_scored_at"]
    return moment if isinstance(moment, datetime) else None
