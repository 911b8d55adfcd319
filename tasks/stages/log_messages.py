"""Writes to the log of a run: a line with figures for each stage and for the run, warnings, and messages."""

import sys
from collections.abc import Mapping
from functools import singledispatch
from typing import Any

from prefect import get_run_logger
from prefect.context import FlowRunContext
from prefect.logging.loggers import flow_run_logger

from tasks.scoring.plan import PendingFiles, ScoringPlan
from tasks.scoring.run_outcome import COUNTS
from tasks.support.json_log import FIGURES, format_figures
from tasks.support.wording import escape_controls
from tasks.warehouse.commit import CommitSummary
from tasks.warehouse.model_registry import PromotedModel

Figures = Mapping[str, int | float | str]


@singledispatch
def list_figures(result: object) -> Figures:
    """Return the figures of what a stage returned; none for most stages."""
    return {}


@list_figures.register
def _(found: PendingFiles) -> Figures:
    new, skipped = len(found.new) + len(found.stored.unread), len(found.skipped)
    known = found.files_found - new - skipped
    return {
        "files_found": found.files_found,
        "files_known": known,
        "files_new": new,
        "files_skipped": skipped,
    }


@list_figures.register
def _(plan: ScoringPlan) -> Figures:
    labels = {"label_sheets": len(plan.labels)} if plan.labels else {}
    return {"files_planned": len(plan.files), **labels, "model_id": plan.model_id or "none"}


@list_figures.register
def _(committed: CommitSummary) -> Figures:
    return {name: getattr(committed, name) for name in COUNTS}


@list_figures.register
def _(model: PromotedModel) -> Figures:
    return {"model_id": model.model_id, "variant": model.variant}


def log_stage(task: Any, task_run: Any, state: Any) -> None:
    """Log the name, figures and seconds of a stage that has ended well. Prefect calls this as `on_completion`."""
    seconds = (state.timestamp - task_run.start_time).total_seconds() if task_run.start_time else 0.0
    log_figures(
        task.name, {**list_figures(state.result(raise_on_failure=False)), "seconds": round(seconds, 2)}
    )


def log_figures(stage: str, figures: Figures) -> None:
    """Log a line with figures in the log of the present run, which the JSON formatter gives fields of their own."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    # The logger of a task's run would be the present one, whose lines of this level are left out (`prefect.yaml`).
    logger = flow_run_logger(context.flow_run, context.flow)
    logger.info(f"{stage}: {format_figures(figures)}", extra={FIGURES: {"stage": stage, **figures}})


def log_warning(message: str) -> None:
    """Log a warning in the run's log, as one line: a name of a file with a line break must not look like another."""
    get_run_logger().warning(escape_controls(message))


def warn(message: str) -> None:
    """Log a warning in the run's log and print it in the terminal."""
    log_warning(message)
    plain = escape_controls(message, keep="\n")
    sys.stderr.write(f"{plain}\n")  # the `reviews` command hides Prefect's log in the terminal


def tell(message: str) -> None:
    """Log a message in the run's log, and print it in the terminal."""
    plain = escape_controls(message)
    get_run_logger().info(plain)
    sys.stderr.write(f"{plain}\n")  # the `reviews` command hides Prefect's log in the terminal
