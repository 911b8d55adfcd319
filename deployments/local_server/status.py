"""`reviews status`: describes the worker and the deployments of a running Prefect server."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    FlowRunFilter,
    WorkerFilter,
    WorkerFilterStatus,
)
from prefect.client.schemas.sorting import FlowRunSort
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from data_contracts.errors import ReviewsError
from deployments.automations import DEPLOYMENTS
from deployments.local_server.running import Running
from deployments.work_pool import POOL
from tasks.support.wording import count

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

ANSWER_SECONDS = 10.0
NEWEST_FIRST, SOONEST_FIRST = FlowRunSort.END_TIME_DESC, FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC
KINDS = {
    "now": (["RUNNING", "PENDING", "CANCELLING"], NEWEST_FIRST),
    "last": (["COMPLETED", "FAILED", "CRASHED", "CANCELLED"], NEWEST_FIRST),
    "next": (["SCHEDULED"], SOONEST_FIRST),
}
"""The runs shown for each deployment: their states, and the order whose first run is shown."""


def describe_status(running: Running) -> str:
    """Describe the server's address, the online workers, and the current, last and next run of each deployment.

    Raises `ReviewsError` if its server does not answer in `ANSWER_SECONDS`.
    """
    impatient = {PREFECT_API_REQUEST_TIMEOUT: ANSWER_SECONDS, PREFECT_CLIENT_MAX_RETRIES: 0}
    try:
        with temporary_settings(impatient), get_client(sync_client=True) as client:
            return "\n".join(_describe_server(client, running))
    except (httpx.TransportError, RuntimeError) as error:  # Prefect's client raises some as RuntimeError
        raise ReviewsError(
            f"`reviews up` runs (process {running.pid}), but its server at {running.ui_url} does not answer "
            f"({type(error).__name__}). Next: wait a few minutes, since `reviews up` restarts a server that hangs; "
            "if that does not help, `reviews down` and `reviews up`."
        ) from error


def _describe_server(client: SyncPrefectClient, running: Running) -> list[str]:
    """Return the lines of `reviews status`: the server, its workers, and each deployment's runs."""
    online = WorkerFilter(status=WorkerFilterStatus(any_=["ONLINE"]))
    workers = client.read_workers_for_work_pool(POOL, worker_filter=online)
    lines = [
        f"Up: {running.ui_url} (process {running.pid}, since {running.started_at})",
        *([f"  stopping  {running.doing}"] if running.doing else []),
        f"  worker  {', '.join(worker.name for worker in workers) or 'none answers yet'}",
    ]
    for name in DEPLOYMENTS:
        lines += [f"  {name}", *describe_deployment(client, name)]
    return lines


def describe_deployment(client: SyncPrefectClient, name: str) -> list[str]:
    """Return the lines of `reviews status` on a deployment: its current, last and next run, and how many wait."""
    lines = []
    for kind, (states, order) in KINDS.items():
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": states}}}),
            deployment_filter=DeploymentFilter.model_validate({"name": {"any_": [name]}}),
            sort=order,
            limit=1,
        )
        lines += [f"    {kind:<5} {_describe_run(run)}" for run in runs]
    if waiting := count_waiting(client, name):
        lines.append(f"    waits {count(waiting, 'run')}")
    return lines or ["    has not run"]


def count_waiting(client: SyncPrefectClient, name: str) -> int:
    """Return how many runs of a deployment are due and wait, 200 at most."""
    due = {
        "state": {"type": {"any_": ["SCHEDULED"]}},
        "expected_start_time": {"before_": datetime.now(UTC)},
    }
    deployment = DeploymentFilter.model_validate({"name": {"any_": [name]}})
    return len(
        client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(due), deployment_filter=deployment)
    )


def _describe_run(run: "FlowRun") -> str:
    """Describe a run in a line: its time, state, name and the first line of its message."""
    at = run.end_time or run.start_time or run.expected_start_time
    when = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at else ""
    state = run.state.name if run.state else "unknown"
    message = (run.state.message or "").strip().splitlines() if run.state else []
    if " failed: " in run.name:  # it has the error already
        message = []
    return "  ".join(part for part in (when, state, run.name, *message[:1]) if part)
