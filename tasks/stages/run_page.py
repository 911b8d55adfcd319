"""Fills a run's page in Prefect: the run's name, live progress, tables and broken contracts."""

import html
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from prefect import runtime
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.states import Completed

from data_contracts.errors import ReviewsError
from data_contracts.expectations import SAMPLES_SHOWN, CheckResult, require_success
from tasks.stages.events import emit_contract_failed
from tasks.support.progress import show_progress
from tasks.support.wording import escape_controls
from tasks.warehouse.run_log import Run, record_checks

if TYPE_CHECKING:
    from tasks.stages.lineage import LineageStep

Result = TypeVar("Result")

UPDATE_SECONDS = 2.0
"""Seconds between two updates of a progress artifact; work that takes less has no artifact."""
ROWS_SHOWN = 200
"""Most rows of a table artifact."""


NAME_CHARS = 120
"""Most characters of an error in the name of a run."""


@contextmanager
def show_live_progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress in the terminal and, if the work is long, on the run's page; yield a function to advance it."""
    with (
        show_progress(description, total) as advance_bar,
        _show_on_page(description, total) as advance_artifact,
    ):

        def advance(amount: int) -> None:
            advance_bar(amount)
            advance_artifact(amount)

        yield advance


@contextmanager
def _show_on_page(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that shows the progress on the run's page in Prefect."""
    artifact: Any = None  # the artifact's id, None before it is created
    done, next_update = 0, time.monotonic() + UPDATE_SECONDS

    def advance(amount: int) -> None:
        nonlocal artifact, done, next_update
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
    """Record the results of checks. Show and emit a broken contract, then raise it as a `ContractError`."""
    record_checks(run, checks)
    failed = [check for check in checks if not check.success and check.severity == "error"]
    if failed:
        emit_contract_failed(failed)
        create_markdown_artifact(
            describe_broken_contract(failed, next_step),
            key="broken-contract",
            description=f"{failed[0].boundary}: {', '.join(sorted({check.rule for check in failed}))}",
        )
    require_success(checks, next_step)


def describe_broken_contract(failed: Sequence[CheckResult], next_step: str) -> str:
    """Return Markdown about failed checks: what each rule observed and expected, sample rows, and the next step."""
    return "\n\n".join(
        [
            f"# The contract `{failed[0].boundary}` is broken",
            *map(_describe_broken_rule, failed),
            f"**Next:** {next_step}",
            'All results: `reviews sql "from contract_results where not success"`',
        ]
    )


def _describe_broken_rule(check: CheckResult) -> str:
    """Return Markdown about one broken rule, for the run's page."""
    samples = ", ".join(map(str, check.unexpected_rows[:SAMPLES_SHOWN]))
    facts = {
        "of": check.columns or check.source_sha256 or "the whole",
        "observed": check.observed,
        "expected": check.expected,
        "rows": f"{check.unexpected_count:,}" + (f", such as {samples}" if samples else ""),
    }
    rows = [_format_row([name, words]) for name, words in facts.items()]
    return "\n".join([f"## {check.rule}", "", _format_row(["", ""]), _format_row(["---", "---"]), *rows])


def show_table(key: str, rows: Sequence[dict[str, Any]], description: str) -> None:
    """Show a table on the run's page, its first `ROWS_SHOWN` rows if it is longer."""
    shown = [{name: _escape(value) for name, value in row.items()} for row in rows[:ROWS_SHOWN]]
    more = f" The first {ROWS_SHOWN} of {len(rows):,} are shown." if len(rows) > ROWS_SHOWN else ""
    create_table_artifact(shown, key=key, description=f"{description}{more}")


def show_lineage(steps: Sequence["LineageStep"]) -> None:
    """Show the lineage of scores on the run's page, with the rows of each step."""
    head = ["step", "what", "rows", "fingerprint"]
    rows = [
        [step.step, step.what, f"{step.rows:,}" if step.rows else "-", step.fingerprint] for step in steps
    ]
    lines = [_format_row(head), _format_row(["---"] * len(head)), *map(_format_row, rows)]
    title = "archive → Parquet → bundle → `scored_reviews`"
    create_markdown_artifact(
        "\n".join([f"# {title}", "", *lines]), key="lineage", description="Where the scores come from."
    )


def show_report(path: Path, run_id: str, site_url: str | None = None) -> None:
    """Link the run's report on its page, with the command that writes it again."""
    link = name_address(path, site_url)
    create_link_artifact(link, link_text=path.name, key="report", description="The report of this run.")
    text = (
        f"The report of this run is `{_escape(str(path))}`.\n\nTo write it again: `reviews report {run_id}`"
    )
    create_markdown_artifact(
        text, key="report-file", description="Where the report is, and how to write it again."
    )


def name_address(report: Path, site_url: str | None) -> str:
    """Return where a browser finds a report: at `site_url`, if it is served there, since no page can link a file."""
    return f"{site_url}/{report.parent.name}/{report.name}" if site_url else report.as_uri()


def _escape(value: Any) -> Any:
    """Return a value with the control characters of a text escaped, and characters that change its direction."""
    return escape_controls(value) if isinstance(value, str) else value


def _format_row(cells: Sequence[str]) -> str:
    """Return a row of a Markdown table, with HTML and Markdown in its cells escaped."""
    escaped = (_escape_cell(cell) for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _escape_cell(cell: str) -> str:
    """Escape a cell of a Markdown table on the page."""
    plain = escape_controls(cell.replace("\n", " ")).replace("\\", "\\\\")
    for mark in "|`*_[]":
        plain = plain.replace(mark, f"\\{mark}")
    return html.escape(plain, quote=False)
