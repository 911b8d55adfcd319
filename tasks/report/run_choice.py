"""Finds the run to report on, by its id, the beginning of its id, or as the newest run that did something."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data_contracts.errors import UsageError
from tasks.queries.run_query import Ask
from tasks.support.wording import escape_controls

LATEST = "latest"
SCORING, TRAINING = "score-reviews", "train-model"
"""The flows whose runs have a report."""
_LIST_RUNS = 'reviews sql "from runs order by started_at desc"'
RUNS_NAMED = 5
"""Most runs that a message names."""

_FIND = "SELECT * FROM runs WHERE starts_with(run_id, $name) ORDER BY started_at DESC"
# Runs that found nothing new, as most scheduled runs do, come last.
_FIND_LATEST = f"""
SELECT * FROM runs WHERE flow IN ('{SCORING}', '{TRAINING}')
ORDER BY
    flow = '{TRAINING}' OR status = 'failed' OR coalesce((counts->>'files_scored')::BIGINT, 0)
        + coalesce((counts->>'files_rescored')::BIGINT, 0) + coalesce((counts->>'files_refused')::BIGINT, 0) > 0 DESC,
    started_at DESC
LIMIT 1
"""  # noqa: S608
_SUM_UP_CHECKS = """
SELECT
    boundary, rule, severity, count(*) AS checks, count(*) FILTER (success) AS passed, passed < checks AS is_broken,
    coalesce(sum(unexpected_count) FILTER (NOT success), 0)::BIGINT AS unexpected,
    arg_min(observed, checked_at) FILTER (NOT success) AS observed,
    arg_min(expected, checked_at) FILTER (NOT success) AS expected
FROM contract_results WHERE run_id IN (SELECT unnest($run_ids::VARCHAR[]))
GROUP BY boundary, rule, severity ORDER BY is_broken DESC, severity, boundary, rule
"""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class LoggedRun:
    """One row of the table `runs`."""

    run_id: str
    flow: str
    parameters: dict[str, Any]
    code_version: str | None
    started_at: datetime
    ended_at: datetime | None
    """None while the run goes on, and if it was killed."""
    status: str
    counts: dict[str, Any]
    """Counts and other results by name; empty until the run has ended."""


def find_run(ask: Ask, name: str) -> LoggedRun:
    """Return the run whose id is or begins with `name`, or the latest run for 'latest'.

    Raises `UsageError` if no run or several runs match, or if it is a run of a flow without a report.
    """
    matches = ask(_FIND_LATEST) if name == LATEST else ask(_FIND, {"name": name})
    if not matches:
        raise UsageError(
            "No scoring or training run has been published yet. Next: `reviews train`, then `reviews score`."
            if name == LATEST
            else f"No published run has an id that begins with {escape_controls(name)!r}. Next: {_LIST_RUNS}"
        )
    exact = [row for row in matches if row["run_id"] == name] or matches
    if len(exact) > 1:
        named = ", ".join(row["run_id"] for row in exact[:RUNS_NAMED])
        more = ", ..." if len(exact) > RUNS_NAMED else ""
        raise UsageError(
            f"{escape_controls(name)!r} begins several run ids: {named}{more}. Next: give more of the id."
        )
    run = _parse_run(exact[0])
    if run.flow not in (SCORING, TRAINING):
        raise UsageError(
            f"Run {run.run_id} is of {run.flow}: only scoring and training runs have a report. Next: {_LIST_RUNS}"
        )
    return run


def sum_up_checks(ask: Ask, run_ids: Sequence[str]) -> list[Row]:
    """Return the summed results of the contract checks of some runs, by boundary, rule and severity; broken first."""
    return list(ask(_SUM_UP_CHECKS, {"run_ids": list(run_ids)}))


def _parse_run(row: dict[str, Any]) -> LoggedRun:
    """Return a row of the table `runs` as a run to report on."""
    parsed = {name: json.loads(row[name] or "{}") for name in ("parameters", "counts")}
    return LoggedRun(**{**{name: row[name] for name in LoggedRun.__dataclass_fields__}, **parsed})
