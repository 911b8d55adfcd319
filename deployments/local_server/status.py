"""`reviews status`: describes the worker and the deployments of a running Prefect server."""

from collections.abc import Mapping
from datetime import UTC, datetime
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.sorting import FlowRunSort
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from data_contracts.errors import ReviewsError
from deployments.deployed_runs import ACTIVE_STATES, BADLY_ENDED_STATES, list_runs, list_waiting, list_workers
from deployments.local_server.running import Running
from deployments.local_server.server_process import has_page
from deployments.local_server.up_log import name_log
from deployments.settings import Settings
from tasks.support.wording import count

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

ANSWER_SECONDS = 10.0
MESSAGE_CHARACTERS = 160
"""Characters that are shown of the message of a run; the run's page and report have all of it."""
KINDS = {
    "now": (ACTIVE_STATES, FlowRunSort.END_TIME_DESC),
    "last": (["COMPLETED", *BADLY_ENDED_STATES], FlowRunSort.END_TIME_DESC),
    "next": (["SCHEDULED"], FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC),
}
"""The runs shown for each deployment: their states, and the order whose first run is shown."""


def read_status(running: Running, settings: Settings) -> dict[str, Any]:
    """Return the state of a running `reviews up`: its address, the online workers, and the runs of each deployment.

    Raises `ReviewsError` if its server does not answer in `ANSWER_SECONDS`, fails, or shows no page.
    """
    impatient = {PREFECT_API_REQUEST_TIMEOUT: ANSWER_SECONDS, PREFECT_CLIENT_MAX_RETRIES: 0}
    try:
        with temporary_settings(impatient), get_client(sync_client=True) as client:
            found = {
                "is_up": True,
                "url": running.ui_url,
                "site": running.site_url,
                "process": running.pid,
                "since": running.started_at,
                "stopping": running.doing or None,
                "workers": list_workers(client, settings),
                "deployments": {name: read_deployment(client, name) for name in settings.deployments},
            }
    except (httpx.TransportError, RuntimeError) as error:  # Prefect's client raises some as RuntimeError
        raise ReviewsError(
            f"`reviews up` runs (process {running.pid}), but its server at {running.ui_url} does not answer "
            f"({type(error).__name__}). Next: wait a few minutes, since `reviews up` restarts a server that hangs; "
            "if that does not help, `reviews down` and `reviews up`."
        ) from error
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.UNAUTHORIZED:
            raise
        raise ReviewsError(
            f"`reviews up` runs (process {running.pid}), but its server at {running.ui_url} answers with status "
            f"{error.response.status_code}: it is still starting, or its database is away or busy. Next: ask again "
            f"in a minute, then see {name_log(settings)}."
        ) from error
    if not has_page(running.ui_url, ANSWER_SECONDS):
        raise ReviewsError(
            f"`reviews up` runs (process {running.pid}), but shows no page at {running.ui_url}: its files may have "
            "been replaced. Next: wait a few minutes, since `reviews up` restarts such a server; if that does not "
            "help, `reviews down` and `reviews up`."
        )
    return found


def read_deployment(client: SyncPrefectClient, name: str) -> dict[str, Any]:
    """Return the current, last and next run of a deployment, None for one that there is not, and how many wait."""
    shown = {
        kind: next(map(_read_run, list_runs(client, [name], states, sort=order, limit=1)), None)
        for kind, (states, order) in KINDS.items()
    }
    return {**shown, "waits": len(list_waiting(client, name))}


def describe_status(status: Mapping[str, Any]) -> str:
    """Describe in lines what `read_status` returned."""
    lines = [
        f"Up: {status['url']} (process {status['process']}, since {status['since']})",
        *([f"  stopping  {status['stopping']}"] if status["stopping"] else []),
        *([f"  site    {status['site']}"] if status["site"] else []),
        f"  worker  {', '.join(status['workers']) or 'none answers yet'}",
    ]
    for name, deployment in status["deployments"].items():
        lines += [f"  {name}", *describe_deployment(deployment)]
    return "\n".join(lines)


def describe_deployment(deployment: Mapping[str, Any]) -> list[str]:
    """Describe in lines what `read_deployment` returned."""
    lines = [f"    {kind:<5} {_describe_run(deployment[kind])}" for kind in KINDS if deployment[kind]]
    if deployment["waits"]:
        lines.append(f"    waits {count(deployment['waits'], 'run')}")
    return lines or ["    has not run"]


def _read_run(run: "FlowRun") -> dict[str, Any]:
    """Return the id, name, time, state of a run, and the first line of its message."""
    at = run.end_time or run.start_time or run.expected_start_time
    message = (run.state.message or "").strip().splitlines() if run.state else []
    return {
        "id": str(run.id),
        "name": run.name,
        "at": at.astimezone(UTC).isoformat(timespec="seconds") if at else None,
        "state": run.state.name if run.state else "unknown",
        "message": message[0] if message else None,
    }


def _describe_run(run: Mapping[str, Any]) -> str:
    """Describe a run in a line: its time, state, name and message; the name of a failed run has its error already."""
    when = f"{datetime.fromisoformat(run['at']):%Y-%m-%d %H:%M:%S} UTC" if run["at"] else ""
    message = None if " failed: " in run["name"] else run["message"]
    message = shorten(message, MESSAGE_CHARACTERS, placeholder=" …") if message else None
    return "  ".join(part for part in (when, run["state"], run["name"], message) if part)
