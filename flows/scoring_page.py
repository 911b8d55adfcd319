"""What a scoring run shows on its page in Prefect, and tells the world, of what it did."""

from collections.abc import Sequence
from typing import Any

from prefect import get_run_logger

from data_contracts.storage.home import Home
from tasks.scoring.outcome import FILES, ROWS, RunOutcome
from tasks.scoring.plan import ScoringPlan
from tasks.stages.events import emit_committed, emit_refused
from tasks.stages.lineage import trace_lineage
from tasks.stages.run_page import show_lineage, show_table
from tasks.support.wording import count
from tasks.warehouse.commit import CommittedFile

FILES_NAMED = 5
"""Refused files that a run's message names at most."""


def show_outcome(outcome: RunOutcome, seconds: float) -> None:
    """Show each file that the ledger holds since this run, with the rate, and emit the events of it."""
    files, refused = outcome.files(), outcome.files("refused")
    if files:
        show_table("scored-files", [_describe_file(file) for file in files], _total(outcome, seconds))
    if refused:
        get_run_logger().warning(name_refused(refused))
        emit_refused([file.uri for file in refused], [str(file.rule) for file in refused])
    for model_id in _list_models(outcome):
        emit_committed(model_id, outcome.of_model(model_id).count())


def show_sources(outcome: RunOutcome, home: Home) -> None:
    """Show where the scores come from that this run added."""
    for model_id in _list_models(outcome):
        show_lineage(trace_lineage(home, model_id))


def _list_models(outcome: RunOutcome) -> list[str]:
    """Give the models whose scores were added: one, or two where an earlier run left some behind."""
    return list(dict.fromkeys(file.model_id for file in outcome.files("scored")))


def show_plan(plan: ScoringPlan) -> None:
    """Show what a run would do."""
    rows = [
        {"file": file.uri, "why": file.why, "rows": file.rows, "trouble": file.trouble} for file in plan.files
    ]
    model = plan.model_id or "no model: none is promoted yet"
    show_table("scoring-plan", rows or [{"file": "nothing to do"}], f"What a run would score, with {model}.")


def name_refused(refused: Sequence[CommittedFile]) -> str:
    """Say in one line which files were refused, and by which rules."""
    named = ", ".join(f"{file.uri} ({file.rule})" for file in refused[:FILES_NAMED])
    more = f" and {len(refused) - FILES_NAMED:,} more" if len(refused) > FILES_NAMED else ""
    return f"{count(len(refused), 'file')} refused: {named}{more}"


def _describe_file(file: CommittedFile) -> dict[str, Any]:
    return {
        "file": file.uri,
        "format": file.format,
        "rows": file.rows_read,
        "scored": file.rows_scored,
        "quarantined": file.rows_quarantined,
        "status": file.status,
        "rule": file.rule or "",
        "detail": file.detail or "",
    }


def _total(outcome: RunOutcome, seconds: float) -> str:
    rows, bad = outcome.total(*ROWS), outcome.total("rows_quarantined")
    return (
        f"{count(rows, 'review')} of {count(outcome.total(*FILES), 'file')} scored, "
        f"{count(bad, 'row')} quarantined, {count(len(outcome.files('refused')), 'file')} refused, "
        f"in {seconds:.1f} s, loading the model included ({rows / max(seconds, 0.1):,.0f} reviews/s)."
    )
