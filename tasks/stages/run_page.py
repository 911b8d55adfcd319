"""Fills a run's page in Prefect: the run's name, live progress, what it did, and its report."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

from prefect import runtime
from prefect.artifacts import (
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.states import Completed

from data_contracts.errors import ReviewsError
from data_contracts.expectations import CheckResult, require_success
from tasks.stages.events import emit_contract_failed
from tasks.support.progress import show_progress
from tasks.support.wording import escape_controls
from tasks.warehouse.run_log import Run, record_checks

Result = TypeVar("Result")

UPDATE_SECONDS = 2.0
"""Seconds between two updates of a progress artifact; work that takes less has no artifact."""
NAME_CHARS = 120
"""Most characters of an error in the name of a run."""


@contextmanager
def show_live_progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress in the terminal and, if the work is long, on the run's page; yield a function to advance it."""
    artifact: Any = None  # the artifact's id, None before it is created
    done, next_update = 0, time.monotonic() + UPDATE_SECONDS
    with show_progress(description, total) as advance_bar:

        def advance(amount: int) -> None:
            nonlocal artifact, done, next_update
            advance_bar(amount)
            done += amount
            if time.monotonic() < next_update:
                return
            next_update = time.monotonic() + UPDATE_SECONDS
            percent = min(100.0, 100 * done / max(total, 1))
            if artifact is None:
                artifact = create_progress_artifact(percent, description=description)
            else:
                update_progress_artifact(artifact, percent)

        yield advance
    if artifact is not None:
        update_progress_artifact(artifact, 100.0)


def end_completed(message: str, result: Result) -> Result:
    """Return a Completed state with a message, for a flow to return; the caller of the flow gets `result`."""
    return cast(Result, Completed(message=escape_controls(message), data=result))


def name_run(name: str) -> None:
    """Rename the present flow run, so that its name says what it did."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(runtime.flow_run.id), name=escape_controls(name))


@contextmanager
def name_failure() -> Iterator[None]:
    """Rename the present flow run if the block fails, so that its name says what failed, and not only which flow."""
    try:
        yield
    except Exception as error:
        with suppress(Exception):  # the error of the run must not be hidden by one of its name
            name_run(f"{runtime.flow_run.name} failed: {name_error(error)}")
        raise


def name_error(error: Exception) -> str:
    """Return the first line of an error's message, at most `NAME_CHARS` long; of other libraries with its class."""
    lines = str(error).strip().splitlines()[:1]
    words = lines if isinstance(error, ReviewsError) and lines else [type(error).__name__, *lines]
    name = escape_controls(": ".join(words))
    return name if len(name) <= NAME_CHARS else f"{name[: NAME_CHARS - 3]}..."


def judge_checks(run: Run, checks: Sequence[CheckResult], next_step: str) -> None:
    """Record the results of checks. Emit a broken contract, then raise it as a `ContractError`."""
    record_checks(run, checks)
    failed = [check for check in checks if not check.success and check.severity == "error"]
    if failed:
        emit_contract_failed(failed)
    require_success(checks, next_step)


def show_lines(key: str, message: str) -> None:
    """Show a message on the run's page, as a table of its lines: words of a table are neither HTML nor Markdown."""
    lines = message.splitlines()
    create_table_artifact(
        [{"": escape_controls(line.strip())} for line in lines],
        key=key,
        description=escape_controls(lines[0]),
    )


def join_lines(message: str) -> str:
    """Return a message as one line, for the state of a run."""
    return " | ".join(" ".join(line.split()) for line in message.splitlines())


def show_report(path: Path, run_id: str, site_url: str | None = None) -> None:
    """Link the run's report on its page, with the command that writes it again."""
    link = name_address(path, site_url)
    create_link_artifact(
        link, link_text=path.name, key="report", description=f"To write it again: reviews report {run_id}"
    )


def name_address(report: Path, site_url: str | None) -> str:
    """Return where a browser finds a report: at `site_url`, if it is served there, since no page can link a file."""
    return f"{site_url}/{report.parent.name}/{report.name}" if site_url else report.as_uri()
