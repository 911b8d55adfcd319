"""Finds the run to report on, by its id, the beginning of its id, or as the newest run that did something."""

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


def find_run(ask: Ask, name: str) -> tuple[str, str]:
    """Return the id and the flow of the run whose id is or begins with `name`, or of the latest run for 'latest'.

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
    run_id, flow = exact[0]["run_id"], exact[0]["flow"]
    if flow not in (SCORING, TRAINING):
        raise UsageError(
            f"Run {run_id} is of {flow}: only scoring and training runs have a report. Next: {_LIST_RUNS}"
        )
    return run_id, flow
