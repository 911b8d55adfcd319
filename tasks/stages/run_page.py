"""What a person sees on a run's page in Prefect: a name that says something, live progress, tables, reasons."""

import html
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from prefect import get_run_logger, runtime
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.states import Completed

from data_contracts.expectations import SAMPLES_SHOWN, CheckResult, require_success
from tasks.stages.events import emit_contract_failed
from tasks.support.progress import show_progress
from tasks.support.wording import escape_controls
from tasks.warehouse.run_log import Run, record_checks

if TYPE_CHECKING:
    from tasks.stages.lineage import LineageStep

Result = TypeVar("Result")

UPDATE_SECONDS = 2.0
"""Between two updates of a progress artifact; work that takes less has none."""
ROWS_SHOWN = 200


@contextmanager
def show_live_progress(description: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress in the terminal and, where it takes a while, on the run's page; give what moves it on."""
    with show_progress(description, total) as report_here, _show_on_page(description, total) as report_there:

        def report(amount: int) -> None:
            report_here(amount)
            report_there(amount)

        yield report


@contextmanager
def _show_on_page(description: str, total: int) -> Iterator[Callable[[int], None]]:
    artifact: Any = None  # its id, once there is one
    done, next_update = 0, time.monotonic() + UPDATE_SECONDS

    def report(amount: int) -> None:
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

    yield report
    if artifact is not None:
        update_progress_artifact(artifact, 100.0)


def end_completed(message: str, result: Result) -> Result:
    """End the present flow run as Completed with a message; to be returned by a flow, whose caller gets `result`."""
    return cast(Result, Completed(message=message, data=result))


def name_run(name: str) -> None:
    """Give the present flow run a name that says what it did."""
    with get_client(sync_client=True) as client:
        client.update_flow_run(UUID(runtime.flow_run.id), name=name)


def warn(message: str) -> None:
    """Say what people should know of, in the run's log and in the terminal."""
    get_run_logger().warning(message)
    sys.stderr.write(f"{message}\n")  # the command keeps Prefect's log off the terminal


def judge_checks(run: Run, checks: Sequence[CheckResult], next_step: str) -> None:
    """Record what the checks found; a broken promise is shown and told, then raised as a `ContractError`."""
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
    """Write what is broken as Markdown: by rule what was observed and expected, sample rows; and the next step."""
    return "\n\n".join(
        [
            f"# The contract `{failed[0].boundary}` is broken",
            *map(_describe_broken_rule, failed),
            f"**Next:** {next_step}",
            'All results: `reviews sql "from contract_results where not success"`',
        ]
    )


def _describe_broken_rule(check: CheckResult) -> str:
    samples = ", ".join(map(str, check.unexpected_rows[:SAMPLES_SHOWN]))
    facts = {
        "of": check.columns or check.source_sha256 or "the whole",
        "observed": check.observed,
        "expected": check.expected,
        "rows": f"{check.unexpected_count:,}" + (f", such as {samples}" if samples else ""),
    }
    cells = [_write_row([name, words]) for name, words in facts.items()]
    return "\n".join([f"## {check.rule}", "", _write_row(["", ""]), _write_row(["---", "---"]), *cells])


def show_table(key: str, rows: Sequence[dict[str, Any]], description: str) -> None:
    """Keep a table on the run's page; of a long one its first rows."""
    shown = [{name: _make_plain(value) for name, value in row.items()} for row in rows[:ROWS_SHOWN]]
    more = f" The first {ROWS_SHOWN} of {len(rows):,} are shown." if len(rows) > ROWS_SHOWN else ""
    create_table_artifact(shown, key=key, description=f"{description}{more}")


def show_lineage(steps: Sequence["LineageStep"]) -> None:
    """Show where the scores come from, step by step, with the rows of each."""
    head = ["step", "what", "rows", "fingerprint"]
    rows = [
        [step.step, step.what, f"{step.rows:,}" if step.rows else "-", step.fingerprint] for step in steps
    ]
    lines = [_write_row(head), _write_row(["---"] * len(head)), *map(_write_row, rows)]
    title = "archive → Parquet → bundle → `scored_reviews`"
    create_markdown_artifact(
        "\n".join([f"# {title}", "", *lines]), key="lineage", description="Where the scores come from."
    )


def show_report(path: Path, run_id: str) -> None:
    """Link the run's report, and say how to write it anew."""
    create_link_artifact(
        path.as_uri(), link_text=path.name, key="report", description="The report of this run."
    )
    text = f"The report of this run is `{_make_plain(str(path))}`.\n\nTo write it anew: `reviews report {run_id}`"
    create_markdown_artifact(
        text, key="report-file", description="Where the report is, and how to write it anew."
    )


def _make_plain(value: Any) -> Any:
    """Spell out what would steer a terminal or turn the direction of what follows it."""
    return escape_controls(value) if isinstance(value, str) else value


def _write_row(cells: Sequence[str]) -> str:
    """Write a row of a Markdown table; what would end a cell, or be HTML or Markdown in it, is escaped."""
    kept = (_escape_cell(cell) for cell in cells)
    return f"| {' | '.join(kept)} |"


def _escape_cell(cell: str) -> str:
    plain = escape_controls(cell.replace("\n", " ")).replace("\\", "\\\\")
    for mark in "|`*_[]":
        plain = plain.replace(mark, f"\\{mark}")
    return html.escape(plain, quote=False)
